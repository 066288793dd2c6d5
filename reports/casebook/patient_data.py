"""Data of the casebook page: one patient's rows, limited to what the reader may see."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import Http404
from django.utils import timezone

from audit.compiled_queries import CompiledQuery
from audit.models import Signature
from dosing.models import Infusion, Preparation
from patients.casebook.casebook import Casebook
from patients.casebook.navigation import Navigation, navigation
from patients.casebook.range_flags import subject_in
from patients.models import Consent, EligibilityDecision, Patient, Record, Visit
from patients.models.visibility import IN_TRIAL
from patients.models.visit_forms import day_of
from patients.participation.consents.consent_withdrawal import stops_treatment
from patients.participation.death import is_after_death, last_day_of_life, stated_death
from patients.participation.visit_status import OPEN_PATIENTS
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.values.reference_ranges import RangeBook, RangeSubject, Readings, laboratory_items
from safety.labels import day_zero
from safety.models import AdverseEvent
from trials.access import Access
from trials.laboratories.ranges import book_of


def _events(patient: int, **who: Any) -> Any:
    rows = AdverseEvent.objects.visible_in(**who).filter(patient=patient).not_in_error()
    return rows.order_by("onset_earliest", "number")


def _infusions(patient: int, **who: Any) -> Any:
    return Infusion.objects.visible_in(**who).filter(patient=patient).order_by("number")


def _decision(patient: int, **who: Any) -> Any:
    valid = Signature.objects.filter(
        target_type=EligibilityDecision._meta.label_lower, target_id=OuterRef("pk"), invalidated_at=None
    )
    changed = EligibilityDecision.objects.filter(pk=OuterRef("pk")).resting_on_changes()
    rows = EligibilityDecision.objects.visible_in(**who).filter(patient=patient).defer("criteria")
    return rows.annotate(holds=Exists(valid), rests_on_changes=Exists(changed)).order_by("-pk")[:1]


OF_PATIENT: dict[str, Any] = {**IN_TRIAL, "patient": int}
EVENTS = CompiledQuery(_events, **OF_PATIENT)
INFUSIONS = CompiledQuery(_infusions, **OF_PATIENT)
PREPARED_INFUSIONS = CompiledQuery(
    lambda patient, **who: _infusions(patient, **who).select_related("preparation"), **OF_PATIENT
)
DECISION = CompiledQuery(_decision, **OF_PATIENT)


@dataclass
class PatientData:
    """One patient as one reader sees it. Each property runs at most one query, on first use."""

    access: Access
    casebook: Casebook
    now: datetime = field(default_factory=timezone.now)

    @classmethod
    def open(cls, access: Access, code: str) -> "PatientData":
        """Open the casebook of a patient of this trial. Raises Http404 for any other patient."""
        try:
            return cls(access, Casebook.open(user=access.user, trial=access.trial, code=code))
        except Patient.DoesNotExist:
            raise Http404 from None

    @cached_property
    def _who(self) -> dict[str, Any]:
        trial, user = self.access.trial.pk, self.access.user.pk
        return {"trial": trial, "user": user, "at": self.now, "patient": self.patient.pk}

    @property
    def patient(self) -> Patient:
        """Return the patient, with protocol and trial loaded."""
        return self.casebook.patient

    @property
    def rules(self) -> Protocol:
        """Return the patient's protocol."""
        return self.patient.protocol.rules

    @property
    def zone(self) -> str:
        """Return the name of the site's time zone."""
        return self.rules.trial.site.time_zone

    @property
    def today(self) -> date:
        """Return today's date at the site."""
        return self.access.trial.day_of(self.now)

    @property
    def is_open(self) -> bool:
        """Return whether the patient is in screening or follow-up."""
        return self.patient.state in OPEN_PATIENTS

    @cached_property
    def stated_death(self) -> str:
        """Return the date of death (ISO text) that a form states, empty without."""
        return stated_death(self.casebook.records, self.rules)

    def may_be_infused(self, row: Infusion) -> bool:
        """Return whether a planned infusion may still be given: in the study, with consent, not after a death."""
        died = last_day_of_life(self.patient, self.stated_death)
        return (
            self.is_open and stops_treatment(self.patient) is None and not is_after_death(row.window_to, died)
        )

    @property
    def zero(self) -> date:
        """Return study day 0 (first infusion or inclusion, as the protocol defines it), or the day of screening."""
        return day_zero(self.patient, self.rules) or self.patient.screened_on

    @cached_property
    def visits(self) -> list[Visit]:
        """Return the visits in protocol order."""
        return sorted(self.casebook.visits, key=lambda visit: (visit.position, visit.number))

    @cached_property
    def places(self) -> Navigation:
        """Return the navigation of the casebook, with no page marked as current."""
        return navigation(self.casebook)

    @cached_property
    def records(self) -> list[Record]:
        """Return the records that were not struck out."""
        return [record for record in self.casebook.records if record.state != Record.State.STRUCK_OUT]

    @cached_property
    def ranges(self) -> RangeBook:
        """Return the reference ranges of the trial."""
        return book_of(self.access.trial)

    @cached_property
    def subject(self) -> RangeSubject:
        """Return the patient's sex and age, which select the reference range."""
        return subject_in(self.patient, self.rules, self.casebook.records)

    def readings(self, form: Form, record: Record) -> Readings:
        """Return the reference-range reading of each laboratory item of a record; empty for other forms."""
        if not laboratory_items(form):
            return {}
        visit = next((each for each in self.casebook.visits if each.pk == record.visit_id), None)
        day = day_of(visit) if visit else None
        return self.ranges.read(form, record.values, subject=self.subject, day=day)

    @cached_property
    def events(self) -> list[AdverseEvent]:
        """Return the adverse events not entered in error, by onset."""
        return EVENTS.rows(**self._who)

    @cached_property
    def infusions(self) -> list[Infusion]:
        """Return the infusions, with the preparation only for readers who may know the treatment."""
        return (PREPARED_INFUSIONS if self.access.sees_treatment else INFUSIONS).rows(**self._who)

    def preparation(self, infusion: Infusion) -> Preparation | None:
        """Return the preparation of an infusion, or None for readers who may not know the treatment (CEL-18)."""
        if not self.access.sees_treatment:
            return None
        return getattr(infusion, "preparation", None)

    @property
    def consents(self) -> list[Consent]:
        """Return the consents; the last one is in force."""
        return self.casebook.consents

    @cached_property
    def decision(self) -> Any:
        """Return the latest eligibility decision or None, annotated.

        `holds`: its signature is valid; `rests_on_changes`: an investigator has to look at it again.
        """
        return DECISION.first(**self._who)

    def records_of(self, form: str) -> Iterable[Record]:
        """Return the records of a form, by visit and row."""
        order = {visit.pk: number for number, visit in enumerate(self.visits)}
        rows = [record for record in self.records if record.form == form]
        return sorted(rows, key=lambda record: (order.get(record.visit_id or 0, -1), record.repeat))
