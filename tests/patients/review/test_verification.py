"""Source verification and medical review: marked in bulk, undone by a later change, listed with old and new value."""

import json
import re
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import Mark, Record
from patients.review import medical_review, source_verification
from patients.review.marks import WHOLE, SeenVersion
from tests.support import build
from tests.support.pages.session_end import sent_after_session_end
from tests.support.study import cohort
from tests.support.study.entered_forms import DEMOGRAPHY
from tests.support.translation.readers import reader, three_languages  # noqa: F401
from trials.models import Trial

pytestmark = pytest.mark.django_db

PLANNED = ("age", "sex", "height", "weight")


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial)


def verify(record: Record, by: User, *items: str, version: int | None = None) -> int:
    seen = [SeenVersion(record.pk, version or record.version, items or PLANNED)]
    with acting(user=by, role="monitor"):
        return source_verification.verify(patient=record.patient, seen=seen, by=by, role="monitor")


def changed(record: Record, **values: Any) -> dict[str, Any]:
    return {**Record.objects.get(pk=record.pk).values, **values}


def by_verb(record: Record, values: dict[str, Any]) -> None:
    nurse = User.objects.get(username__startswith="changer")
    opened = Casebook.open(user=nurse, trial=record.patient.trial, code=record.patient.code)
    place = opened.place(record.form, "SCR")
    asked = {name: value for name, value in values.items() if name not in ("bmi", "pbw")}
    saving.amend(
        saving.Entry(place=place, values=asked, base_version=record.version), reason="read again", by=nurse
    )


def by_save(record: Record, values: dict[str, Any]) -> None:
    row = Record.objects.get(pk=record.pk)
    row.values = values
    row.save()


def by_update(record: Record, values: dict[str, Any]) -> None:
    Record.objects.filter(pk=record.pk).update(values=values)


def by_raw_sql(record: Record, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE patients_record SET "values" = %s WHERE id = %s', [json.dumps(values), record.pk]
        )


WAYS = [by_verb, by_save, by_update, by_raw_sql]


@pytest.fixture
def changer(trial: Trial) -> User:
    with acting(system="test"):
        person = User.objects.create_user("changer", build.PASSWORD, full_name="Nora Nurse")
    build.delegate(person, trial=trial, role="coordinator")
    return person


def test_a_monitor_verifies_the_planned_items_of_a_form(record, monitor):
    """The form is verified when every planned and answered item is."""
    assert verify(record, monitor, "age", "sex") == 0
    assert verify(record, monitor, "height", "weight") == 1
    record.refresh_from_db()
    assert record.verified_at is not None
    assert set(Mark.objects.values_list("item", flat=True)) == set(PLANNED)
    assert {(mark.by_id, mark.role, mark.version) for mark in Mark.objects.all()} == {
        (monitor.pk, "monitor", 1)
    }


def test_verifying_is_in_the_trail_with_the_right_actor(record, monitor):
    """AUD-09: OpenClinica logged the wrong user for SDV (OC-6829)."""
    verify(record, monitor, "age")
    row = Mark.objects.get().history.get()
    assert (row.history_type, row.history_user_id, row.history_role) == ("+", monitor.pk, "monitor")
    assert (row.history_patient, row.history_trial) == (record.patient_id, record.patient.trial_id)


def test_marking_again_leaves_the_first_mark(record, monitor):
    verify(record, monitor, "age")
    verify(record, monitor, "age", "age")
    assert Mark.objects.count() == 1


def test_the_last_answered_item_marks_the_blank_ones_with_it(patient, monitor):
    """A value entered later in a blank item is not verified."""
    blank = build.record(patient, "demography", {"age": "55"}, draft=True)
    with acting(system="test"):
        Record.objects.filter(pk=blank.pk).update(state="complete")
    assert verify(blank, monitor, "age") == 1
    with acting(system="test"):
        Record.objects.filter(pk=blank.pk).update(values={"age": "55", "sex": "F"})
    blank.refresh_from_db()
    assert blank.verified_at is None
    assert source_verification.to_verify(blank, source_verification.verified_items(patient)[blank.pk]) == (
        "sex",
    )


@pytest.mark.parametrize(
    ("items", "version", "said"),
    [
        (("shoe_size",), 1, "no such item"),
        (("age",), 7, "changed while you read it"),
    ],
)
def test_what_cannot_be_marked_is_refused_and_nothing_is_stored(record, monitor, items, version, said):
    with pytest.raises(ValidationError, match=said):
        verify(record, monitor, *items, version=version)
    assert not Mark.objects.exists()


def test_a_draft_is_not_verified(patient, monitor):
    draft = build.record(patient, "demography", {"age": "55"}, draft=True)
    with pytest.raises(ValidationError, match="not complete"):
        verify(draft, monitor, "age")


def test_a_form_of_another_patient_is_refused(record, monitor, trial):
    other = build.patient(trial=trial)
    with pytest.raises(ValidationError, match="no such form"), acting(user=monitor):
        source_verification.verify(
            patient=other, seen=[SeenVersion(record.pk, 1, ("age",))], by=monitor, role="monitor"
        )


@pytest.mark.parametrize("way", WAYS)
def test_a_change_of_the_item_undoes_its_mark_on_every_write_path(way, record, monitor, changer):
    """AUD-09, OC-8157: SDV status not reset on data change."""
    verify(record, monitor)
    with acting(user=changer, role="coordinator", reason="read again"):
        way(record, changed(record, weight="80"))
    mark = Mark.objects.get(item="weight")
    record.refresh_from_db()

    assert mark.undone_at is not None
    assert mark.undone == {
        "by": "Nora Nurse",
        "because": "read again",
        "old": {"weight": "70"},
        "new": {"weight": "80"},
    }
    assert record.verified_at is None
    assert Mark.objects.valid().count() == len(PLANNED) - 1
    last = mark.history.order_by("history_id").last()
    assert (last.history_type, last.history_user_id, last.history_role) == ("~", changer.pk, "coordinator")


@pytest.mark.parametrize("way", [by_save, by_update, by_raw_sql])
def test_a_change_of_another_item_leaves_the_mark(way, record, monitor, changer):
    """Only a later change of the same item undoes a mark."""
    verify(record, monitor)
    with acting(user=changer, reason="read again"):
        way(record, changed(record, remark="x"))
    record.refresh_from_db()

    assert Mark.objects.valid().count() == len(PLANNED)
    assert record.verified_at is not None


@pytest.mark.parametrize("way", WAYS)
def test_any_change_undoes_the_mark_on_a_whole_form(way, record, changer, trial):
    doctor = build.user("investigator", trial=trial)
    seen = [SeenVersion(record.pk, 1, (WHOLE,))]
    with acting(user=doctor, role="investigator"):
        medical_review.review(patient=record.patient, seen=seen, by=doctor, role="investigator")
    before = changed(record)
    with acting(user=changer, reason="read again"):
        way(record, changed(record, weight="80"))
    result = Mark.objects.get().undone

    assert (result["old"]["weight"], result["new"]["weight"]) == ("70", "80")
    assert result["old"] == before


def test_striking_a_form_out_undoes_its_marks(record, monitor, changer):
    verify(record, monitor)
    with acting(user=changer):
        saving.strike_out(record=record, reason="wrong patient", by=changer)
    assert not Mark.objects.valid().exists()


def test_a_number_written_otherwise_is_a_change(record, monitor, changer):
    """70 and 70.0 are equal as numbers, but not the same entry."""
    verify(record, monitor)
    for value in ("70.0", 70, 70.0):
        with acting(user=changer):
            by_raw_sql(record, changed(record, weight=value))
        row = Record.objects.get(pk=record.pk)
        assert "weight" not in source_verification.verified_items(record.patient).get(record.pk, set())
        verify(row, monitor, "weight")


def test_an_item_is_verified_again_after_its_change(record, monitor, changer):
    verify(record, monitor)
    with acting(user=changer, reason="read again"):
        by_verb(record, changed(record, weight="80"))
    record.refresh_from_db()
    assert verify(record, monitor, "weight") == 1
    assert Mark.objects.filter(item="weight").count() == 2


def test_a_mark_never_changes_but_to_be_undone_once(record, monitor):
    verify(record, monitor, "age")
    mine = Mark.objects.filter(item="age")
    for change in ({"item": "sex"}, {"role": "investigator"}, {"version": 9}):
        with (
            pytest.raises(IntegrityError, match="never changes"),
            acting(system="test"),
            transaction.atomic(),
        ):
            mine.update(**change)


def test_a_mark_is_withdrawn_with_a_reason_and_stays_in_the_history(record, monitor):
    verify(record, monitor)
    with acting(user=monitor, role="monitor"):
        with pytest.raises(ValidationError, match="Say why"):
            source_verification.withdraw(record=record, reason=" ", by=monitor)
        assert source_verification.withdraw(record=record, reason="Wrong source", by=monitor) == len(PLANNED)
    record.refresh_from_db()
    assert record.verified_at is None
    assert Mark.objects.count() == len(PLANNED)
    assert {mark.undone_detail["because"] for mark in Mark.objects.all()} == {"Wrong source"}


def address(name: str, trial: Trial, *args: Any) -> str:
    return reverse(f"patients:{name}", args=[trial.slug, *args])


def ticks(record: Record, *items: str) -> dict[str, Any]:
    return {"item": [f"{record.pk}:{record.version}:{item}" for item in items]}


def test_a_monitor_marks_a_form_from_the_page_in_one_request(record, monitor, trial, patient):
    web, page = build.client(monitor), address("verify", trial, patient.code)
    assert f"{record.pk}:1:weight" in web.get(page).content.decode()
    assert web.post(page, ticks(record, "*")).status_code == 302
    record.refresh_from_db()
    assert record.verified_at is not None
    assert f"{record.pk}:1:weight" not in web.get(page).content.decode()


def test_the_page_says_what_was_undone_with_old_and_new(record, monitor, trial, patient, changer):
    verify(record, monitor)
    with acting(user=changer, reason="read again"):
        by_verb(record, changed(record, weight="80"))
    web = build.client(monitor)
    for page in (address("verify", trial, patient.code), address("undone", trial)):
        text = web.get(page).content.decode()
        assert "Nora Nurse" in text
        assert "read again" in text
        assert "70 kg" in text
        assert "80 kg" in text


@pytest.mark.usefixtures("three_languages")
def test_marks_name_form_and_item_in_the_readers_language(record, trial, patient, changer):
    """The listing as a file stays in English (DAT-10)."""
    monitor = reader("monitor", "fr", trial)
    sent = ticks(record, "weight")
    verify(record, monitor, "weight")
    web, undone = build.client(monitor), address("undone", trial)
    assert "· Démographie" in web.get(address("verify", trial, patient.code)).content.decode()
    with acting(user=changer, reason="read again"):
        by_verb(record, changed(record, weight="80"))
    page = web.get(undone).content.decode()
    assert "· Démographie" in page
    assert "Poids" in page
    file = b"".join(web.get(undone, {"format": "csv"})).decode()
    assert "· Demography" in file
    assert "Weight" in file
    refused = web.post(address("verify", trial, patient.code), sent).content.decode()
    assert "Démographie was changed while you read it" in refused


def folded(page: str) -> dict[str, bool]:
    """Return by title, in order, whether each visit of a marks page is unfolded."""
    heads = re.findall(r'<details( open)?>\s*<summary class="card-head"><h2[^>]*>([^<]+)</h2>', page)
    return {title: bool(opened) for opened, title in heads}


@pytest.mark.parametrize(
    ("name", "mark", "items"),
    [("verify", source_verification.verify, ("spo2",)), ("review", medical_review.review, (WHOLE,))],
)
def test_visits_are_folded_after_the_first_but_where_a_mark_was_undone(trial, doctor, name, mark, items):
    """A whole casebook fits one screen, and visits with undone marks show their number and are open."""
    (patient,) = cohort.patients(trial, 1)
    web, page = build.client(doctor), address(name, trial, patient.code)
    shown = folded(web.get(page).content.decode())
    assert list(shown.values()) == [True] + [False] * (len(shown) - 1)
    record = Record.objects.filter(patient=patient, form="vitals").latest("visit__position")
    title = trial.rules.visit(record.visit.code).title.in_language("en")
    with acting(user=doctor, role="investigator"):
        mark(
            patient=patient,
            seen=[SeenVersion(record.pk, record.version, items)],
            by=doctor,
            role="investigator",
        )
    with acting(user=doctor, reason="read again"):
        by_update(record, changed(record, spo2="90"))
    answer = web.get(page).content.decode()
    assert [each for each, opened in folded(answer).items() if opened] == [next(iter(shown)), title]
    assert "1 mark undone" in answer


@pytest.mark.parametrize("bad", ["x", "1:2", "1:x:age", "١:1:age", "9" * 30 + ":1:age"])
def test_a_tick_that_no_page_sends_is_a_bad_request(record, monitor, trial, patient, bad):
    answer = build.client(monitor).post(address("verify", trial, patient.code), {"item": [bad]})
    assert answer.status_code == 400
    assert not Mark.objects.exists()


def test_nothing_ticked_is_refused_with_a_sentence(record, monitor, trial, patient):
    answer = build.client(monitor).post(address("verify", trial, patient.code), {})
    assert answer.status_code == 422
    assert "Tick at least one item" in answer.content.decode()


def test_what_was_changed_meanwhile_is_refused_and_the_ticks_are_kept(
    record, monitor, trial, patient, changer
):
    web = build.client(monitor)
    sent = ticks(record, "age")
    with acting(user=changer, reason="read again"):
        by_verb(record, changed(record, weight="80"))
    answer = web.post(address("verify", trial, patient.code), sent)
    assert answer.status_code == 422
    assert "changed while you read it" in answer.content.decode()
    assert not Mark.objects.exists()


@pytest.mark.parametrize("number", [1, 3])
def test_the_listings_cost_the_same_with_one_and_three_rows(
    trial, monitor, number, django_assert_num_queries, changer
):
    for _ in range(number):
        patient = build.patient(trial=trial)
        build.consent(patient)
        found = build.record(patient, "demography", DEMOGRAPHY)
        verify(found, monitor)
        with acting(user=changer):
            by_update(found, changed(found, weight="80"))
    web = build.client(monitor)
    for page, queries in (("verification", 14), ("undone", 6)):
        web.get(address(page, trial))
        with django_assert_num_queries(queries):
            assert web.get(address(page, trial)).status_code == 200


def test_a_trial_without_a_plan_wants_nothing_verified(monitor):
    """The section `[monitoring]` of the protocol file is optional."""
    third = build.trial("third")
    assert not source_verification.waiting(third).exists()
    assert third.rules.forms_to_verify == ()


def test_an_investigator_reviews_forms_and_a_monitor_may_not(record, trial, patient, monitor):
    doctor = build.client(build.user("investigator", trial=trial))
    page = address("review", trial, patient.code)
    assert build.client(monitor).post(page, ticks(record, WHOLE)).status_code == 403
    assert doctor.post(page, ticks(record, WHOLE)).status_code == 302
    assert Mark.objects.get().kind == "review"
    left = doctor.get(page).content.decode()
    assert "Everything complete is reviewed" not in left
    consent = re.findall(r'name="fact" value="(consent:[^"]+)"', left)
    assert doctor.post(page, {"fact": consent}).status_code == 302
    assert "Everything complete is reviewed" in doctor.get(page).content.decode()


@pytest.mark.parametrize("name", ["verify", "review"])
def test_the_reason_of_a_withdrawal_comes_back_at_its_form_after_the_session_ended(
    record, trial, patient, doctor, monitor, name
):
    """ACC-05, REL-13: the withdrawal is sent to an address that cannot be opened."""
    person = monitor if name == "verify" else doctor
    if name == "verify":
        verify(record, monitor)
    else:
        seen = [SeenVersion(record.pk, record.version, (WHOLE,))]
        with acting(user=doctor, role="investigator"):
            medical_review.review(patient=patient, seen=seen, by=doctor, role="investigator")
    web, page = build.client(person), address(name, trial, patient.code)
    to = address(f"{name}-withdraw", trial, patient.code)
    form = sent_after_session_end(web, page, to=to, reason="The wrong patient")
    assert form.fields["reason"] == ["The wrong patient"]
    assert web.post(to, form.sent()).status_code == 302
    assert not Mark.objects.filter(undone_at=None).exists()


def test_what_was_ticked_is_ticked_after_the_session_ended(record, trial, patient, monitor):
    """ACC-05, REL-13."""
    page = address("verify", trial, patient.code)
    typed = ticks(record, "age", "sex")
    form = sent_after_session_end(build.client(monitor), page, to=page, **typed)
    assert sorted(form.fields["item"]) == sorted(typed["item"])
