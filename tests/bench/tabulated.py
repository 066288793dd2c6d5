"""Measure the SDTM package of a study with many patients: `python -m tests.bench.tabulated`.

The patients are those of the training installation, made one by one in the database of the bench; making them takes
longer than all that is measured. SDTM_PATIENTS: how many (200).
"""

import os
import resource
import time
from itertools import cycle, islice
from typing import Any, Final

from tests.bench.fill import PASSWORD
from tests.bench.servers import ROOT

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
SLUG: Final = "nct04361942"
PATIENTS: Final = int(os.environ.get("SDTM_PATIENTS") or 200)
AIM: Final = "aim: 200 patients in under 60 s, peak under 500 MB"


def filled() -> Any:
    """Return the second shipped trial with as many patients, each with one of the stories of the training data."""
    from audit.context import acting
    from demo.patients import Populator
    from demo.people import make_people
    from demo.stock import fill_stock
    from demo.stories import STORIES
    from trials.models import Trial
    from trials.versions.loading import load_protocol

    trial = Trial.objects.select_related("protocol").filter(slug=SLUG).first()
    if trial is None:
        text = (ROOT / f"trials/protocols/{SLUG}.toml").read_text("utf-8")
        with acting(system="bench", reason="measuring"):
            trial = load_protocol(text=text).trial
            made = Populator(trial, make_people([trial], PASSWORD), PASSWORD, seed=1)
            fill_stock(made)
            for story in islice(cycle(STORIES), PATIENTS):
                made.create(story)
    return trial


def packaged(trial: Any) -> tuple[int, int]:
    """Make the package, keep nothing, and return the number of its files and of their bytes."""
    from django.utils import timezone

    from exports.formats.data_files import Exported
    from exports.sdtm import package

    number = size = 0
    for file in package.files((), Exported(trial.slug, timezone.now(), "bench", sees_treatment=True)):
        number += 1
        size += sum(len(piece) for piece in file.pieces)
    return number, size


def main() -> None:
    """Print the seconds of the package. The database of the bench keeps the patients."""
    import django

    django.setup()
    trial = filled()
    patients = trial.patients.count()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    number, size = packaged(trial)
    seconds, peak = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"SDTM of {patients} patients: {seconds:.1f} s, {number} files, {size / 1e6:.1f} MB, "
        f"peak {peak:.0f} MB ({before:.0f} MB before); {AIM}"
    )


if __name__ == "__main__":
    main()
