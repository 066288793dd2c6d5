"""Header of a patient's pages: subject, status, key facts, and running reporting clocks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from dosing.models import Preparation
from patients.models import Consent, Patient, Record
from protocol.document.document import Protocol
from protocol.values.labels import display, own_unit_words
from safety import labels
from safety.models import AdverseEvent
from trials.access import Access
from trials.models import Trial
from trials.reader import reader_language, shown_day, shown_moment

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
class Header:
    """Content of the header. `facts` are the non-empty (label, text) pairs in display order."""

    code: str
    status: str | Promise
    tone: str
    facts: list[tuple[str, str]]
    clocks: list[RunningClock]


def header(patient: Patient, access: Access) -> Header:
    """Return the header for this reader. Three queries, four for readers who may know the treatment."""
    rules = patient.protocol.rules
    values = _latest_values(patient, rules)
    facts = [
        (_("Age, sex"), _told(rules, values, rules.profile.age, rules.profile.sex)),
        (_("Weight"), _weight(rules, values)),
        (_("First infusion"), shown_day(patient.first_infusion_on)),
        (_("Study day"), _studyshown_day(patient, rules, access.trial)),
        (_("Lot"), _lots(patient) if access.sees_treatment else ""),
        (_("Consent"), _consent(patient)),
    ]
    return Header(
        code=patient.code,
        status=patient.get_end_reason_display() or patient.get_state_display(),
        tone=TONES[Patient.State(patient.state)],
        facts=[(label, text) for label, text in facts if text],
        clocks=_clocks(patient, access.trial.rules, timezone.now()),
    )


def _latest_values(patient: Patient, rules: Protocol) -> dict[str, Any]:
    """Return by `form.item` the latest value of the items that the header shows."""
    paths = [path for path in (rules.profile.age, rules.profile.sex, rules.profile.weight) if path]
    records = (
        Record.objects.filter(patient=patient, form__in={path.split(".")[0] for path in paths})
        .exclude(state=Record.State.STRUCK_OUT)
        # Oldest first: a later value replaces an earlier one in the result.
        .order_by(Coalesce("visit__held_on", "visit__planned_on").asc(nulls_first=True), "pk")
        .values_list("form", "values")
    )
    return {f"{form}.{item}": value for form, values in records for item, value in values.items()}


def _told(rules: Protocol, values: dict[str, Any], *paths: str | None) -> str:
    language = reader_language()
    answers = [display(values[path], rules.item(path), language, _) for path in paths if path in values]
    return ", ".join(answers)


def _weight(rules: Protocol, values: dict[str, Any]) -> str:
    """Return the weight in the protocol's unit. A converted weight is rounded, so it does not look more exact."""
    path = rules.profile.weight
    weight = values.get(path or "")
    if path and isinstance(weight, dict) and "entered" in weight:
        return own_unit_words(weight, rules.item(path), reader_language(), _)
    return _told(rules, values, path)


def _studyshown_day(patient: Patient, rules: Protocol, trial: Trial) -> str:
    zero = labels.day_zero(patient, rules)
    if zero is None:
        return ""
    until = patient.ended_on or trial.today
    return labels.day((until - zero).days)


def _lots(patient: Patient) -> str:
    lots = Preparation.objects.filter(patient=patient).exclude(lot="").order_by("infusion__number")
    return ", ".join(dict.fromkeys(lots.values_list("lot", flat=True)))


def _consent(patient: Patient) -> str:
    latest = Consent.objects.filter(patient=patient).order_by("given_at", "pk").last()
    return f"v{latest.version}" if latest else _("None yet")


def _clocks(patient: Patient, rules: Protocol, now: datetime) -> list[RunningClock]:
    events = AdverseEvent.objects.filter(patient=patient).awaiting_report().order_by("due_at")
    zone, hours = rules.trial.site.time_zone, rules.safety.sae_clock_hours
    clocks = []
    for event in events:
        reading, start = event.clock(now), event.clock_starts_at
        if reading is not None and start is not None:
            began = shown_moment(start, zone)
            text = labels.clock_text(reading)
            clocks.append(RunningClock(event.number, event.term, event.grade, text, began, hours))
    return clocks
