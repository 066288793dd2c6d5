"""Saving a form: drafts, completion, stale and doubled saves, changes with a reason, entries in error."""

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import FormPlace
from patients.entry import drafts
from patients.entry.saving import (
    Entry,
    NotComplete,
    ReasonNeeded,
    Saved,
    StaleRecord,
    amend,
    complete,
    strike_out,
)
from patients.models import Draft, Patient, Query, Record
from patients.review import source_verification
from patients.review.marks import SeenVersion
from protocol.values.parsing import NotOffered, ValueRefused
from tests.support import build
from tests.support.pages.entry_pages import WHOLE
from tests.support.study.entered_forms import at, draft

pytestmark = pytest.mark.django_db


def whole(patient: Patient) -> dict[str, Any]:
    """Return complete vital signs without an unusual value."""
    measured = f"{patient.screened_on}T09:00{'+02:00' if is_summer(patient.screened_on) else '+01:00'}"
    return {**WHOLE, "measured_at": f"{measured}[Europe/Brussels]", "temp": "36.70"}


def is_summer(day: date) -> bool:
    return bool(build.moment(f"{day} 09:00").offset == 120)


def completed(place: FormPlace, by: User, values: dict[str, Any], base: int = 0, **more: Any) -> Saved:
    with acting(user=by, role="coordinator"):
        return complete(Entry(place=place, values=values, base_version=base, **more), by=by)


def amended(place: FormPlace, by: User, values: dict[str, Any], base: int, reason: str, **more: Any) -> Saved:
    with acting(user=by, role="coordinator"):
        return amend(Entry(place=place, values=values, base_version=base, **more), reason=reason, by=by)


def test_a_draft_may_be_incomplete_and_hold_the_impossible(patient: Patient, nurse: User) -> None:
    """Hard checks and missing answers block completing, never a draft."""
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
    """DAT-02: “not done” is an answer, a blank is none."""
    values = {**whole(patient), "gcs_eye": {"missing": "NA", "reason": "sedated"}}
    assert completed(at(patient, nurse), nurse, values).record.values["gcs_eye"] == {
        "missing": "NA",
        "reason": "sedated",
    }


def test_completing_names_every_item_that_prevents_it(patient: Patient, nurse: User) -> None:
    values = {**whole(patient), "sbp": "60", "dbp": "90"}
    del values["hr"]
    with pytest.raises(NotComplete) as refused:
        completed(at(patient, nurse), nurse, values)
    assert [(each.item, each.check) for each in refused.value.checked.blocking_findings] == [
        ("hr", "needed"),
        ("sbp", "check:VS01"),
    ]
    assert not Record.objects.exists()


def test_a_form_waits_for_the_answer_that_decides_what_it_asks(patient: Patient, nurse: User) -> None:
    """Undetermined is not no: a pregnancy test cannot be completed while the sex is not captured."""
    place = at(patient, nurse, "pregnancy_test")
    with pytest.raises(NotComplete) as refused:
        completed(place, nurse, {})
    (finding,) = refused.value.checked.blocking_findings
    assert (finding.item, finding.sentence()) == (
        "childbearing_potential",
        "Whether this is asked depends on “Demography: Sex at birth”: answer that first.",
    )
    draft(at(patient, nurse, "demography"), nurse, {"sex": "M"})
    assert completed(place, nurse, {}).record.state == Record.State.COMPLETE


def test_a_stale_save_overwrites_nothing(patient: Patient, nurse: User) -> None:
    """DAT-11."""
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "72"})
    draft(place, nurse, {"hr": "74"}, base=1)
    with pytest.raises(StaleRecord) as refused:
        draft(place, nurse, {"hr": "99"}, base=1)
    assert refused.value.record.values == {"hr": "74"}
    with pytest.raises(StaleRecord):
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
    """REL-13: one rendered form sent twice, the second time with more values: both are stored, without a conflict."""
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
            Entry(place=place, values={**whole(patient), "hr": "80"}, base_version=3, key="x"),
            reason="Typing error",
            by=nurse,
        )
    with pytest.raises(StaleRecord):
        draft(place, nurse, {"hr": "99"}, key="one")


def test_saving_what_is_stored_changes_nothing(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "72"})
    saved = draft(place, nurse, {"hr": "72"}, base=1)
    assert not saved.changed
    assert saved.record.history.count() == 1


def test_a_complete_form_changes_only_with_a_reason(patient: Patient, nurse: User) -> None:
    """AUD-04, DAT-07: without a reason, or with blanks for one, nothing is stored; else who and why stand beside it."""
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
    """Marks that a later change of the same item undoes (OpenClinica OC-8157)."""
    place = at(patient, nurse)
    saved = completed(place, nurse, whole(patient))
    monitor = build.user("monitor", trial=patient.trial)
    seen = [SeenVersion(saved.record.pk, 1, tuple(saved.record.values))]
    with acting(user=monitor, role="monitor"):
        source_verification.verify(patient=patient, seen=seen, by=monitor, role="monitor")
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


def test_what_is_typed_is_kept_until_the_form_is_saved(patient: Patient, nurse: User, rf: Any) -> None:
    place = at(patient, nurse)
    posted = rf.post("/", {"hr": "7", "csrfmiddlewaretoken": "x"}).POST
    for text in ("7", "72"):
        posted = posted.copy()
        posted["hr"] = text
        drafts.keep_draft(place=place, inputs=posted, base_version=0, by=nurse)
    kept = drafts.draft_of(place=place, user=nurse)
    assert kept is not None
    assert drafts.typed_in(kept).dict() == {"hr": "72"}
    draft(place, nurse, {"hr": "72"})
    assert not Draft.objects.exists()
