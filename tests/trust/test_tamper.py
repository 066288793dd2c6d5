"""The table of attempts on the trail, in short: two tables of all, and everything particular (REL-07)."""

import pytest

from tests.trust import tamper_attempts as attempts
from tests.trust.tamper_attempts import LEFT, NAMED, Attempt, Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


@pytest.fixture
def stage() -> Stage:
    made = attempts.stage()
    attempts.leave_unsealed()
    return made


def ended(tried: list[Attempt], on: Stage) -> dict[tuple[str, str], str]:
    return {(each.name, each.by): attempts.outcome(each, on).what for each in tried}


def expected(tried: list[Attempt]) -> dict[tuple[str, str], str]:
    return {(each.name, each.by): each.expected for each in tried}


def test_accounts_files_signatures_events_and_seals(stage):
    tried = list(attempts.particular(stage))
    assert ended(tried, stage) == expected(tried)
    assert len([each for each in tried if each.expected == LEFT]) == 2
    idle = Attempt("nothing at all", "nobody", lambda: None, NAMED)
    assert ended([idle], stage) != expected([idle]), "what the verification does not name is noticed"


def test_a_clinical_table_and_that_of_the_roles(stage):
    """The long form tries them all."""
    tried = [
        each
        for each in attempts.on_every_table(stage)
        if each.name.startswith(("patients_record:", "patients_historicalrecord:", "trials_delegation:"))
    ]
    assert ended(tried, stage) == expected(tried)
    assert [each for each in tried if each.expected == NAMED]
