"""Crawl every address from both trials: `python -m tests.trust.crawl [ENGINE]`, on the engine of DATABASE_URL.

Works on a test database of its own. Prints the findings, and the figures last; exits with 1 if there is a finding.
"""

import logging
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

KINDS = (
    "unstated", "unfilled", "server_errors", "without_a_right", "refused_all_the_same", "existence_told",
    "told_of_another_trial", "written",
)  # fmt: skip
OWN_VALUES = 4


def main() -> int:
    """Crawl and print what was found."""
    os.environ["STROMA_ENV"] = "test"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection, transaction
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    from tests.support.database import migrated
    from tests.trust.saving import told

    if sys.argv[1:] not in ([], [connection.vendor]):
        print(f"{sys.argv[1]} was asked for, DATABASE_URL names {connection.vendor}", file=sys.stderr)
        return 2
    logging.disable(logging.ERROR)
    setup_test_environment()
    migrated.copy_instead_of_migrating()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        with tempfile.TemporaryDirectory() as folder, transaction.atomic():
            settings.SEAL_FILE = Path(folder) / "seals.log"
            settings.STORAGES = {
                **settings.STORAGES,
                "documents": {**settings.STORAGES["documents"], "OPTIONS": {"location": folder}},
            }
            counts, found = crawled()
            transaction.set_rollback(True)
    finally:
        teardown_databases(databases, verbosity=0)
    print(told({**counts, **{kind: found[kind] for kind in KINDS}}))
    return 1 if sum(found.values()) else 0


def crawled() -> tuple[Counter[str], Counter[str]]:
    """Crawl from each of two trials. Return the figures and the number of findings by kind."""
    from tests.support import build
    from tests.trust.crawl import study
    from tests.trust.crawl.crawler import Crawl

    masked, open_trial = study.trial(build.COVID_MSV), study.trial(build.LIEGE)
    counts, found = Counter[str](), Counter[str]()
    for home, other in ((masked, open_trial), (open_trial, masked)):
        crawl = Crawl(home, other, own_values=OWN_VALUES)
        crawl.run()
        print(home.slug, dict(crawl.counts), flush=True)
        # The same addresses and people twice, but other requests.
        counts = Counter(
            {
                name: number if name in {"addresses", "people"} else counts[name] + number
                for name, number in crawl.counts.items()
            }
        )
        for kind, each in crawl.findings.items():
            found[kind] += len(each)
            print(f"{kind}:\n" + "\n".join(each))
    return counts, found


if __name__ == "__main__":
    sys.exit(main())
