"""The whole protocol as one frozen value, with constant-time lookups by code."""

from collections.abc import Mapping
from functools import cached_property

from pydantic import Field, field_validator

from protocol.document.analysis import BaselinePlan
from protocol.document.design import (
    Allocation,
    Amendment,
    Approval,
    Arm,
    Assessment,
    Confirmation,
    ConsentPlan,
    EligibilityCriterion,
    Group,
    ProfilePlan,
    ProtocolVisit,
    Safety,
    TrialFacts,
    Unscheduled,
)
from protocol.document.dosing import Dosing
from protocol.document.items import Form, Item, Part
from protocol.document.monitoring import Monitoring
from protocol.document.monitoring_times import BedsidePlan
from protocol.document.outcomes import Outcome, Population
from protocol.document.people import PlannedOpening, TrainingDocument
from protocol.document.product import DonorPlan, ProductVersion
from protocol.document.risk_review import RiskReview
from protocol.document.samples import SamplePlan
from protocol.document.stopping import StoppingRule
from protocol.document.tabulation import TrialSummary
from protocol.document.written_values import Cel, Name


class Protocol(Part):
    """A validated protocol file. Lookups raise KeyError if the protocol does not have the code."""

    trial: TrialFacts
    amendment: Amendment | None = None
    approval: Approval | None = None
    confirmed: tuple[Confirmation, ...] = ()
    arms: tuple[Arm, ...] = ()
    allocation: Allocation | None = None
    groups: tuple[Group, ...] = ()
    consent: ConsentPlan
    trial_summary: TrialSummary = TrialSummary()
    definitions: dict[Name, Cel] = {}
    assessment: Assessment | None = None
    eligibility: tuple[EligibilityCriterion, ...] = ()
    dosing: Dosing | None = None
    products: tuple[ProductVersion, ...] = ()
    donors: DonorPlan | None = None
    bedside: BedsidePlan = BedsidePlan()
    visits: tuple[ProtocolVisit, ...] = Field(min_length=1)
    unscheduled: Unscheduled = Unscheduled()
    samples: tuple[SamplePlan, ...] = ()
    logs: tuple[Name, ...] = ()
    forms: dict[Name, Form] = Field(min_length=1)
    safety: Safety
    stopping_rules: tuple[StoppingRule, ...] = ()
    populations: dict[Name, Population] = {}
    outcomes: tuple[Outcome, ...] = ()
    profile: ProfilePlan = ProfilePlan()
    baseline: BaselinePlan | None = None
    monitoring: Monitoring = Monitoring()
    training: tuple[TrainingDocument, ...] = ()
    unblinding: PlannedOpening | None = None
    trail_review: RiskReview = RiskReview()

    @field_validator("forms", mode="before")
    @classmethod
    def _forms_know_their_code(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        return {
            code: {**form, "code": code} if isinstance(form, dict) else form for code, form in raw.items()
        }

    def to_verify(self, form: str) -> tuple[str, ...]:
        """Return the items of a form that need source data verification."""
        return self._to_verify.get(form, ())

    @cached_property
    def _to_verify(self) -> Mapping[str, tuple[str, ...]]:
        planned = {code: self.monitoring.items_of(form) for code, form in self.forms.items()}
        return {code: items for code, items in planned.items() if items}

    @property
    def forms_to_verify(self) -> tuple[str, ...]:
        """Forms with at least one item that needs source data verification."""
        return tuple(self._to_verify)

    @property
    def summary(self) -> str:
        """One line with the number of visits, forms, items and criteria, as the commands print it."""
        items = sum(len(form.items) for form in self.forms.values())
        return (
            f"{self.trial.id} version {self.trial.version}: {len(self.visits)} visits, "
            f"{len(self.forms)} forms, {items} items, {len(self.eligibility)} criteria, no mistakes"
        )

    @cached_property
    def visit_codes(self) -> tuple[str, ...]:
        """Codes of the planned visits, in order."""
        return tuple(visit.code for visit in self.visits)

    @cached_property
    def _visit_by_code(self) -> Mapping[str, ProtocolVisit]:
        return {visit.code: visit for visit in self.visits}

    @cached_property
    def _criterion_by_id(self) -> Mapping[str, EligibilityCriterion]:
        return {criterion.id: criterion for criterion in self.eligibility}

    @cached_property
    def _arm_by_code(self) -> Mapping[str, Arm]:
        return {arm.code: arm for arm in self.arms}

    @cached_property
    def _group_by_code(self) -> Mapping[str, Group]:
        return {group.code: group for group in self.groups}

    @cached_property
    def _outcome_by_id(self) -> Mapping[str, Outcome]:
        return {outcome.id: outcome for outcome in self.outcomes}

    @cached_property
    def _sample_by_code(self) -> Mapping[str, SamplePlan]:
        return {plan.code: plan for plan in self.samples}

    def samples_at(self, visit: str) -> tuple[SamplePlan, ...]:
        """Return the samples that may be taken at the visit with this code, in the order of the file."""
        return tuple(plan for plan in self.samples if visit in plan.when_at)

    def sample(self, code: str) -> SamplePlan:
        return self._sample_by_code[code]

    def form(self, code: str) -> Form:
        return self.forms[code]

    def visit(self, code: str) -> ProtocolVisit:
        return self._visit_by_code[code]

    @cached_property
    def masked_forms(self) -> tuple[Form, ...]:
        """Forms with results that are masked, in the order of the file."""
        return tuple(form for form in self.forms.values() if form.masked_items)

    def criterion(self, id: str) -> EligibilityCriterion:
        return self._criterion_by_id[id]

    def arm(self, code: str) -> Arm:
        return self._arm_by_code[code]

    def group(self, code: str) -> Group:
        return self._group_by_code[code]

    def outcome(self, id: str) -> Outcome:
        return self._outcome_by_id[id]

    def item(self, path: str) -> Item:
        """Return the item at ``form.item``."""
        form, _, name = path.partition(".")
        return self.forms[form].item(name)

    @cached_property
    def only_arm(self) -> Arm | None:
        """The arm of every patient of a trial that does not randomise; None in a randomised one, or without dosing.

        Without `arms` every patient receives the product of the dosing.
        """
        if self.allocation is not None:
            return None
        if self.arms or self.dosing is None:
            return self.arms[0] if self.arms else None
        return Arm(code="all", title=self.dosing.title, cells=True)

    @cached_property
    def known_products(self) -> tuple[ProductVersion, ...]:
        """The products of the file. Without `products`, those of dosing and arms, with no release specification."""
        if self.products or self.dosing is None:
            return self.products
        cells = ProductVersion(code=self.dosing.product, version="1", title=self.dosing.title, cells=True)
        placebo = next((arm for arm in self.arms if arm.gives_control(self.dosing.infusions)), None)
        if placebo is None:
            return (cells,)
        return (cells, ProductVersion(code="placebo", version="1", title=placebo.title, cells=False))

    def product(self, code: str, version: str) -> ProductVersion | None:
        """Return a version of a product, or None if the file does not have it."""
        found = (each for each in self.known_products if (each.code, each.version) == (code, version))
        return next(found, None)

    def infusion_visit(self, number: int) -> ProtocolVisit:
        """Return the visit at which infusion ``number`` (from 1) is given."""
        return self._infusion_visits[number]

    @cached_property
    def _infusion_visits(self) -> Mapping[int, ProtocolVisit]:
        return {visit.infusion: visit for visit in self.visits if visit.infusion is not None}
