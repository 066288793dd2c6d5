"""The patient's data that eligibility expressions read, and the texts of their names and values."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from patients.models import Consent, Patient, Record
from patients.participation.consents.consent import consents_of
from patients.system_texts import FACTS
from protocol.document.design import UNSCHEDULED
from protocol.document.document import Protocol
from protocol.values.parsing import display
from trials.reader import reader_language, shown_day, shown_moment


def latest_complete(patient: Patient) -> dict[str, dict[str, Any]]:
    """Return by form the values of the latest complete record. One query.

    Of an included patient a form that was captured before inclusion counts as it was there: a pregnancy test or the
    respiratory support of day 28 says nothing about the inclusion.
    """
    rows = (
        Record.objects.filter(patient=patient, state=Record.State.COMPLETE)
        .order_by("visit__position", "visit__number", "repeat", "pk")
        .values_list("form", "values", "visit__code", "visit__held_on")
    )
    found: dict[str, dict[str, Any]] = {}
    screened: set[str] = set()
    for form, values, visit, held_on in rows:
        if is_before_inclusion(patient, visit, held_on):
            screened.add(form)
        elif form in screened:
            continue
        found[form] = values
    return found


def is_before_inclusion(patient: Patient, code: str, held_on: date | None) -> bool:
    """Return True for a visit of screening, or an unscheduled one before the inclusion; False until inclusion."""
    if patient.enrolled_on is None:
        return False
    if code == UNSCHEDULED:
        return held_on is not None and held_on < patient.enrolled_on
    return any(visit.code == code and visit.anchor == "screening" for visit in patient.protocol.rules.visits)


def strata_values(patient: Patient) -> dict[str, Any]:
    """Return by path the answers to the items by which the trial stratifies, empty if it does not. One query."""
    plan = patient.protocol.rules.allocation
    if plan is None or not plan.strata:
        return {}
    known = latest_complete(patient)
    split = ((path, *path.split(".", 1)) for path in plan.strata if path != "group")
    return {path: known.get(form, {}).get(item) for path, form, item in split}


def eligibility_subject(
    patient: Patient, *, inclusion_on: date | None = None, consents: Sequence[Consent] | None = None
) -> dict[str, Any]:
    """Return the values of `subject.…` in expressions: consents, screening, inclusion, first infusion, group.

    The first consent covers what was done since then, also after a later one is in force.
    Unknown values are absent. One query unless `consents` is given, in the order of their moments.
    """
    consents = consents_of(patient) if consents is None else consents
    first, consent = (consents[0], consents[-1]) if consents else (None, None)
    known = {
        "first_consent_at": first.given if first else None,
        "first_consent_type": first.type if first else None,
        "consent_at": consent.given if consent else None,
        "consent_type": consent.type if consent else None,
        "inclusion_on": patient.enrolled_on or inclusion_on,
        "screened_on": patient.screened_on,
        "first_infusion_on": patient.first_infusion_on,
        "group": patient.group or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def input_words(rules: Protocol, name: str) -> str:
    """Return the label of an input: that of the item, or of the value of the subject.

    The title of the form is put before an item that the form of the assessment does not ask.
    """
    form, _dot, item = name.partition(".")
    if form == "subject":
        return str(FACTS.get(item, item))
    label = rules.item(name).label.in_language(reader_language())
    if rules.assessment is not None and rules.assessment.item.startswith(f"{form}."):
        return label
    return f"{rules.form(form).title.in_language(reader_language())}: {label}"


def value_words(rules: Protocol, name: str, value: Any) -> str:
    """Return an input's value as text in the reader's language, empty if there is none."""
    if value is None:
        return ""
    language = reader_language()
    if name.startswith("subject."):
        return _subject_value(name.removeprefix("subject."), value, language)
    return display(value, rules.item(name), language, _)


def _subject_value(name: str, value: Any, language: str) -> str:
    if name in ("first_consent_type", "consent_type"):
        return str(Consent.Type(value).label)
    if isinstance(value, date) and not isinstance(value, datetime):
        return shown_day(value)
    if name in ("first_consent_at", "consent_at"):
        return shown_moment(str(value))
    return str(value)
