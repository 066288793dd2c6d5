"""The patient's data that eligibility expressions read, and the texts of their names and values."""

from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from patients.models import Consent, Patient, Record
from patients.participation.consent import current_consent
from protocol.document.document import Protocol
from protocol.values.parsing import display
from trials.reader import reader_language, shown_day, shown_moment


def latest_complete(patient: Patient) -> dict[str, dict[str, Any]]:
    """Return by form the values of the latest complete record. One query."""
    # The rows are in ascending order: of two records of a form, `dict` keeps the later one.
    rows = (
        Record.objects.filter(patient=patient, state=Record.State.COMPLETE)
        .order_by("visit__position", "visit__number", "repeat", "pk")
        .values_list("form", "values")
    )
    return dict(rows)


def eligibility_subject(
    patient: Patient, *, inclusion_on: date | None = None, consent: Consent | None = None
) -> dict[str, Any]:
    """Return the values of `subject.…` in expressions: consent, screening, inclusion, first infusion, group.

    Unknown values are absent. One query for the consent in force unless `consent` is given.
    """
    consent = consent or current_consent(patient)
    known = {
        "consent_at": consent.given if consent else None,
        "consent_type": consent.type if consent else None,
        "inclusion_on": patient.enrolled_on or inclusion_on,
        "screened_on": patient.screened_on,
        "first_infusion_on": patient.first_infusion_on,
        "group": patient.group or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def input_words(rules: Protocol, name: str) -> str:
    """Return the label of an input: that of the item, or of the value of the subject."""
    form, _dot, item = name.partition(".")
    if form == "subject":
        return subject_words().get(item, item)
    return rules.item(name).label.in_language(reader_language())


def subject_words() -> dict[str, str]:
    """Return the labels of the values of `subject.…` in the reader's language."""
    return {
        "consent_at": _("Consent given on"),
        "consent_type": _("Consent given by"),
        "inclusion_on": _("Day of inclusion"),
        "screened_on": _("Day of screening"),
        "first_infusion_on": _("First infusion"),
        "group": _("Group"),
    }


def value_words(rules: Protocol, name: str, value: Any) -> str:
    """Return an input's value as text in the reader's language, empty if there is none."""
    if value is None:
        return ""
    language = reader_language()
    if name.startswith("subject."):
        return _subject_value(name.removeprefix("subject."), value, language)
    return display(value, rules.item(name), language, _)


def _subject_value(name: str, value: Any, language: str) -> str:
    if name == "consent_type":
        return str(Consent.Type(value).label)
    if isinstance(value, date) and not isinstance(value, datetime):
        return shown_day(value)
    if name == "consent_at":
        return shown_moment(str(value))
    return str(value)
