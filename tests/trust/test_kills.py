"""Killed while people save: the short form of `make trust` (REL-01), and the proof that its figures can be wrong."""

from collections.abc import Iterator

import pytest

from tests.support.operation.installation import installation
from tests.trust.kills import EVERYTHING, WORKERS, WRONG, Cycles, Target
from tests.trust.saving import Installation

pytestmark = [pytest.mark.django_db, pytest.mark.long]

PATIENTS = ["BEN-0001", "BEN-0002"]
FILL = """
import django; django.setup()
from audit.context import acting
from tests.bench import study
from tests.bench.fill import PASSWORD
from trials.versions.loading import load_protocol
with acting(system="test", reason="test"):
    trial = load_protocol(text=study.PROTOCOL.read_text("utf-8")).trial
    people = study._people([trial], PASSWORD)
    for _each in range(2):
        study._included(trial, people["investigator"], PASSWORD)
"""


@pytest.fixture
def cycles(tmp_path) -> Iterator[Cycles]:
    with installation(tmp_path) as place:
        here = Installation(tmp_path, place.database_url, purpose="test")
        done = here.run("-c", FILL)
        assert done.returncode == 0, done.stderr
        made = Cycles(Target(here), PATIENTS, cold=False)
        try:
            yield made
        finally:
            made.target.kill(EVERYTHING)


def test_no_acknowledged_save_is_lost_when_the_server_is_killed_and_a_lost_one_would_be_noticed(cycles):
    """One server for both: from the middle on it acknowledges first and saves later."""
    for _each in range(8):
        cycles.once(WORKERS, cold=False)
    assert sum(len(clerk.told.acknowledged) for clerk in cycles.clerks) > 8
    assert {name: cycles.wrong[name] for name in WRONG} == dict.fromkeys(WRONG, 0)

    (cycles.target.here.folder / "lies").touch()
    for _each in range(3):
        cycles.once(WORKERS, cold=False)
    assert cycles.wrong["lost"] > 0
    assert cycles.wrong["without_history"] > 0
