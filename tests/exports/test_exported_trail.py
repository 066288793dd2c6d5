"""The trail and the threads of queries in the export of a study: who, why, and in English whoever takes it."""

from datetime import datetime

import pytest
from django.utils.translation import gettext, override

from audit.context import acting, set_user
from exports.tables.cells import as_typed
from exports.tables.trail.table import COLUMNS as COLUMNS_OF_TRAIL
from exports.tables.trail.table import trail_table
from patients.models import Query, Record
from patients.queries.threads import answer_query, raise_query
from tests.support import build
from tests.support.pages.exports import exported, table

pytestmark = pytest.mark.django_db


def ask_for_height(record: Record, by) -> Query:
    return raise_query(
        record=record,
        item="height",
        text="Was it measured?",
        origin=Query.Origin.DATA_MANAGER,
        by=by,
        role="data_manager",
    )


def test_the_trail_shows_old_and_new_value_with_who_and_why(trial, manager):
    """P11-02: the electronic copy includes the audit trail of each item."""
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    person = build.user("coordinator", trial=trial)
    with acting(user=person, role="coordinator", reason="Misread the chart"):
        record.values = {**record.values, "height": "179"}
        record.save()
    rows = [row for row in table(exported(manager, trial), "audit_trail") if row["field"] == "values.height"]
    assert [(row["old"], row["new"]) for row in rows] == [("", "178"), ("178", "179")]
    assert (rows[1]["user"], rows[1]["role"], rows[1]["reason"]) == (
        person.username,
        "coordinator",
        "Misread the chart",
    )


def test_a_line_of_the_exported_trail_says_where_it_belongs_and_what_its_codes_mean(trial, manager):
    """AUD-02: subject, visit, form, repeat, label, value raw and decoded, time in UTC and at the site."""
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    with acting(user=manager):
        set_user(manager, session="4f2a")
        record.values = {**record.values, "sex": "F", "height": {"missing": "ND"}}
        record.save()
        asked = ask_for_height(record, manager)
    rows = [row for row in table(exported(manager, trial), "audit_trail") if row["patient"] == patient.code]
    sex, height = (
        next(row for row in rows if row["field"] == f"values.{name}" and row["session"])
        for name in ("sex", "height")
    )
    place = {"visit": "SCR", "form": "demography", "repeat": "1"}
    assert place.items() <= sex.items()
    assert (sex["label"], sex["new"], sex["new_words"]) == ("Sex at birth", "F", "Female")
    assert (height["old"], height["old_words"], height["new_words"]) == ("178", "", "Not done")
    assert (sex["session"], sex["at"][-1]) == ("4f2a", "Z")
    at_site = datetime.fromisoformat(sex["site_time"])
    assert at_site == datetime.fromisoformat(sex["at"])
    assert at_site.utcoffset() == at_site.astimezone(trial.zone).utcoffset()
    question = next(row for row in rows if (row["table"], row["row"]) == ("patients.query", str(asked.pk)))
    assert place.items() <= question.items()
    state = next(row for row in rows if row["field"] == "state" and row["table"] == "patients.query")
    assert (state["new"], state["new_words"]) == ("open", "Open")


def test_an_export_speaks_english_whoever_takes_it(trial):
    """The file is read by other people than its user; Django itself translates "Yes" into French."""
    build.eligible(trial=trial)
    with override("fr"):
        assert str(gettext("Yes")) == "Oui"
        rows = list(trail_table(trial, sees_treatment=True).rows())
    field, new, words = (
        [column.name for column in COLUMNS_OF_TRAIL].index(name) for name in ("field", "new", "new_words")
    )
    result = {row[words] for row in rows if row[field].startswith("values.") and row[new] == "Y"}
    assert result == {"Yes"}


def test_the_threads_of_queries_are_exported_with_author_and_text(trial, manager):
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    nurse = build.user("coordinator", trial=trial)
    with acting(user=manager):
        asked = ask_for_height(record, manager)
    with acting(user=nurse):
        answer_query(query=asked, text="=Yes, standing", by=nurse, role="coordinator")
    archive = exported(manager, trial)
    number = next(row["query"] for row in table(archive, "queries") if row["item"] == "height")
    result = [row for row in table(archive, "query_messages") if row["query"] == number]
    assert result[-1]["patient"] == patient.code
    assert (result[-1]["said_by"], result[-1]["role"]) == (nurse.full_name, "coordinator")
    assert as_typed(result[-1]["text"]) == "=Yes, standing"
