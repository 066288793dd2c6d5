"""The pages of verification and review: ticks in one request, and what was undone with old and new value."""

import re
from typing import Any

import pytest
from django.urls import reverse

from audit.context import acting
from patients.models import Mark, Record
from patients.review import medical_review, source_verification
from patients.review.marks import WHOLE, SeenVersion
from tests.patients.review.conftest import by_update, by_verb, changed, verify
from tests.support import build
from tests.support.pages.session_end import sent_after_session_end
from tests.support.study import cohort
from tests.support.study.entered_forms import DEMOGRAPHY
from tests.support.translation.readers import reader, three_languages  # noqa: F401
from trials.models import Trial

pytestmark = pytest.mark.django_db


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
