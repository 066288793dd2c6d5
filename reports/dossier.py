"""What the casebook page reads of one patient: each table once, and only what the reader may see."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.db.models import Count, Exists, OuterRef
from django.http import Http404
from django.utils import timezone

from accounts.access import Access
from audit.models import Signature
from dosing.models import Infusion, Preparation
from patients.casebook import Casebook, forms_of
from patients.models import Consent, EligibilityDecision, Patient, Query, Record, Visit
from reports.standing import COMPLETE, DRAFT, LOCKED, OPEN_PATIENTS, SIGNED, VERIFIED
from safety.models import AdverseEvent
from safety.words import day_zero
from trials.protocol import Protocol
from trials.protocol_design import VisitForm


@dataclass
class Dossier:
    """One patient for one reader. Everything below is read when first asked for, in one query each."""

    access: Access
    casebook: Casebook
    now: datetime = field(default_factory=timezone.now)

    @classmethod
    def opened(cls, access: Access, code: str) -> "Dossier":
        """Open the casebook of a patient of this trial; another trial's patient does not exist (404)."""
        try:
            return cls(access, Casebook.opened(user=access.user, trial=access.trial, code=code))
        except Patient.DoesNotExist:
            raise Http404 from None

    @property
    def patient(self) -> Patient:
        """Return the patient, with protocol and trial at hand."""
        return self.casebook.patient

    @property
    def rules(self) -> Protocol:
        """Return the protocol the patient is captured under."""
        return self.patient.protocol.rules

    @property
    def zone(self) -> str:
        """Return the name of the site's time zone."""
        return self.rules.trial.site.time_zone

    @property
    def today(self) -> date:
        """Return today on the clock of the site."""
        return self.now.astimezone(self.access.trial.zone).date()

    @property
    def is_open(self) -> bool:
        """Return whether the patient is still screened or followed."""
        return self.patient.state in OPEN_PATIENTS

    @property
    def zero(self) -> date:
        """Return study day 0: first infusion or inclusion as the protocol counts, before that the screening."""
        return day_zero(self.patient, self.rules) or self.patient.screened_on

    @cached_property
    def visits(self) -> list[Visit]:
        """Return the visits in the order of the protocol."""
        return sorted(self.casebook.visits, key=lambda visit: (visit.position, visit.number))

    @cached_property
    def records(self) -> list[Record]:
        """Return the captured forms that were not struck out."""
        return [record for record in self.casebook.records if record.state != Record.State.STRUCK_OUT]

    @cached_property
    def stages(self) -> dict[int, dict[str, int]]:
        """Return the stage of each form by visit; where a form was entered twice, the less advanced."""
        found: dict[int, dict[str, int]] = {}
        for record in self.records:
            if record.visit_id is not None:
                forms, stage = found.setdefault(record.visit_id, {}), stage_of(record)
                forms[record.form] = min(stage, forms.get(record.form, stage))
        return found

    @cached_property
    def queries(self) -> Counter[tuple[int | None, str]]:
        """Return the number of open queries by visit (None for a log) and form."""
        rows = Query.objects.visible_to(self.access.user).filter(patient=self.patient)
        counted = rows.filter(state__in=Query.OPEN_STATES).order_by().values_list("record__visit_id", "record__form")
        return Counter({(visit, form): number for visit, form, number in counted.annotate(Count("pk"))})

    @cached_property
    def events(self) -> list[AdverseEvent]:
        """Return the adverse events that stand, in order of onset."""
        rows = AdverseEvent.objects.visible_to(self.access.user).filter(patient=self.patient).standing()
        return list(rows.order_by("onset_earliest", "number"))

    @cached_property
    def infusions(self) -> list[Infusion]:
        """Return the infusions as both arms share them."""
        rows = Infusion.objects.visible_to(self.access.user).filter(patient=self.patient)
        return list(rows.order_by("number"))

    @cached_property
    def preparations(self) -> dict[int, Preparation]:
        """Return the products by infusion, for readers who may know the treatment; for others nothing is read."""
        if not self.access.sees_treatment:
            return {}
        rows = Preparation.objects.visible_to(self.access.user).filter(patient=self.patient)
        return {row.infusion_id: row for row in rows}

    @cached_property
    def consents(self) -> list[Consent]:
        """Return the consents, the one in force last."""
        return list(Consent.objects.visible_to(self.access.user).filter(patient=self.patient).order_by("given_at", "pk"))

    @cached_property
    def decision(self) -> Any:
        """Return the latest decision on eligibility with `holds` (its signature is valid), or None."""
        valid = Signature.objects.filter(
            target_type=EligibilityDecision._meta.label_lower, target_id=OuterRef("pk"), invalidated_at=None
        )
        rows = EligibilityDecision.objects.visible_to(self.access.user).filter(patient=self.patient)
        return rows.defer("criteria").annotate(holds=Exists(valid)).order_by("decided_at", "pk").last()

    def forms_of(self, visit: Visit) -> list[VisitForm]:
        """Return the forms that the protocol asks for at a visit."""
        return list(forms_of(self.patient.protocol, visit))

    def records_of(self, form: str) -> Iterable[Record]:
        """Return the records of a form in the order of visits and rows."""
        order = {visit.pk: number for number, visit in enumerate(self.visits)}
        rows = [record for record in self.records if record.form == form]
        return sorted(rows, key=lambda record: (order.get(record.visit_id or 0, -1), record.repeat))


def stage_of(record: Any) -> int:
    """Return the stage of a record read `with_marks`; agrees with `reports.standing.STAGE`."""
    if record.locked_at:
        return LOCKED
    if record.is_signed:
        return SIGNED
    if record.verified_at:
        return VERIFIED
    return COMPLETE if record.state == Record.State.COMPLETE else DRAFT
