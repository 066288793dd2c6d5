"""Entering forms: drafts, completing, amending, striking out; what the server refuses."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients import drafting, verifying
from patients.casebook import Casebook, Place
from patients.entry import NotComplete, ReasonNeeded, Saved, Stale, amend, complete, save_draft, strike_out
from patients.marking import Seen
from patients.models import Draft, Patient, Query, Record, Visit
from tests import build
from trials.items import NotOffered, ValueRefused
from trials.models import Trial

pytestmark = pytest.mark.django_db

BLOOD_PRESSURE = {"sbp": "124", "dbp": "76"}


@pytest.fixture
def trial(db: None) -> Trial:
    return build.trial()


@pytest.fixture
def nurse(trial: Trial) -> User:
    return build.user("coordinator", trial=trial)


@pytest.fixture
def patient(trial: Trial, nurse: User) -> Patient:
    """A patient in screening who has consented."""
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    return patient


def whole(patient: Patient) -> dict[str, Any]:
    """Vital signs that answer all that is needed, nothing unusual."""
    measured = f"{patient.screened_on}T09:00{'+02:00' if is_summer(patient.screened_on) else '+01:00'}"
    return {
        "measured_at": f"{measured}[Europe/Brussels]",
        "temp": "36.70",
        "hr": "72",
        "rr": "18",
        "spo2": "96",
        "acvpu": "A",
        "gcs_eye": "4",
        "gcs_verbal": "5",
        "gcs_motor": "6",
        **BLOOD_PRESSURE,
    }


def is_summer(day: date) -> bool:
    return bool(build.moment(f"{day} 09:00").offset == 120)


def at(patient: Patient, by: User, form: str = "vitals", visit: str | None = "SCR", repeat: int = 1) -> Place:
    return Casebook.opened(user=by, trial=patient.trial, code=patient.code).place(form, visit, repeat)


def draft(place: Place, by: User, values: dict[str, Any], base: int = 0, **more: Any) -> Saved:
    with acting(user=by, role="coordinator"):
        return save_draft(place=place, values=values, base_version=base, by=by, **more)


def completed(place: Place, by: User, values: dict[str, Any], base: int = 0, **more: Any) -> Saved:
    with acting(user=by, role="coordinator"):
        return complete(place=place, values=values, base_version=base, by=by, **more)


def amended(place: Place, by: User, values: dict[str, Any], base: int, reason: str, **more: Any) -> Saved:
    with acting(user=by, role="coordinator"):
        return amend(place=place, values=values, base_version=base, reason=reason, by=by, **more)


def test_a_draft_may_be_incomplete_and_hold_the_impossible(patient: Patient, nurse: User) -> None:
    """DESIGN §4: hard checks and missing answers block completing, never a draft."""
    saved = draft(at(patient, nurse), nurse, {"sbp": "60", "dbp": "90"})
    assert saved.record.state == Record.State.DRAFT
    assert saved.record.values == {"sbp": "60", "dbp": "90", "map": "80.0"}
    assert saved.record.version == 1


def test_what_is_not_of_its_type_is_refused_and_nothing_stored(patient: Patient, nurse: User) -> None:
    for values, error in (
        ({"sbp": "12,5"}, ValueRefused),
        ({"sbp": 124}, ValueRefused),
        ({"sbp": ["124"]}, ValueRefused),
        ({"temp": {"value": "99", "entered": "36.7", "unit": "Cel"}}, ValueRefused),
        ({"measured_at": "2026-03-29T02:30+01:00[Europe/Brussels]"}, ValueRefused),
        ({"sbp": {"missing": "LOST"}}, NotOffered),
        ({"colour": "red"}, NotOffered),
    ):
        with pytest.raises(error):
            draft(at(patient, nurse), nurse, values)
    assert not Record.objects.exists()


def test_a_form_is_complete_when_all_that_is_needed_is_answered(patient: Patient, nurse: User) -> None:
    saved = completed(at(patient, nurse), nurse, whole(patient))
    assert saved.record.state == Record.State.COMPLETE
    assert saved.record.completed_at is not None


def test_a_missing_code_answers_an_item(patient: Patient, nurse: User) -> None:
    """DAT-02: not done is an answer, blank is none."""
    values = {**whole(patient), "gcs_eye": {"missing": "NA", "reason": "sedated"}}
    assert completed(at(patient, nurse), nurse, values).record.values["gcs_eye"] == {
        "missing": "NA",
        "reason": "sedated",
    }


def test_completing_names_every_item_that_stands_in_the_way(patient: Patient, nurse: User) -> None:
    values = {**whole(patient), "sbp": "60", "dbp": "90"}
    del values["hr"]
    with pytest.raises(NotComplete) as refused:
        completed(at(patient, nurse), nurse, values)
    assert [(each.item, each.check) for each in refused.value.judgement.obstacles] == [
        ("hr", "needed"),
        ("sbp", "check:VS01"),
    ]
    assert not Record.objects.exists()


def test_a_form_waits_for_the_answer_that_decides_what_it_asks(patient: Patient, nurse: User) -> None:
    """Undetermined is not no: a pregnancy test is not complete because nobody has said yet that she is a woman."""
    place = at(patient, nurse, "pregnancy_test")
    with pytest.raises(NotComplete) as refused:
        completed(place, nurse, {})
    (finding,) = refused.value.judgement.obstacles
    assert (finding.item, finding.sentence()) == (
        "childbearing_potential",
        "Whether this is asked depends on “Demography: Sex at birth”: answer that first.",
    )
    draft(at(patient, nurse, "demography"), nurse, {"sex": "M"})
    assert completed(place, nurse, {}).record.state == Record.State.COMPLETE


def test_a_calculated_value_is_the_servers_and_never_the_senders(patient: Patient, nurse: User) -> None:
    saved = draft(at(patient, nurse), nurse, {**BLOOD_PRESSURE, "map": "999"})
    assert saved.record.values["map"] == "92.0"


def test_an_answer_to_what_is_not_asked_is_not_stored_and_the_trail_keeps_the_old_one(
    patient: Patient, nurse: User
) -> None:
    """AUD-05: values hidden by skip logic stay readable in the history."""
    place = at(patient, nurse, "respiratory_support")
    draft(place, nurse, {"support": "IMV", "peep": "8"})
    saved = draft(place, nurse, {"support": "AIR", "peep": "8"}, base=1)
    assert "peep" not in saved.record.values
    history = saved.record.history.order_by("history_id").values_list("values", flat=True)
    assert [values.get("peep") for values in history] == ["8", None]


def test_an_answer_is_kept_while_nothing_decides_whether_it_is_asked(patient: Patient, nurse: User) -> None:
    """Undetermined is not no: a nurse who types out of order loses nothing."""
    saved = draft(at(patient, nurse, "respiratory_support"), nurse, {"peep": "8"})
    assert saved.record.values == {"peep": "8"}


def test_checks_see_the_other_forms_of_the_patient(patient: Patient, nurse: User) -> None:
    """DAT-08: the weight of the day is compared with the weight at screening."""
    draft(at(patient, nurse, "demography"), nurse, {"weight": "80"})
    saved = draft(at(patient, nurse), nurse, {"weight": "60"})
    assert [query.check_id for query in Query.objects.filter(record=saved.record)] == ["check:VS03"]


def test_an_unusual_value_opens_a_query_that_closes_when_it_is_corrected(
    patient: Patient, nurse: User
) -> None:
    """AUD-10: the system raises it, for the person who saved."""
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "190"})
    query = Query.objects.get()
    assert (query.item, query.check_id, query.state) == ("hr", "soft_limit", "open")
    assert query.text == "Unusual: expected between 40 and 180 beats/min. Check the value."
    assert query.history.get().history_user_name == f"system:checks for {nurse.username}"
    draft(place, nurse, {"hr": "90"}, base=1)
    query.refresh_from_db()
    assert (query.state, query.closed_because) == ("closed", "The value was corrected.")


def test_a_confirmed_value_is_not_asked_about_again(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "190"}, confirmed={"hr": "Fever of 41"})
    query = Query.objects.get()
    assert (query.state, query.closed_because) == ("closed", "Fever of 41")
    draft(place, nurse, {"hr": "190", "rr": "20"}, base=1)
    assert Query.objects.count() == 1
    draft(place, nurse, {"hr": "195", "rr": "20"}, base=2)
    assert list(Query.objects.values_list("state", flat=True)) == ["closed", "open"]


def test_a_later_confirmation_closes_the_query_by_the_person(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "190"})
    draft(place, nurse, {"hr": "190"}, base=1, confirmed={"hr": "Fever of 41"})
    query = Query.objects.get()
    assert (query.state, query.closed_because) == ("closed", "Fever of 41")
    assert query.history.order_by("history_id").last().history_user_name == nurse.username


def test_a_query_about_a_cell_names_its_row_and_column(trial: Trial, nurse: User) -> None:
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    included(patient)
    rows = [{"time_point": "START", "hr": "80"}, {"time_point": "END", "hr": "190"}]
    draft(at(patient, nurse, "infusion_monitoring", "INF1"), nurse, {"series": rows})
    query = Query.objects.get()
    assert (query.item, query.check_id) == ("series", "soft_limit@2.5")


def included(patient: Patient) -> None:
    """Put a patient into follow-up since the day after screening, every visit due."""
    day = patient.screened_on + timedelta(days=1)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="enrolled", enrolled_on=day, enrolled_at=timezone.now()
        )
        Visit.objects.filter(patient=patient).update(window_from=day, planned_on=day, window_to=day)


def test_a_stale_save_overwrites_nothing(patient: Patient, nurse: User) -> None:
    """DAT-11."""
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "72"})
    draft(place, nurse, {"hr": "74"}, base=1)
    with pytest.raises(Stale) as refused:
        draft(place, nurse, {"hr": "99"}, base=1)
    assert refused.value.record.values == {"hr": "74"}
    with pytest.raises(Stale):
        draft(place, nurse, {"hr": "99"})
    assert Record.objects.get().values == {"hr": "74"}


def test_the_same_rendered_form_is_saved_once(patient: Patient, nurse: User) -> None:
    """A double click saves once and is no conflict."""
    place = at(patient, nurse)
    first = draft(place, nurse, {"hr": "72"}, key="one")
    again = draft(place, nurse, {"hr": "72"}, key="one")
    assert (first.record.pk, again.changed) == (again.record.pk, False)
    assert Record.objects.get().version == 1


def test_what_was_typed_after_the_first_press_is_not_taken_for_a_double_click(
    patient: Patient, nurse: User
) -> None:
    """REL-13: one rendered form sent twice, the second time with more: both are stored, and no conflict."""
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "72"}, key="one")
    more = draft(place, nurse, {"hr": "72", "rr": "18"}, key="one")
    assert (more.changed, more.record.values) == (True, {"hr": "72", "rr": "18"})
    saved = completed(place, nurse, whole(patient), key="one")
    assert (saved.record.state, saved.record.version) == ("complete", 3)
    with pytest.raises(ValidationError):
        completed(place, nurse, {**whole(patient), "hr": "80"}, key="one")
    with acting(user=nurse, role="coordinator"):
        amend(
            place=place,
            values={**whole(patient), "hr": "80"},
            base_version=3,
            reason="Typing error",
            by=nurse,
            key="x",
        )
    with pytest.raises(Stale):
        draft(place, nurse, {"hr": "99"}, key="one")


def test_saving_what_is_stored_changes_nothing(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "72"})
    saved = draft(place, nurse, {"hr": "72"}, base=1)
    assert not saved.changed
    assert saved.record.history.count() == 1


def test_a_complete_form_changes_only_with_a_reason(patient: Patient, nurse: User) -> None:
    """AUD-04: without a reason, or with blanks for one, nothing is stored."""
    place = at(patient, nurse)
    completed(place, nurse, whole(patient))
    changed = {**whole(patient), "hr": "74"}
    with pytest.raises(ValidationError):
        draft(place, nurse, changed, base=1)
    with pytest.raises(ValidationError):
        completed(place, nurse, changed, base=1)
    for blank in ("", "   "):
        with pytest.raises(ReasonNeeded):
            amended(place, nurse, changed, 1, blank)
    saved = amended(place, nurse, changed, 1, "Transcription error")
    assert saved.record.values["hr"] == "74"
    assert saved.record.history.order_by("-history_id").first().history_change_reason == "Transcription error"


def test_an_amended_form_stays_complete(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    completed(place, nurse, whole(patient))
    without = {name: value for name, value in whole(patient).items() if name != "hr"}
    with pytest.raises(NotComplete):
        amended(place, nurse, without, 1, "Transcription error")


def test_a_change_undoes_the_verification(patient: Patient, nurse: User) -> None:
    """DESIGN §4: marks that a later change of the same item undoes (OpenClinica OC-8157)."""
    place = at(patient, nurse)
    saved = completed(place, nurse, whole(patient))
    monitor = build.user("monitor", trial=patient.trial)
    seen = [Seen(saved.record.pk, 1, tuple(saved.record.values))]
    with acting(user=monitor, role="monitor"):
        verifying.verify(patient=patient, seen=seen, by=monitor, role="monitor")
    assert Record.objects.get().verified_at is not None
    amended(place, nurse, {**whole(patient), "hr": "74"}, 1, "Transcription error")
    assert Record.objects.get().verified_at is None


def test_a_draft_is_not_amended(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "72"})
    with pytest.raises(ValidationError, match="Only a complete form"):
        amended(place, nurse, {"hr": "74"}, 1, "Transcription error")


def test_a_form_struck_out_stays_with_its_values_and_another_takes_its_place(
    patient: Patient, nurse: User
) -> None:
    """AUD-03: nothing clinical is deleted."""
    place = at(patient, nurse)
    saved = draft(place, nurse, {"hr": "190"})
    with acting(user=nurse, role="coordinator"):
        with pytest.raises(ValidationError):
            strike_out(record=saved.record, reason="  ", by=nurse)
        struck = strike_out(record=saved.record, reason="Wrong patient", by=nurse)
    assert (struck.state, struck.values["hr"], struck.struck_out_reason) == (
        "struck_out",
        "190",
        "Wrong patient",
    )
    assert Query.objects.get().closed_because == "Wrong patient"
    draft(place, nurse, {"hr": "72"})
    assert list(Record.objects.order_by("pk").values_list("repeat", "state")) == [
        (1, "struck_out"),
        (2, "draft"),
    ]


def test_a_form_struck_out_is_not_struck_out_again_and_a_log_row_is_not_reopened(
    patient: Patient, nurse: User
) -> None:
    place = at(patient, nurse, "medication", None, 1)
    saved = draft(place, nurse, {})
    with acting(user=nurse, role="coordinator"):
        strike_out(record=saved.record, reason="Wrong patient", by=nurse)
        with pytest.raises(ValidationError, match="already struck out"):
            strike_out(record=saved.record, reason="Wrong patient", by=nurse)
    with pytest.raises(ValidationError, match="Add a new row"):
        draft(place, nurse, {}, base=0)


def test_nothing_is_entered_before_consent(trial: Trial, nurse: User) -> None:
    """P11-06."""
    patient = build.patient(trial=trial, by=nurse)
    with pytest.raises(ValidationError, match="record the consent first"):
        draft(at(patient, nurse), nurse, BLOOD_PRESSURE)


def test_a_visit_after_inclusion_waits_for_inclusion(patient: Patient, nurse: User) -> None:
    with pytest.raises(ValidationError, match="comes after inclusion"):
        draft(at(patient, nurse, "vitals", "D7"), nurse, BLOOD_PRESSURE)


def test_a_visit_that_has_not_opened_says_when_it_opens(patient: Patient, nurse: User) -> None:
    included(patient)
    with acting(system="test"):
        Visit.objects.filter(patient=patient, code="D7").update(
            window_from=build.today(patient) + timedelta(days=3)
        )
    with pytest.raises(ValidationError, match="D7 opens on"):
        draft(at(patient, nurse, "vitals", "D7"), nurse, BLOOD_PRESSURE)
    draft(at(patient, nurse, "vitals", "D1"), nurse, BLOOD_PRESSURE)


def test_a_missed_visit_has_no_forms(patient: Patient, nurse: User) -> None:
    included(patient)
    with acting(system="test"):
        Visit.objects.filter(patient=patient, code="D7").update(state="missed", missed_reason="Holiday")
    with pytest.raises(ValidationError, match="was missed"):
        draft(at(patient, nurse, "vitals", "D7"), nurse, BLOOD_PRESSURE)


def test_after_the_end_of_the_study_nothing_new_is_collected(patient: Patient, nurse: User) -> None:
    """PRV-03: data until the withdrawal are kept, later collection is blocked."""
    included(patient)
    end = patient.screened_on + timedelta(days=5)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(state="ended", ended_on=end, end_reason="withdrawal")
        Visit.objects.filter(patient=patient, code="D90").update(planned_on=end + timedelta(days=1))
    with pytest.raises(ValidationError, match="after the end of the study"):
        draft(at(patient, nurse, "vitals", "D90"), nurse, BLOOD_PRESSURE)
    draft(at(patient, nurse, "vitals", "D1"), nurse, BLOOD_PRESSURE)


def test_a_screen_failure_gets_no_new_form_but_its_forms_can_be_corrected(
    patient: Patient, nurse: User
) -> None:
    draft(at(patient, nurse), nurse, BLOOD_PRESSURE)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="screen_failed", failed_on=patient.screened_on, failure_reason="Declined"
        )
    draft(at(patient, nurse), nurse, {"sbp": "126", "dbp": "76"}, base=1)
    with pytest.raises(ValidationError, match="failed screening"):
        draft(at(patient, nurse, "demography"), nurse, {})


@pytest.mark.parametrize("what", ["record", "patient", "trial"])
def test_nothing_is_changed_after_the_lock(patient: Patient, nurse: User, what: str) -> None:
    saved = draft(at(patient, nurse), nurse, BLOOD_PRESSURE)
    rows = {"record": saved.record, "patient": patient, "trial": patient.trial}[what]
    with acting(system="test"):
        type(rows).objects.filter(pk=rows.pk).update(locked_at=timezone.now())
    with pytest.raises(ValidationError, match="locked"):
        draft(at(patient, nurse), nurse, {"sbp": "126"}, base=1)
    with pytest.raises(ValidationError, match="locked"), acting(user=nurse, role="coordinator"):
        strike_out(record=saved.record, reason="Wrong patient", by=nurse)


def test_another_form_than_the_protocol_asks_for_has_no_place(patient: Patient, nurse: User) -> None:
    for form, visit, repeat in (
        ("vitals", "D99", 1),
        ("medication", "SCR", 1),
        ("vitals", None, 1),
        ("x", "SCR", 1),
    ):
        with pytest.raises(LookupError):
            at(patient, nurse, form, visit, repeat)


def test_what_is_typed_is_kept_until_the_form_is_saved(patient: Patient, nurse: User, rf: Any) -> None:
    place = at(patient, nurse)
    posted = rf.post("/", {"hr": "7", "csrfmiddlewaretoken": "x"}).POST
    for text in ("7", "72"):
        posted = posted.copy()
        posted["hr"] = text
        drafting.keep_draft(place=place, posted=posted, base_version=0, by=nurse)
    kept = drafting.draft_of(place=place, user=nurse)
    assert kept is not None
    assert drafting.typed_in(kept).dict() == {"hr": "72"}
    draft(place, nurse, {"hr": "72"})
    assert not Draft.objects.exists()


def test_expressions_see_the_visit_before_and_the_same_visit(patient: Patient, nurse: User) -> None:
    """`previous` is the record of the form at the visit before; another form is that of the same visit."""
    included(patient)
    first = patient.screened_on + timedelta(days=1)
    with acting(system="test"):
        for number, code in enumerate(("INF1", "D1", "D2")):
            Visit.objects.filter(patient=patient, code=code).update(planned_on=first + timedelta(days=number))
    for visit, rate in (("INF1", "70"), ("D1", "71"), ("D2", "72")):
        draft(at(patient, nurse, "vitals", visit), nurse, {"hr": rate})
    casebook = Casebook.opened(user=nurse, trial=patient.trial, code=patient.code)
    scope = casebook.scope(casebook.place("vitals", "D1"), {"hr": "99"})
    assert (scope.get("hr"), scope.get("previous(hr)"), scope.get("last(hr)")) == ("99", "70", "99")
    other = casebook.scope(casebook.place("respiratory_support", "D1"), {})
    assert other.get("vitals.hr") == "71"
    assert other.get("previous(vitals.hr)") == "70"
