"""Measure ODM files of the large trial: seconds, megabytes and the peak memory of this process, which stays flat."""

import os
import resource
import time
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
AIM = "aim: peak under 150 MB whatever the size"


def measured(trial: Any, code: str) -> str:
    """Make a file of a format and return its figures as a line."""
    from django.utils import timezone

    from exports.formats.data_files import Exported, ReaderRights
    from exports.formats.registry import FORMATS

    made = FORMATS[code].of_trial
    if made is None:
        raise ValueError(f"{code} is no file of a trial")
    begun = time.perf_counter()
    file = made(trial, Exported(trial.slug, timezone.now(), "bench"), ReaderRights(False, False))
    size = sum(len(piece) for piece in file.pieces)
    seconds, peak = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    made_of = f"{file.count[0]:,} subjects or changes"
    return f"{code}: {made_of}, {size / 1e6:.0f} MB, {seconds:.1f} s, peak {peak:.0f} MB; {AIM}"


def main() -> None:
    """Print the figures of the snapshot and of the transactions."""
    import django

    django.setup()
    from trials.models import Trial

    trial = Trial.objects.select_related("protocol").get(slug="bulk")
    for code in ("odm", "odm-transactions"):
        print(measured(trial, code))


if __name__ == "__main__":
    main()
