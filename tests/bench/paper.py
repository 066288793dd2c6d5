"""Measure casebooks as tagged PDF: seconds, and the memory of reading the data and of typesetting separately."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figures
from tests.bench.servers import ROOT

AIM = "aim: 200 pages in under 15 s; 401 pages under 250 MB"
# Of 26 pages each: more than the 401 of the aim.
PATIENTS = 16


def printed(figures: Figures, environment: dict[str, str]) -> None:
    """Make the casebooks of sixteen patients as one PDF in a separate process, and add its cost as a note."""
    command = [sys.executable, "-m", "tests.bench.paper"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    figures.note(
        "casebook of {patients} patients: {pages} pages, {seconds:.1f} s ({cpu:.1f} s CPU), "
        "{megabytes} MB while setting, {gathering} MB while gathering".format(**answer)
    )
    share = 200 / answer["pages"]
    figures.note(f"  that is {answer['seconds'] * share:.1f} s for 200 pages; {AIM}")


def measured() -> dict[str, float]:
    """Return pages, seconds, CPU seconds, peak MB of this process (`gathering`) and of typesetting (`megabytes`)."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from pypdf import PdfReader

    from accounts.models import User
    from exports.documents import Copy, write
    from exports.paper.audience import Audience
    from trials.models import Trial

    call_command("check", verbosity=0)
    trial = Trial.objects.select_related("protocol").get(slug="bench")
    codes = list(trial.patients.order_by("number").values_list("code", flat=True)[:PATIENTS])
    copy = Copy("casebook", Audience.nobody(trial), codes, User.objects.earliest("pk").full_name, "Bench")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "casebook.pdf"
        begun = time.perf_counter()
        write(copy, out)
        seconds = time.perf_counter() - begun
        pages = len(PdfReader(out).pages)
    own, setting = (resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "patients": len(codes),
        "pages": pages,
        "seconds": seconds,
        "cpu": own.ru_utime + own.ru_stime + setting.ru_utime + setting.ru_stime,
        "megabytes": setting.ru_maxrss // 1024,
        "gathering": own.ru_maxrss // 1024,
    }


if __name__ == "__main__":
    print(json.dumps(measured()))
