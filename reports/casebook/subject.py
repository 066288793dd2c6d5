"""Header of a patient's pages: subject, status, key facts, and running reporting clocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from audit.compiled_queries import CompiledValues, Listed
from patients.casebook.casebook import Casebook
from patients.models import Patient, Record
from patients.participation.consents.consent_withdrawal import has_withdrawn
from protocol.document.document import Protocol
from protocol.values.labels import display, own_unit_words
from protocol.values.moments import Moment
from protocol.values.parsing import decimal
from reports.casebook.patient_data import PatientData
from safety import labels
from trials.access import Access
from trials.models import Trial
from trials.reader import reader_language, shown_day, shown_moment, shown_number

TONES = {
    Patient.State.SCREENING: "draft",
    Patient.State.SCREEN_FAILED: "none",
    Patient.State.ENROLLED: "due",
    Patient.State.ENDED: "locked",
}


@dataclass(frozen=True, slots=True)
class RunningClock:
    """A serious event that is due to be reported to the sponsor."""

    number: int
    term: str
    grade: int
    text: str
    started: str
    hours: int


@dataclass(frozen=True, slots=True)
class CaseNotice:
    """An event with drug safety of the sponsor, and the next deadline; the same whether a report was sent or not."""

    number: int
    term: str
    text: str


@dataclass(frozen=True, slots=True)
class Header:
    """Content of the header. `facts` are the non-empty (label, text) pairs in display order."""

    code: str
    status: str | Promise
    tone: str
    facts: list[tuple[str, str]]
    clocks: list[RunningClock]
    cases: list[CaseNotice]


Shown = Sequence[tuple[str, dict[str, Any], date | None]]
"""Form, values and day of the visit of each record that the header reads, oldest first."""


def _shown_records(patient: int, forms: list[str]) -> Any:
    rows = Record.objects.filter(patient=patient, form__in=forms).exclude(state=Record.State.STRUCK_OUT)
    # Oldest first: a later value replaces an earlier one.
    day = Coalesce("visit__held_on", "visit__planned_on")
    return rows.order_by(day.asc(nulls_first=True), "pk").values_list("form", "values", day)


# Age, sex, weight of the profile and weight of the dose may be on four forms.
SHOWN_RECORDS = CompiledValues(_shown_records, patient=int, forms=Listed(str, 4))


def header(patient: Patient, access: Access, dossier: PatientData | None = None) -> Header:
    """Return the header for this reader. dossier: what the page has read already.

    Four queries, less what the dossier holds.
    """
    dossier = dossier or PatientData(access, Casebook(patient, []))
    rules = patient.protocol.rules
    shown = _shown(patient, rules)
    values = {f"{form}.{item}": value for form, found, _on in shown for item, value in found.items()}
    facts = [
        (_("Age, sex"), _answers_text(rules, values, rules.profile.age, rules.profile.sex)),
        (_("Weight"), _weight(rules, shown, dossier)),
        (_("First infusion"), shown_day(patient.first_infusion_on)),
        (_("Study day"), _study_day(patient, rules, access.trial)),
        (_("Lot"), _lots(dossier) if access.sees_treatment else ""),
        (_("Consent"), _consent(dossier)),
    ]
    return Header(
        code=patient.code,
        status=patient.get_end_reason_display() or patient.get_state_display(),
        tone=TONES[Patient.State(patient.state)],
        facts=[(label, text) for label, text in facts if text],
        clocks=_clocks(dossier, access.trial.rules),
        cases=_cases(dossier, access.trial.rules.trial.site.time_zone),
    )


def _shown(patient: Patient, rules: Protocol) -> Shown:
    """Return the records of the forms with age, sex and weights."""
    paths = [rules.profile.age, rules.profile.sex, *_weight_items(rules)]
    forms = {path.split(".")[0] for path in paths if path}
    return SHOWN_RECORDS.rows(patient=patient.pk, forms=sorted(forms)) if forms else []


def _answers_text(rules: Protocol, values: dict[str, Any], *paths: str | None) -> str:
    language = reader_language()
    answers = [display(values[path], rules.item(path), language, _) for path in paths if path in values]
    return ", ".join(answers)


def _weight_items(rules: Protocol) -> list[str]:
    """Return the items with a weight: that of the profile, then that from which a dose is computed."""
    items = (rules.profile.weight, rules.dosing.weight_item if rules.dosing else None)
    return list(dict.fromkeys(path for path in items if path))


def _weight(rules: Protocol, shown: Shown, dossier: PatientData) -> str:
    """Return the newest weight with its day; empty without one. No query if the infusions of the dossier are read.

    Of one day that of an infusion counts, then that of the dosing item, as for the dose (`dosing.infusions.weights`).
    """
    weights = [*_captured_weights(rules, shown), *_infusion_weights(dossier)]
    if not weights:
        return ""
    # `max` returns the first of equals, so the list is read from its end.
    on, text = max(reversed(weights), key=lambda weight: weight[0])
    if on == date.min:
        return text
    return _("%(weight)s on %(day)s") % {"weight": text, "day": shown_day(on)}


def _captured_weights(rules: Protocol, shown: Shown) -> Iterator[tuple[date, str]]:
    language = reader_language()
    for path in _weight_items(rules):
        form, _dot, item = path.partition(".")
        for _form, values, on in (row for row in shown if row[0] == form):
            value = values.get(item)
            if decimal(value) is None:
                continue
            # A converted weight is rounded, so it does not look more exact.
            own = isinstance(value, dict) and "entered" in value
            text = own_unit_words if own else display
            yield on or date.min, text(value, rules.item(path), language, _)


def _infusion_weights(dossier: PatientData) -> Iterator[tuple[date, str]]:
    for infusion in dossier.infusions:
        if infusion.weight_kg is not None and infusion.weight_measured:
            on = Moment.from_iso(infusion.weight_measured).date
            text = _("%(number)s kg") % {"number": shown_number(infusion.weight_kg.normalize())}
            yield on or date.min, text


def _study_day(patient: Patient, rules: Protocol, trial: Trial) -> str:
    zero = labels.day_zero(patient, rules)
    if zero is None:
        return ""
    until = patient.ended_on or trial.today
    return labels.day((until - zero).days)


def _lots(dossier: PatientData) -> str:
    prepared = (dossier.preparation(infusion) for infusion in dossier.infusions)
    return ", ".join(dict.fromkeys(each.lot for each in prepared if each and each.lot))


def _consent(dossier: PatientData) -> str:
    latest = dossier.casebook.consent
    if latest is None:
        return _("None yet")
    if has_withdrawn(dossier.patient):
        return _("v%(version)s, partly withdrawn") % {"version": latest.version}
    return f"v{latest.version}"


def _clocks(dossier: PatientData, rules: Protocol) -> list[RunningClock]:
    # An event entered in error, or not serious, has no clock.
    waiting = [event for event in dossier.events if event.due_at and not event.reported_at]
    zone, hours = rules.trial.site.time_zone, rules.safety.sae_clock_hours
    clocks = []
    for event in sorted(waiting, key=lambda event: event.due_at or dossier.now):
        reading, start = event.clock(dossier.now), event.clock_starts_at
        if reading is not None and start is not None:
            began = shown_moment(start, zone)
            text = labels.clock_text(reading)
            clocks.append(RunningClock(event.number, event.term, event.grade, text, began, hours))
    return clocks


def _cases(dossier: PatientData, zone: str) -> list[CaseNotice]:
    """Return the cases whose deadline is to come: whether a report was sent is nothing that this page may tell."""
    return [
        CaseNotice(event.number, event.term, shown_moment(event.case_due_at, zone))
        for event in dossier.events
        if event.case_due_at is not None and event.case_due_at >= dossier.now and not event.in_error
    ]
