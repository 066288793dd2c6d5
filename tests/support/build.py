"""Builders: plain functions that create what a test needs, with the shipped protocols and the domain functions.

Each acts as `system:test`; keywords override what matters to the test.
"""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from django.test import Client

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import Consent, EligibilityDecision, Patient, Record
from patients.participation.consents.consent import record_consent
from patients.participation.eligibility_decisions.eligibility import sign_eligibility
from patients.participation.enrolment import enrol
from patients.participation.questions import Questioned
from patients.participation.screening import screen
from protocol.values.moments import Moment, parse_moment
from safety.models import AdverseEvent
from safety.reporting import report_event
from tests.support.study import eligible_answers
from trials.models import Delegation, ProtocolVersion, Trial
from trials.versions.loading import load_protocol

ROOT = Path(__file__).resolve().parents[2]
LIEGE, COVID_MSV = "nct04445454", "nct04361942"
PASSWORD = "a long enough password"
CHAIN = "chain = true\n"
_numbers = count(1)


@cache
def shipped_text(slug: str) -> str:
    """Return the text of a shipped protocol as it is, or of the invented third one."""
    folder = ROOT / ("tests/support/protocols" if slug == "third" else "trials/protocols")
    return (folder / f"{slug}.toml").read_text(encoding="utf-8")


@cache
def protocol_text(slug: str) -> str:
    """Return the text of a shipped protocol that records infusions without a dispensed kit.

    The one place that leaves `[dosing] chain` out: a test of visits, events or the trail need not prepare a product.
    Tests of the chain take `shipped`.
    """
    return shipped_text(slug).replace(CHAIN, "", 1)


def version(text: str, *, effective_from: date = date(2020, 5, 1)) -> ProtocolVersion:
    """Load a protocol version and parse its text.

    A process parses each text once, so the query counts of a page do not depend on earlier tests.
    """
    with acting(system="test"):
        loaded = load_protocol(text=text, effective_from=effective_from)
    assert loaded.rules
    return loaded


def trial(slug: str = LIEGE) -> Trial:
    """Return the trial with its protocol loaded."""
    return version(protocol_text(slug)).trial


def shipped(slug: str = LIEGE) -> Trial:
    """Return the trial of a shipped protocol as it is: no infusion without a product dispensed and compared."""
    return version(shipped_text(slug)).trial


def twin(slug: str = LIEGE, *changes: tuple[str, str]) -> Trial:
    """Return a second trial with the protocol of a shipped one, changed by replacing texts that occur once."""
    text = protocol_text(slug)
    for old, new in ((f'id = "{slug.upper()}"', f'id = "{slug.upper()}-B"'), *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return version(text).trial


def user(role: str = "coordinator", *, trial: Trial | None = None, **fields: Any) -> User:
    """Create a user, with a role if a trial is given."""
    number = next(_numbers)
    fields.setdefault("full_name", f"{role.replace('_', ' ').title()} {number}")
    fields.setdefault("identity_verified_on", date(2020, 1, 1))
    with acting(system="test"):
        person = User.objects.create_user(f"{role}{number}", PASSWORD, **fields)
        if trial is not None:
            delegate(person, trial=trial, role=role)
    return person


def delegate(person: User, *, trial: Trial, role: str, **fields: Any) -> Delegation:
    """Give a user a role in a trial: since 2020, so that a test may move to any day after."""
    fields.setdefault("starts_on", date(2020, 1, 1))
    if role == "inspector":
        fields.setdefault("ends_on", trial.today + timedelta(days=30))
    with acting(system="test"):
        return Delegation.objects.create(user=person, trial=trial, role=role, **fields)


def client(person: User) -> Client:
    """Return a test client in which the user is signed in."""
    browser = Client()
    with acting(system="test"):
        browser.force_login(person, backend="accounts.backends.PersonBackend")
    return browser


def patient(
    *, trial: Trial, by: User | None = None, screened_on: date | None = None, **identity: str
) -> Patient:
    """Return a patient in screening."""
    by = by or user("coordinator", trial=trial)
    with acting(user=by, role="coordinator"):
        return screen(
            trial=trial,
            screened_on=screened_on or trial.today - timedelta(days=40),
            identity=identity,
            by=by,
        )


def moment(text: str, zone: str = "Europe/Brussels") -> Moment:
    """Parse a moment as typed at the site: `moment("12-Mar-2021 14:05")`, `moment("2021")`."""
    return parse_moment(text, zone)


def event(*, patient: Patient, by: User | None = None, **answers: Any) -> AdverseEvent:
    """Report an adverse event, not serious, two days after screening. Records a consent if there is none."""
    by = by or user("investigator", trial=patient.trial)
    if not patient.consents.exists():
        consent(patient, by=by)
    began = patient.screened_on + timedelta(days=2)
    fields: dict[str, Any] = {
        "term": "Fever",
        "onset": Moment.from_date(began),
        "ongoing": "Y",
        "grade": 1,
        "seriousness": frozenset({"none_of_these"}),
        "causality": "unlikely",
        "outcome": "recovering",
        "action_taken": "none",
        "aesi": "none",
    }
    with acting(user=by, role="investigator"):
        return confirming(report_event, patient=patient, by=by, **{**fields, **answers})


def confirming(verb: Any, **arguments: Any) -> Any:
    """Call a verb, and confirm what it asks before it stores."""
    try:
        return verb(**arguments)
    except Questioned as asked:
        return verb(**arguments, confirmed=asked.token)


def today(patient: Patient) -> date:
    """Return today's date at the site."""
    return patient.trial.today


def consent(
    patient: Patient,
    *,
    type: str = "patient",
    on: date | None = None,
    given: Moment | None = None,
    by: User | None = None,
) -> Consent:
    """Record a consent, given at 00:05 on the day of screening, on another day, or at a moment."""
    by = by or user("coordinator", trial=patient.trial)
    zone = patient.protocol.rules.trial.site.time_zone
    given = given or Moment.from_iso(eligible_answers.at(on or patient.screened_on, "00:05", zone))
    version = patient.protocol.rules.consent.current_version
    with acting(user=by, role="coordinator"):
        return record_consent(patient=patient, type=type, version=version, given=given, by=by)


def record(
    patient: Patient,
    form: str,
    values: dict[str, Any],
    *,
    visit: str | None = "SCR",
    repeat: int = 1,
    draft: bool = False,
    by: User | None = None,
) -> Record:
    """Store a record, complete or as a draft, and confirm what the save asks. `visit` None makes a log row."""
    by = by or user("coordinator", trial=patient.trial)
    opened = Casebook.open(user=by, trial=patient.trial, code=patient.code)
    place = opened.place(form, visit, repeat)
    verb = saving.save_draft if draft else saving.complete
    entry = saving.Entry(place=place, values=values, base_version=0)
    with acting(user=by, role="coordinator"):
        try:
            return verb(entry, by=by).record
        except Questioned as asked:
            return verb(replace(entry, questions=asked.token), by=by).record


def struck_out(record: Record, *, reason: str = "Another person's form", by: User | None = None) -> Record:
    """Strike out a form as entered in error."""
    by = by or user("coordinator", trial=record.patient.trial)
    with acting(user=by, role="coordinator"):
        return saving.strike_out(record=record, reason=reason, by=by)


def assessable(
    *,
    trial: Trial,
    screened_on: date | None = None,
    by: User | None = None,
    consent_by: str = "patient",
    **answers: dict[str, Any],
) -> Patient:
    """Create a patient in screening with consent and complete evidence, without a decision.

    answers: by form, the answers that differ from those of an eligible patient: `demography={"weight": "60"}`.
    """
    by = by or user("investigator", trial=trial)
    found = patient(trial=trial, by=by, screened_on=screened_on)
    consent(found, type=consent_by, by=by)
    for form, values in eligible_answers.OF[trial.slug](found.screened_on).items():
        record(found, form, {**values, **answers.get(form, {})}, by=by)
    return found


def decision(
    patient: Patient, conclusion: str = "eligible", *, on: date | None = None, by: User | None = None
) -> EligibilityDecision:
    """Sign the eligibility for the inclusion on a day (default: the day of screening)."""
    by = by or user("investigator", trial=patient.trial)
    with acting(user=by, role="investigator"):
        return sign_eligibility(
            patient=patient,
            conclusion=conclusion,
            inclusion_on=on or patient.screened_on,
            password=PASSWORD,
            by=by,
        )


def eligible(
    *,
    trial: Trial,
    screened_on: date | None = None,
    investigator: User | None = None,
    consent_by: str = "patient",
    **answers: dict[str, Any],
) -> Patient:
    """Create a patient in screening with consent, complete evidence and a signed eligibility decision.

    answers: as in `assessable`.
    """
    investigator = investigator or user("investigator", trial=trial)
    found = assessable(
        trial=trial, screened_on=screened_on, by=investigator, consent_by=consent_by, **answers
    )
    decision(found, by=investigator)
    return Patient.objects.get(pk=found.pk)


def enrolled(
    *,
    trial: Trial,
    on: date | None = None,
    investigator: User | None = None,
    consent_by: str = "patient",
    **answers: dict[str, Any],
) -> Patient:
    """Create a patient screened and included on a day (default: thirty days ago). answers: as in `assessable`."""
    investigator = investigator or user("investigator", trial=trial)
    day = on or trial.today - timedelta(days=30)
    found = eligible(
        trial=trial, screened_on=day, investigator=investigator, consent_by=consent_by, **answers
    )
    with acting(user=investigator, role="investigator"):
        return enrol(patient=found, on=day, by=investigator)


def neighbour(patient: Patient, **answers: dict[str, Any]) -> Patient:
    """Create another patient of the same trial, included on the same day. answers: as in `assessable`."""
    assert patient.enrolled_on
    return enrolled(trial=patient.trial, on=patient.enrolled_on, **answers)
