"""A process that saves until a file appears, and prints one line for each attempt: what, when, and how it ended."""

import json
import sys
import time
from pathlib import Path

import django


def main(name: str, stop: Path) -> None:
    """Create one audited row after another; `done` is printed after the commit, as a page answers after it."""
    django.setup()
    from django.db import DatabaseError, transaction

    from audit.context import acting
    from trials.models import Trial

    number = 0
    while not stop.exists():
        number += 1
        slug, began = f"{name}-{number}", time.time()
        try:
            with acting(system="writer"), transaction.atomic():
                Trial.objects.create(slug=slug)
            ended = "done"
        except DatabaseError as refused:
            ended = str(refused).splitlines()[0]
        print(
            json.dumps({"slug": slug, "began": began, "took": time.time() - began, "ended": ended}),
            flush=True,
        )
        time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
