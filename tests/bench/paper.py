"""Measure casebooks as tagged PDF: seconds, and the memory of reading the data and of typesetting separately."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figures import Figures
from tests.bench.servers import ROOT

if TYPE_CHECKING:
    from exports.paper.audience import Audience
    from exports.paper.typesetting import Making

AIM = "aim: 200 pages in under 15 s; 401 pages under 250 MB, whatever patients they are of"
# Of 26 pages each: more than the 401 of the aim.
PATIENTS = 16
MANY, ONE = "casebooks of {patients} patients", "casebook of one patient with the forms of {patients}"


def printed(figures: Figures, environment: dict[str, str]) -> None:
    """Make the casebooks of sixteen patients as one PDF, then their pages as those of one; add the costs as notes."""
    for title, which in ((MANY, "many"), (ONE, "one")):
        command = [sys.executable, "-m", "tests.bench.paper", which]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
        figures.note(
            (
                title + ": {pages} pages, {seconds:.1f} s ({cpu:.1f} s CPU), "
                "{megabytes} MB while setting, {gathering} MB while gathering"
            ).format(**answer)
        )
        share = 200 / answer["pages"]
        figures.note(f"  that is {answer['seconds'] * share:.1f} s for 200 pages; {AIM}")


def measured(which: str) -> dict[str, float]:
    """Return pages, seconds, CPU seconds, peak MB of this process (`gathering`) and of typesetting (`megabytes`).

    which: `many` patients, or `one` that has the rows of all of them.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone
    from pypdf import PdfReader

    from accounts.models import User
    from exports.paper.audience import Audience
    from exports.paper.casebook import write_casebook
    from exports.paper.typesetting import Making
    from trials.models import Trial

    call_command("check", verbosity=0)
    trial = Trial.objects.select_related("protocol").get(slug="bench")
    codes = list(trial.patients.order_by("number").values_list("code", flat=True)[:PATIENTS])
    audience, now = Audience.nobody(trial), timezone.now()
    making = Making(at=now, at_words=audience.instant(now), by=User.objects.earliest("pk").full_name)
    write = write_casebook if which == "many" else _as_of_one
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "casebook.pdf"
        begun = time.perf_counter()
        write(audience=audience, codes=codes, making=making, out=out)
        seconds = time.perf_counter() - begun
        # Before the file is read here: that takes more memory than gathering.
        own, setting = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        pages = len(PdfReader(out).pages)
    return {
        "patients": len(codes),
        "pages": pages,
        "seconds": seconds,
        "cpu": own.ru_utime + own.ru_stime + setting.ru_utime + setting.ru_stime,
        "megabytes": setting.ru_maxrss // 1024,
        "gathering": own.ru_maxrss // 1024,
    }


def _as_of_one(*, audience: "Audience", codes: list[str], making: "Making", out: Path) -> None:
    """Write the rows of all patients as the casebook of the first. Gathering has them all in memory."""
    from exports.paper.casebook import head, parts_of
    from exports.paper.division import SECTIONS, pieces
    from exports.paper.typesetting import typeset

    first, *others = parts_of(audience, codes, lambda done: None)
    for section in SECTIONS:
        first[section] = [row for part in (first, *others) for row in part[section]]
    typeset(
        template="casebook",
        head=head(audience, codes[:1]),
        parts=[first],
        making=making,
        out=out,
        divide=pieces,
    )


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1])))
