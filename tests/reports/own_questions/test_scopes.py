"""The scopes of a question are those of the casebook, found in another way (ASK-01)."""

import pytest

from audit.context import acting
from patients.casebook.casebook import Casebook, FormPlace
from patients.models import Record, Visit
from reports.own_questions.scopes import RecordScopes
from tests.support import build

pytestmark = pytest.mark.django_db
FORMS = frozenset({"vitals", "demography", "medication"})


@pytest.fixture
def patient(trial, nurse):
    """A patient with vital signs at four visits, one struck out and entered again, and five rows of a log."""
    found = build.enrolled(trial=trial)
    visits = {visit.code: visit for visit in found.visits.all()}
    with acting(system="test"):
        for visit in ("D7", "D1", "D28", "D2"):
            Visit.objects.filter(pk=visits[visit].pk).update(
                state="held", held_on=visits[visit].planned_on or trial.today
            )
        for number, (form, visit, repeat, state) in enumerate(
            [
                ("vitals", "D7", 1, "struck_out"), ("vitals", "D1", 1, "draft"), ("vitals", "D28", 1, "complete"),
                ("medication", None, 2, "complete"), ("medication", None, 1, "complete"), ("vitals", "D7", 2, "draft"),
                ("medication", None, 4, "draft"), ("medication", None, 3, "struck_out"),
                ("medication", None, 5, "draft"),
                ("vitals", "D2", 1, "complete"),
            ]
        ):  # fmt: skip
            Record.objects.create(
                patient=found, protocol=found.protocol, form=form, visit=visits[visit] if visit else None,
                repeat=repeat, state=state, values={"hr": str(60 + number), "name": f"Medicine {number}"},
                struck_out_reason="Wrong patient" if state == "struck_out" else "",
            )  # fmt: skip
    return found


def told(scope) -> dict[str, object]:
    """Return which records a scope reads, by name, and what stands beside the forms."""
    found = {
        name: {form: record.pk for form, record in getattr(scope, name).by_form.items() if form in FORMS}
        for name in ("previous", "last", "same")
    }
    beside = scope.other_forms.extra_names
    return {
        **found,
        "other": {form: record.pk for form, record in scope.other_forms.by_form.items() if form in FORMS},
        "visit": beside["visit"],
        "logs": {
            form: [record.pk for record in rows]
            for form, rows in beside["logs"].by_form.items()
            if form in FORMS
        },
        "subject": dict(scope.subject),
        "own": (scope.form, scope.form_values),
    }


@pytest.mark.parametrize("form", sorted(FORMS))
def test_each_record_has_the_scope_that_its_page_has(patient, trial, nurse, form):
    book = Casebook.open(user=nurse, trial=trial, code=patient.code)
    records = [each for each in book.records if each.state != "struck_out" and each.form in FORMS]
    scopes = RecordScopes(book, records, FORMS, logs=True)
    visits, seen = {visit.pk: visit for visit in book.visits}, []
    for record, scope in scopes.of_form(form):
        place = FormPlace(
            patient, visits.get(record.visit_id), patient.protocol, trial.rules.form(form), record.repeat
        )
        assert told(scope) == told(book.scope(place, record.values))
        seen.append((record.visit.code if record.visit else "", record.repeat))
    assert (
        seen
        == {
            "demography": [("SCR", 1)],
            "medication": [("", 1), ("", 2), ("", 4), ("", 5)],
            "vitals": [
                ("D1", 1),
                ("D2", 1),
                ("D7", 2),
                ("D28", 1),
            ],
        }[form]
    )
