"""The rows of the annual safety report, from the data of a trial. Arms only where the reader may know them (RES-05)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from exports.authorities.annual.tables import AnnualEvent, AnnualGroup, AnnualPatient
from exports.authorities.event_tables import reporting_arms
from patients.casebook.range_flags import subjects_of
from patients.models import Patient
from patients.participation.milestones import infusion_days
from protocol.values.reference_ranges import RangeSubject
from safety.models import AdverseEvent
from safety.terms.own_classes import class_of
from safety.terms.own_list import term_of
from trials.models import Trial


@dataclass(frozen=True)
class AnnualRows:
    """Groups, exposed patients and serious events; rows by patient and number. left_out: events without infusion."""

    groups: list[AnnualGroup]
    patients: list[AnnualPatient]
    events: list[AnnualEvent]
    rows: dict[tuple[str, int], AdverseEvent]
    left_out: int

    def group_of(self, patient: str) -> str:
        """Return the title of the patient's group; empty for one that the reader may not know."""
        return next((group.title for group in self.groups if patient in group.patients), "")


def annual_rows(trial: Trial, *, sees_treatment: bool) -> AnnualRows:
    """Return the sources of the three tables. At most nine queries.

    Events certainly before the first infusion, and those of patients without one, are counted in `left_out`.
    """
    arms = reporting_arms(trial, sees_treatment=sees_treatment)
    groups = [AnnualGroup(arm.title, arm.exposed) for arm in arms]
    exposed = _exposed(trial, {code for group in groups for code in group.patients})
    serious = AdverseEvent.objects.filter(trial=trial, serious=True).not_in_error()
    found = list(serious.select_related("patient", "coding").order_by("patient__number", "number"))
    known = {each.code for each in exposed}
    at_risk = [
        event for event in found if event.patient.code in known and not _before_treatment(event, trial)
    ]
    return AnnualRows(
        groups,
        exposed,
        [_event(event, trial) for event in at_risk],
        {(event.patient.code, event.number): event for event in at_risk},
        len(found) - len(at_risk),
    )


def _exposed(trial: Trial, codes: set[str]) -> list[AnnualPatient]:
    rows = list(Patient.objects.filter(trial=trial, code__in=codes).order_by("number"))
    for row in rows:
        row.trial = trial
    days, subjects = infusion_days(rows), subjects_of(trial, [row.pk for row in rows])
    return [_patient(row, days[row.pk].values(), subjects.get(row.pk, RangeSubject())) for row in rows]


def _patient(row: Patient, days: Iterable[date], subject: RangeSubject) -> AnnualPatient:
    return AnnualPatient(code=row.code, sex=subject.sex, age=subject.age, infusions=tuple(sorted(days)))


def _event(event: AdverseEvent, trial: Trial) -> AnnualEvent:
    coding = getattr(event, "coding", None)
    term = (coding.preferred or coding.name) if coding else term_of(event.term) or event.term
    organ_class = (coding.organ_class if coding else "") or class_of(event.term)
    received = event.reported_at or event.aware_at or event.created_at
    return AnnualEvent(
        patient=event.patient.code,
        number=event.number,
        organ_class=organ_class,
        term=term,
        reaction=event.related,
        received=received.astimezone(trial.zone).date(),
    )


def _before_treatment(event: AdverseEvent, trial: Trial) -> bool:
    first = event.patient.first_infusion_on
    return first is not None and event.onset_latest.astimezone(trial.zone).date() < first
