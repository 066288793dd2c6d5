"""Two trials with something behind every address: patients, queries, locks, files, people, codes, ranges, versions."""

from datetime import date, timedelta
from itertools import count

from allauth.mfa.models import Authenticator
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts import password_keys
from accounts.models import User
from audit.context import acting
from dosing.models import ProductDeviation
from exports.models import Document, documents_storage
from patients.entry import attachments
from patients.models import Patient, Record
from patients.participation.contacts import ContactFacts, add_contact
from patients.participation.prescreening import PrescreeningFacts, add_prescreening
from patients.queries import threads
from patients.review import locks
from protocol.values.moments import Moment
from safety.event_drafts import keep_event_draft
from tests.support import build
from tests.support.study.deviations import added
from tests.support.study.file_samples import pdf
from tests.support.study.reference_ranges import facts
from trials import factor_recovery, invitations
from trials.laboratories.ranges import add_laboratory, add_range
from trials.models import Trial

AMENDMENT = """[amendment]
replaces = "1.0"
reconsent = false
summary = {{ en = "Another number", {language} = "Another number" }}

"""
LANGUAGES = {build.COVID_MSV: "es", build.LIEGE: "fr"}
# No version of one trial has the name of one of the other, but for the first.
NEXT = {build.COVID_MSV: "1.1", build.LIEGE: "2.0"}
# The other trial has more of everything that is numbered, so that its numbers lead nowhere in the first one.
EVENTS = {build.COVID_MSV: 1, build.LIEGE: 2}
_numbers = count(1)
_LONG_AGO = {"occurred_on": Moment.from_date(date(2021, 3, 1)), "detected_on": date(2021, 3, 1)}


def mark(trial: Trial) -> str:
    """Return a word that stands in what people of this trial typed, and nowhere else."""
    return f"Marker{trial.slug[3:]}"


def trial(slug: str) -> Trial:
    """Return a trial with an object of every kind. Takes about a second."""
    found = build.trial(slug)
    word = mark(found)
    text = build.protocol_text(slug)
    amended = text.replace('version = "1.0"', f'version = "{NEXT[slug]}"', 1)
    amended = amended.replace("[trial]", AMENDMENT.format(language=LANGUAGES[slug]) + "[trial]", 1)
    build.version(amended, effective_from=found.today + timedelta(days=30))
    doctor = build.user("investigator", trial=found, full_name=f"Doctor {word}")
    chief = build.user("administrator", trial=found, full_name=f"Chief {word}")
    patient = build.enrolled(trial=found, investigator=doctor)
    _captured(patient, doctor, word)
    _considered(found, doctor, word)
    _contacted(patient, doctor, word)
    _documents(patient, doctor)
    _laboratory(found, word)
    _people(found, chief, word)
    return Trial.objects.get(pk=found.pk)


def _considered(trial: Trial, doctor: User, word: str) -> None:
    facts: PrescreeningFacts = {
        "considered_on": date(2021, 3, 1), "people": 1, "outcome": "declined", "reason": "risk", "note": word,
    }  # fmt: skip
    with acting(user=doctor, role="investigator"):
        add_prescreening(trial=trial, facts=facts, by=doctor)


def _contacted(patient: Patient, doctor: User, word: str) -> None:
    facts: ContactFacts = {
        "tried_on": patient.trial.today, "way": "phone", "tried_by": word, "outcome": "no_answer", "note": "",
    }  # fmt: skip
    with acting(user=doctor, role="investigator"):
        add_contact(patient=patient, facts=facts, by=doctor)


def _captured(patient: Patient, doctor: User, word: str) -> None:
    for _each in range(EVENTS[patient.trial.slug]):
        build.event(patient=patient, by=doctor, term=f"Fever {word}")
    with acting(user=doctor, role="investigator"):
        typed = [("term", f"Cough {word}")]
        keep_event_draft(
            patient=patient, save_key="page", typed=typed, answers={"term": f"Cough {word}"}, by=doctor
        )
        added(patient, doctor, description=f"Deviation {word}", **_LONG_AGO)
        added(
            patient, doctor, log=ProductDeviation, **{**_LONG_AGO, "category": "other", "description": word}
        )
    record = Record.objects.get(patient=patient, form="demography")
    build.record(patient, "stay", {}, visit=None, draft=True, by=doctor)
    with acting(user=doctor, role="investigator"):
        threads.raise_query(
            record=record, item="weight", text=f"Right? {word}", origin="monitor", by=doctor, role="monitor"
        )
        upload = SimpleUploadedFile("report.pdf", pdf(word), "application/pdf")
        form = patient.protocol.rules.form("chest_imaging")
        attachments.store(
            upload=upload, item=form.item("ct_report"), patient=patient, form="chest_imaging", by=doctor
        )
        # Another patient is locked, so that the first one stays open to every step.
        neighbour = build.patient(trial=patient.trial, by=doctor, name=f"Neighbour {word}")
        locks.lock(target=neighbour, reason=f"Done {word}", by=doctor)
        locks.request_unlock(target=neighbour, reason=f"A mistake {word}", by=doctor)


def _documents(patient: Patient, doctor: User) -> None:
    with acting(user=doctor, role="investigator"):
        Document.objects.create(
            trial=patient.trial, patient=patient, kind=Document.Kind.CASEBOOK, treatment=False, language="en",
            asked_by=doctor, state=Document.State.READY, finished_at=timezone.now(), sha256="0" * 64,
            file=documents_storage().save(f"crawl/{patient.code}.pdf", ContentFile(pdf())),
        )  # fmt: skip


def _laboratory(trial: Trial, word: str) -> None:
    with acting(system="test"):
        row = add_laboratory(trial=trial, code=word.lower(), name=f"Laboratory {word}", by=None)
        add_range(laboratory=row, facts=facts(source=f"Handbook {word}"), by=None)


def _people(trial: Trial, chief: User, word: str) -> None:
    member = build.user("monitor", trial=trial, full_name=f"Member {word}")
    days = {"role": "monitor", "starts_on": trial.today, "ends_on": None}
    told = {"trial": trial, "by": chief, "installation": "http://testserver/"}
    with acting(user=chief, role="administrator"):
        # Makes an open invitation, and a code whose second half is to be handed over.
        invitations.invite_new(
            full_name=f"Newcomer {word}", email="", identity_verified_on=date(2020, 1, 1), **days, **told
        )
        Authenticator.objects.create(user=member, type=Authenticator.Type.TOTP, data={"secret": "x"})
        factor_recovery.ask_recovery(user=member, trial=trial, reason=f"Lost {word}", by=chief)


def owner(trial: Trial) -> User:
    """Return a person with a role, an invitation, a passkey and an open link for a password."""
    word = mark(trial)
    person = build.user("coordinator", trial=trial, full_name=f"Owner {word} {next(_numbers)}")
    with acting(system="test"):
        Authenticator.objects.create(
            user=person, type=Authenticator.Type.WEBAUTHN, data={"name": f"Key {word}", "credential": {}}
        )
        trial.invitations.create(
            username=person.username, role="monitor", starts_on=trial.today, invited_by=person
        )
    return person


def secret_of(person: User) -> str:
    """Return the secret of a link with which a person chooses a password."""
    with acting(system="test"):
        return password_keys.new_link(password_keys.make_key(user=person, by=None))
