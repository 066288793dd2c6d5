"""Print the table of attempts on the trail: `python -m tests.trust.tamper`, on the database of DATABASE_URL.

Works on a test database of its own. Exits with 1 if an attempt ended otherwise than expected.
"""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path


def main() -> int:
    """Try every attempt and print what became of it."""
    os.environ["STROMA_ENV"] = "test"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection, transaction
    from django.test.utils import setup_databases, teardown_databases

    from tests.support.database import migrated
    from tests.trust.saving import told

    migrated.copy_instead_of_migrating()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        with tempfile.TemporaryDirectory() as folder, transaction.atomic():
            settings.SEAL_FILE = Path(folder) / "seals.log"
            counts, surprises = table(connection.vendor)
            transaction.set_rollback(True)
    finally:
        teardown_databases(databases, verbosity=0)
    named = {what.replace(" ", "_"): number for what, number in sorted(counts.items())}
    print(told({"attempts": sum(counts.values()), **named, "otherwise_than_expected": surprises}))
    return 1 if surprises else 0


def table(vendor: str) -> tuple[Counter[str], int]:
    """Print the table; return the number of each outcome, and of surprises. Needs an open transaction."""
    from tests.support.database import tracked_rows
    from tests.trust import tamper_attempts as attempts

    tracked_rows.drop_value_constraints()
    stage = attempts.stage()
    attempts.leave_unsealed()
    counts, surprises = Counter[str](), 0
    print(f"{vendor}\n| attempt | by | outcome | sentence |\n|---|---|---|---|")
    for attempt in (*attempts.on_every_table(stage), *attempts.particular(stage)):
        outcome = attempts.outcome(attempt, stage)
        counts[outcome.what] += 1
        surprise = "" if outcome.what == attempt.expected else f" (expected: {attempt.expected})"
        surprises += bool(surprise)
        print(f"| {attempt.name} | {attempt.by} | {outcome.what}{surprise} | {outcome.sentence} |")
    return counts, surprises


if __name__ == "__main__":
    sys.exit(main())
