"""Emergency unblinding: one investigator, one patient, any hour, shown once, recorded (BLD-04)."""

import re

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import SigningSuspension
from accounts.signing_suspension import suspend_signing
from audit.context import acting
from audit.models import AccessEvent
from dosing.allocation.slots import arm_of
from dosing.models import Unblinding
from patients.review import locks
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from trials.models import SponsorNotice
from trials.permissions import Permission
from trials.roles import ROLES
from trials.sponsor_notices import send_waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial, full_name="Doctor Night")


@pytest.fixture
def patient(trial, doctor):
    return build.eligible(trial=trial, investigator=doctor)


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def address(patient, name="unblinding") -> str:
    return reverse(f"dosing:{name}", args=[patient.trial.slug, patient.code])


def post(person, patient, name="unblinding", **changed):
    fields = {
        "category": "emergency", "reason": "Anaphylaxis: which treatment?", "password": build.PASSWORD,
        "save_key": "k1",
    }  # fmt: skip
    return build.client(person).post(address(patient, name), {**fields, **changed})


def title_of(patient) -> str:
    arm = arm_of(patient)
    assert arm is not None
    return arm.title.in_language("en")


def names_an_arm(patient, text: str) -> list[str]:
    titles = [arm.title.in_language("en") for arm in patient.trial.rules.arms]
    return [title for title in titles if title in text]


def test_the_investigator_is_shown_the_arm_of_this_patient_once(patient, doctor):
    """BLD-04: alone, with the password; the arm is on the answer and on no page afterwards."""
    answer = post(doctor, patient)
    assert answer.status_code == 200
    assert names_an_arm(patient, answer.content.decode()) == [title_of(patient)]
    assert "no-store" in answer["Cache-Control"]
    row = Unblinding.objects.get()
    assert (row.patient, row.category, row.known_to, row.recorded_by) == (
        patient,
        "emergency",
        doctor,
        doctor,
    )
    for name in ("unblinding", "exposure"):
        again = build.client(doctor).get(address(patient, name))
        assert again.status_code == 200
        assert names_an_arm(patient, again.content.decode()) == []
        assert "Doctor Night" in again.content.decode()


def test_a_reload_of_the_answer_shows_nothing_and_offers_a_new_unblinding(patient, doctor):
    """BLD-04: the browser sends the same page again; the treatment is shown once."""
    post(doctor, patient)
    again = post(doctor, patient)
    assert again.status_code == 422
    assert names_an_arm(patient, again.content.decode()) == []
    assert "was shown already" in again.content.decode()
    (key,) = re.findall(r'name="save_key" value="([^"]+)"', again.content.decode())
    assert post(doctor, patient, save_key=key).status_code == 200
    assert Unblinding.objects.count() == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "a wrong password"}, "This is not your password"),
        ({"password": ""}, "required"),
        ({"reason": "  "}, "required"),
        ({"category": ""}, "required"),
        ({"category": "susar"}, "not one of the available choices"),
        ({"category": "planned"}, "not one of the available choices"),
    ],
)
def test_nothing_is_opened_without_password_reason_and_category(patient, doctor, changed, words):
    """BLD-04: the form bypassed: 422, what was typed stands, nothing is stored, no arm is named."""
    answer = post(doctor, patient, **changed)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert words in text
    assert names_an_arm(patient, text) == []
    if changed.get("reason") is None:
        assert "Anaphylaxis: which treatment?" in text
    assert not Unblinding.objects.exists()
    assert not AccessEvent.objects.filter(kind="treatment_seen").exists()


def test_wrong_passwords_are_recorded_and_stop_after_five(patient, doctor):
    """ACC-05: whoever finds an open session cannot guess."""
    for _attempt in range(5):
        assert post(doctor, patient, password="guess").status_code == 422
    assert AccessEvent.objects.filter(kind="unblinding_refused", user_id=doctor.pk).count() == 5
    answer = post(doctor, patient)
    assert "Too many wrong passwords" in answer.content.decode()
    assert not Unblinding.objects.exists()


@pytest.mark.parametrize(
    "role", each_engine_or_one(sorted(set(ROLES) - {"investigator", "principal_investigator"}))
)
def test_nobody_but_an_investigator_opens_it(patient, role):
    """BLD-04: the form bypassed; the laboratory and the statistician know it without."""
    person = build.user(role, trial=patient.trial)
    assert post(person, patient).status_code == 403
    assert build.client(person).get(address(patient)).status_code == 403
    assert not Unblinding.objects.exists()


def test_a_patient_of_another_trial_is_not_found(patient):
    stranger = build.user("investigator", trial=build.trial(build.LIEGE))
    assert post(stranger, patient).status_code == 404


def test_an_open_trial_has_nothing_to_open():
    trial = build.trial(build.LIEGE)
    doctor = build.user("investigator", trial=trial)
    patient = build.eligible(trial=trial, investigator=doctor)
    assert post(doctor, patient).status_code == 404
    casebook = build.client(doctor).get(reverse("reports:casebook", args=[trial.slug, patient.code]))
    assert "Emergency unblinding" not in casebook.content.decode()


def test_before_the_allocation_there_is_nothing_to_open(trial, doctor):
    patient = build.patient(trial=trial, by=doctor)
    answer = post(doctor, patient)
    assert answer.status_code == 422
    assert "is not allocated to a treatment yet" in answer.content.decode()
    assert not Unblinding.objects.exists()


def test_neither_lock_nor_suspended_signing_stops_it(patient, doctor, settings):
    """BLD-04: after the lock of the trial, with a password that others replaced, and without a mail server."""
    settings.SENDS_MAIL = False
    manager = build.user("data_manager", trial=patient.trial)
    with acting(user=manager, role="data_manager"):
        locks.lock_trial(trial=patient.trial, reason="Last visit", open_points={}, overridden={}, by=manager)
    with acting(user=doctor):
        suspend_signing(user=doctor, cause=SigningSuspension.Cause.PASSWORD, asked_by=None)
    answer = post(doctor, patient)
    assert answer.status_code == 200
    assert title_of(patient) in answer.content.decode()
    assert "1 notice to the sponsor is pending" in answer.content.decode()
    assert "Drug safety desk" in answer.content.decode()


def test_the_sponsor_is_told_without_the_arm(patient, doctor, settings, commits):
    """BLD-04: by whom, of whom; the mail is the same for both arms."""
    settings.SENDS_MAIL = True
    with commits():
        post(doctor, patient)
    (sent,) = [each for each in mail.outbox if "drug-safety" in each.to[0]]
    assert f"The treatment of patient {patient.code} was unblinded by Doctor Night." in sent.body
    assert names_an_arm(patient, sent.subject + sent.body) == []
    assert not SponsorNotice.objects.filter(sent_at=None).exists()


def test_a_mail_that_fails_is_pending_and_is_sent_later(patient, doctor, settings, commits):
    """BLD-04: the treatment is shown; the notice is tried again until it is gone, and each attempt is in the trail."""
    settings.SENDS_MAIL = True
    settings.EMAIL_BACKEND = "tests.trials.test_sponsor_notices.Refusing"
    with commits():
        assert post(doctor, patient).status_code == 200
    page = build.client(doctor).get(address(patient)).content.decode()
    assert "1 notice to the sponsor is pending" in page
    assert "The mail server refused it." in page
    assert send_waiting() == (0, 1)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send_waiting() == (1, 0)
    assert send_waiting() == (0, 0)
    assert len(mail.outbox) == 1
    attempts = AccessEvent.objects.filter(kind="sponsor_told").order_by("pk")
    assert [each.detail["written"] for each in attempts] == [False, False, True]
    assert "pending" not in build.client(doctor).get(address(patient)).content.decode()


def test_the_answer_that_shows_the_arm_is_a_reading_of_this_patient_alone(patient, doctor):
    """AUD-08: behind the right to know the treatment, like every other reading."""
    post(doctor, patient)
    (event,) = AccessEvent.objects.filter(kind="treatment_seen")
    assert (event.user_id, event.patient_id, event.see) == (doctor.pk, patient.pk, "see_treatment")


def test_nothing_is_shown_if_the_reading_cannot_be_recorded(patient, doctor, monkeypatch):
    from django.db import DatabaseError

    from trials.blinding import treatment_reads

    def broken(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(treatment_reads.ReadingNotes, "record", broken)
    answer = post(doctor, patient)
    assert answer.status_code == 500
    assert names_an_arm(patient, answer.content.decode()) == []


def test_the_role_stays_blinded(patient, doctor):
    """BLD-04: neither the list nor a product nor another patient opens by it."""
    other = build.eligible(trial=patient.trial, investigator=doctor)
    post(doctor, patient)
    client = build.client(doctor)
    assert client.get(reverse("dosing:allocation", args=[patient.trial.slug])).status_code == 403
    assert Permission.SEE_TREATMENT not in ROLES["investigator"].permissions
    for each in (patient, other):
        page = client.get(reverse("reports:casebook", args=[each.trial.slug, each.code])).content.decode()
        assert names_an_arm(each, page) == []


def test_the_record_is_never_changed_nor_deleted(patient, doctor):
    """BLD-04, AUD-03: on no path."""
    from django.db import DatabaseError, transaction

    post(doctor, patient)
    for change in (
        {"reason": "Nothing"},
        {"known_to": build.user("investigator")},
        {"recorded_at": timezone.now()},
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), acting(system="test"):
            Unblinding.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic(), acting(system="test"):
        Unblinding.objects.all()._raw_delete("default")
    with pytest.raises(TypeError):
        Unblinding.objects.get().delete()
    assert Unblinding.history.filter(history_patient=patient.pk).count() == 1


def test_it_is_reached_from_every_page_of_the_patient(patient, doctor):
    casebook = reverse("reports:casebook", args=[patient.trial.slug, patient.code])
    assert address(patient) in build.client(doctor).get(casebook).content.decode()
    nurse = build.user("coordinator", trial=patient.trial)
    assert address(patient) not in build.client(nurse).get(casebook).content.decode().replace(
        address(patient, "exposure"), ""
    )
