"""Two people who decide on a redaction, an event whose text names somebody, and what is stored of it."""

import pytest
from django.db import connection

from audit.context import acting
from audit.models import Redaction
from audit.redactions.redaction import ask_redaction, confirm_redaction
from audit.sealing import seals, verification
from audit.sealing.verification import Tally
from tests.support import build

NAME = "Marie Dupont"
NARRATIVE = f"The daughter of {NAME} called; {NAME} has a fever"


@pytest.fixture
def people(trial):
    return build.user("data_manager", trial=trial), build.user("investigator", trial=trial)


@pytest.fixture
def event(trial):
    return build.event(patient=build.patient(trial=trial), description=NARRATIVE)


def past(row):
    return list(row.history.order_by("history_id"))


def asked(row, by, *, place="description.", text=NAME, reason="A relative is named", entry=None) -> Redaction:
    with acting(user=by, role="data_manager", origin="web"):
        return ask_redaction(
            trial_id=past(row)[0].history_trial, model=type(row), row=(entry or past(row)[0]).history_id,
            place=place, text=text, reason=reason, by=by,
        )  # fmt: skip


def confirmed(redaction, by) -> int:
    with acting(user=by, role="investigator", origin="web"):
        return confirm_redaction(redaction=redaction, by=by)


def objections() -> list[str]:
    return [str(each) for each in verification.findings(Tally()) if each.place != verification.FILE]


def sealed() -> None:
    with acting(system="seal"):
        seals.seal(reason="test")


def everything_stored() -> str:
    """Return the text of every row of every table."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found.append(repr(cursor.fetchall()))
    return "".join(found)
