"""Start and end of the infusion of a visit are names in the expressions of its forms (`infusion.started_at`)."""

import pytest

from audit.context import acting
from dosing.infusions.administration import mark_not_given
from patients.casebook.casebook import Casebook
from patients.models import Query
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import FIRST, INCLUDED, give, on, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

CHECK = (
    '{ id = "VS90", on = "measured_at", severity = "soft", violated = "before(infusion.ended_at, measured_at)", '
    'message = { en = "Taken after the infusion.", fr = "Après la perfusion." } },\n  { id = "VS01", '
)
VITALS = {
    "measured_at": "2026-03-10T11:30+01:00[Europe/Brussels]", "temp": "36.7", "hr": "72", "rr": "18",
    "spo2": "96", "acvpu": "A", "gcs_eye": "4", "gcs_verbal": "5", "gcs_motor": "6", "sbp": "124", "dbp": "76",
    "weight": "82",
}  # fmt: skip


@pytest.fixture
def trial():
    text = build.protocol_text(build.LIEGE)
    return build.version(text.replace('{ id = "VS01", ', CHECK)).trial


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def coordinator(trial):
    person = build.user("coordinator", trial=trial)
    with acting(user=person, role="coordinator", origin="web"):
        yield person


def asked(patient) -> list[tuple[str, str]]:
    rows = Query.objects.filter(patient=patient, check_id="check:VS90").order_by("pk")
    return [(query.state, str(query.text)) for query in rows]


def value(patient, person, visit: str, form: str = "vitals"):
    casebook = Casebook.open(user=person, trial=patient.trial, code=patient.code)
    return casebook.scope(casebook.place(form, visit), {}).get("infusion.ended_at")


def test_the_infusion_is_known_at_its_own_visit_only(patient, coordinator):
    assert value(patient, coordinator, "INF1") is None
    give(patient, FIRST, on("10-Mar-2026"), coordinator)
    assert value(patient, coordinator, "INF1") == "2026-03-10T11:00+01:00[Europe/Brussels]"
    assert value(patient, coordinator, "INF2") is None
    assert value(patient, coordinator, "D7") is None


def test_a_form_read_before_the_infusion_was_recorded_is_judged_when_it_is(patient, coordinator):
    """DAT-04: the check of a complete form opens and closes its query with the times of the infusion."""
    with acting(user=coordinator, role="coordinator"):
        give(patient, FIRST, on("10-Mar-2026", ended=moment("10-Mar-2026 12:00")), coordinator)
    build.record(patient, "vitals", VITALS, visit="INF1", by=coordinator)
    assert asked(patient) == []
    with acting(user=coordinator, role="coordinator", origin="web"):
        give(patient, FIRST, on("10-Mar-2026"), coordinator, reason="Misread")
    assert asked(patient) == [("open", "Taken after the infusion. (because “End of the infusion” changed)")]
    with acting(user=coordinator, role="coordinator", origin="web"):
        row = stored(patient, FIRST)
        mark_not_given(infusion=row, reason="Another patient", version=row.version, by=coordinator)
    assert [state for state, _text in asked(patient)] == ["closed"]


def test_what_does_not_change_the_times_judges_nothing(patient, coordinator):
    give(patient, FIRST, on("10-Mar-2026"), coordinator)
    build.record(
        patient,
        "vitals",
        VITALS | {"measured_at": "2026-03-10T10:30+01:00[Europe/Brussels]"},
        visit="INF1",
        by=coordinator,
    )
    with acting(user=coordinator, role="coordinator", origin="web"):
        give(patient, FIRST, on("10-Mar-2026", premedication="Paracetamol"), coordinator, reason="Misread")
    assert asked(patient) == []
