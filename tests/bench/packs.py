"""Measure each report pack of the 200 patients of `outcomes`, made by the command: `python -m tests.bench.packs`.

Printed in the environment of the bench: pages, seconds of a clock and of CPU, and the peak of memory of the whole
command, the start of Python and the typesetting in its own process included.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.servers import ROOT

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
AIM = "aim: 60 pages in at most 10 s and 250 MB"


def made(slug: str, pack: str, out: Path, user: str = "") -> tuple[float, "resource.struct_rusage"]:
    """Make a pack by its command and return the seconds, and what the process and its children used."""
    person = ["--user", user] if user else []
    command = [
        sys.executable,
        "manage.py",
        "report",
        "--trial",
        slug,
        "--pack",
        pack,
        "--out",
        str(out),
        *person,
    ]
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _pid, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"The pack {pack} was not made")
    return seconds, used


def main() -> None:
    """Print a line for each pack that can be made without a person."""
    import django

    django.setup()
    from pypdf import PdfReader

    from reports.packs.registry import PACKS
    from tests.bench import outcomes
    from trials.permissions import Permission

    trial = outcomes.filled()
    for pack in PACKS.values():
        if pack.see == Permission.SEE_CLOSED_REPORT:
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "pack.pdf"
            seconds, used = made(trial.slug, pack.code, out)
            pages = len(PdfReader(out).pages)
        cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss // 1024
        print(
            f"{pack.code} of {trial.patients.count()} patients: {pages} pages, {seconds:.1f} s "
            f"({cpu:.1f} s CPU), {peak} MB; {AIM}"
        )


if __name__ == "__main__":
    main()
