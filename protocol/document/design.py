"""Design tables of a protocol file: site, arms, consent, eligibility, dosing, visits, safety, outcomes."""

from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from protocol.document.items import Part, Prose, Text
from protocol.document.written_values import (
    MOST_DAYS,
    Cel,
    Code,
    Count,
    Day,
    Days,
    DaysFromNow,
    ExactNumber,
    GroupCode,
    ItemPath,
    Language,
    Line,
    Masking,
    Name,
    Number,
    ShortLine,
    ShortName,
    SubjectCode,
    Truth,
    Whole,
)

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=50)]
Anchor = Annotated[str, StringConstraints(pattern=r"^(inclusion|screening|infusion_[1-9])$")]
ConsentType = Literal["patient", "legal_representative", "impartial_witness"]
WhenAsked = Literal["required", "available"]
VERSION = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
MOST_CELLS_PER_KG = 10**11
UNSCHEDULED = "UNS"
"""Code of unscheduled visits; no planned visit may use it."""


def _ordered(pair: tuple[int, int]) -> tuple[int, int]:
    if pair[0] > pair[1]:
        raise ValueError(f"the first number is larger than the second: [{pair[0]}, {pair[1]}]")
    return pair


def _around_zero(pair: tuple[int, int]) -> tuple[int, int]:
    if not pair[0] <= 0 <= pair[1]:
        raise ValueError(f"a window is days before and after, like [-2, 2]: [{pair[0]}, {pair[1]}]")
    return pair


DayRange = Annotated[tuple[Days, Days], AfterValidator(_ordered)]
Window = Annotated[tuple[Days, Days], AfterValidator(_around_zero)]


class Site(Part):
    """The trial site. ``languages`` are in the order in which they are offered to the user."""

    name: Line
    city: Line | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    time_zone: Line
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"unknown time zone {name!r}: write it like Europe/Brussels")
        return name


class Recruitment(Part):
    """Recruitment period: first month (``2020-06``) and number of months."""

    starts: Annotated[str, StringConstraints(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$")] = Field(
        alias="from"
    )
    months: Annotated[Count, Field(le=1200)]


class TrialFacts(Part):
    """Identity of the trial: ``target`` is the number of patients, ``follow_up_days`` counts from inclusion."""

    id: Line
    slug: Slug = ""
    version: Annotated[str, StringConstraints(pattern=VERSION, max_length=40)]
    title: Text
    short_title: Line
    masking: Masking
    phase: Line
    target: Annotated[Count, Field(le=100_000)]
    identifiers: dict[Name, Line] = {}
    sponsor: Line | None = None
    subject_code: SubjectCode
    site: Site
    recruitment: Recruitment | None = None
    follow_up_days: DaysFromNow

    @model_validator(mode="before")
    @classmethod
    def _slug_follows_id(cls, raw: object) -> object:
        if isinstance(raw, dict) and "slug" not in raw and isinstance(raw.get("id"), str):
            return {**raw, "slug": raw["id"].lower()}
        return raw

    @property
    def is_masked(self) -> bool:
        return self.masking != "open"

    def code_of(self, number: int) -> str:
        """Return the subject code of the patient enrolled as number ``number`` (from 1)."""
        return self.subject_code.format(number=number)


class Arm(Part):
    """A treatment arm. ``cells`` is True if the arm receives cells. Never shown to blinded roles."""

    code: ShortName
    title: Text
    cells: Truth


class Allocation(Part):
    """How patients are allocated to arms: permuted blocks, the ratio between the arms, the strata."""

    method: Literal["permuted_blocks"]
    block_sizes: Annotated[tuple[Annotated[Count, Field(le=1000)], ...], Field(min_length=1)]
    ratio: Annotated[dict[Name, Annotated[Count, Field(le=100)]], Field(min_length=1)]
    strata: tuple[Line, ...] = ()


class Group(Part):
    """A group of patients defined by a rule on captured data, not by chance (Liège: A oxygen, B ventilated)."""

    code: GroupCode
    title: Text
    member: Cel


class ConsentPlan(Part):
    """Who may give consent, and the versions of the consent form; the last version is the current one."""

    types: Annotated[tuple[ConsentType, ...], Field(min_length=1)]
    versions: Annotated[tuple[ShortLine, ...], Field(min_length=1)]

    @property
    def current_version(self) -> str:
        return self.versions[-1]


class Amendment(Part):
    """An amended version: the version it ``replaces``, and whether patients must sign again (``reconsent``)."""

    replaces: Annotated[str, StringConstraints(pattern=VERSION, max_length=40)]
    reconsent: Truth
    summary: Text


class Approver(Part):
    """A person who approved a version of the forms, and the date."""

    name: Line
    function: Line | None = None
    on: Day


class Approval(Part):
    """Approval of a version: ethics approval (DAT-09), two approvers (VAL-02), reference to the test evidence."""

    ethics: Day
    reference: Line | None = None
    by: Annotated[tuple[Approver, ...], Field(min_length=2)] | None = None
    evidence: Line | None = None

    @model_validator(mode="after")
    def _two_persons_after_ethics(self) -> Self:
        for person in self.by or ():
            if person.on < self.ethics:
                raise ValueError(
                    f"{person.name} approved on {person.on}, before the ethics approval of {self.ethics}"
                )
        if self.by and len({person.name for person in self.by}) < 2:
            raise ValueError("two different persons approve a version")
        return self

    @property
    def usable_from(self) -> date:
        """First day on which the forms may be used."""
        return max([self.ethics, *(person.on for person in self.by or ())])


class Confirmation(Part):
    """A doubt of the check of this file, by its key, that a person confirmed: the rule is meant as it stands."""

    key: Line
    reason: Prose
    by: Line
    on: Day


class EligibilityCriterion(Part):
    """An eligibility criterion. ``met`` must be true for inclusion, ``present`` must be false for exclusion.

    A criterion with ``deferred_days`` may be undetermined or unmet at enrolment; it is decided within that many days.
    """

    id: Code
    kind: Literal["inclusion", "exclusion"]
    text: Text
    met: Cel | None = None
    present: Cel | None = None
    deferred_days: DaysFromNow | None = None
    note: Prose | None = None

    @model_validator(mode="after")
    def _has_its_expression(self) -> Self:
        required, other = ("met", "present") if self.kind == "inclusion" else ("present", "met")
        if getattr(self, required) is None or getattr(self, other) is not None:
            raise ValueError(f"an {self.kind} criterion has {required} = … and no {other}")
        return self

    @property
    def expression(self) -> str:
        return self.met or self.present or ""

    @property
    def is_deferred(self) -> bool:
        return self.deferred_days is not None


class Assessment(Part):
    """The moment to which the eligibility criteria refer, an item, and how long before inclusion it may lie."""

    item: ItemPath
    valid_hours: Annotated[Count, Field(le=24 * MOST_DAYS)]


CellsPerKg = Annotated[ExactNumber, Field(gt=0, le=MOST_CELLS_PER_KG)]


class CellDose(Part):
    """Viable cells per kg of body weight: lowest, target and highest dose."""

    lowest: CellsPerKg
    target: CellsPerKg
    highest: CellsPerKg

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if not self.lowest <= self.target <= self.highest:
            raise ValueError("write lowest ≤ target ≤ highest")
        return self


class Dosing(Part):
    """The planned infusions: their number, the days between them, the cells per kg, the item that holds the weight."""

    product: Name
    title: Text
    infusions: Annotated[Count, Field(le=9)]
    interval_days: DayRange | None = None
    cells_per_kg: CellDose
    same_donor: Truth = False
    first_infusion_within_days: DayRange = (0, 0)
    volume_ml: Annotated[Number, Field(gt=0, lt=100_000)] | None = None
    weight_item: ItemPath
    weight_max_age_hours: Annotated[Count, Field(le=24 * MOST_DAYS)] = 24

    @model_validator(mode="after")
    def _has_interval(self) -> Self:
        if self.infusions > 1 and self.interval_days is None:
            raise ValueError("several infusions need interval_days = [shortest, longest]")
        if self.interval_days and self.interval_days[0] < 0:
            raise ValueError("interval_days cannot be negative")
        return self


def _visit_form(value: object) -> object:
    return {"form": value} if isinstance(value, str) else value


class VisitForm(Part):
    """A form of a visit: ``required`` at the visit, or optional (``available``)."""

    form: Name
    when: WhenAsked = "required"

    @property
    def if_available(self) -> "VisitForm":
        """The same form, entered only if there are data."""
        return VisitForm(form=self.form, when="available")


VisitForms = tuple[Annotated[VisitForm, BeforeValidator(_visit_form)], ...]


class ProtocolVisit(Part):
    """A planned visit: ``day`` days after its anchor, with ``window`` = [days before (≤ 0), days after].

    ``anchor_without_infusion`` is the anchor once the infusion that the visit is counted from will not be given.
    ``contact``: the patient is at home by then, so an attempt to reach the patient is due until it succeeds.
    """

    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$", max_length=20)]
    title: Text
    kind: Literal["screening", "infusion", "follow_up"]
    anchor: Anchor
    day: Days
    window: Window = (0, 0)
    anchor_without_infusion: Literal["inclusion", "screening"] = "inclusion"
    infusion: Annotated[Count, Field(le=9)] | None = None
    contact: Truth = False
    forms: VisitForms = ()

    @model_validator(mode="after")
    def _names_its_infusion(self) -> Self:
        if (self.kind == "infusion") != (self.infusion is not None):
            raise ValueError("a visit of kind infusion, and no other, says which: infusion = 1")
        return self

    @cached_property
    def form_codes(self) -> tuple[str, ...]:
        return tuple(entry.form for entry in self.forms)


class Unscheduled(Part):
    """The forms offered at an unscheduled visit."""

    forms: VisitForms = ()


class Coded(Part):
    """A code and its title."""

    code: Code
    title: Text


def _coded(value: object) -> object:
    if isinstance(value, str):
        return {"code": value, "title": {"en": value.replace("_", " ").capitalize()}}
    return value


CAUSALITIES = {
    "certain": True, "definite": True, "probable": True, "possible": True, "related": True,
    "conditional": True, "unassessable": True, "unlikely": False, "unrelated": False, "not_related": False,
}  # fmt: skip
"""Codes allowed in a causality scale; True if the event counts as related (ICH E2A, WHO-UMC).

A causality that nobody could classify counts as related (SAF-04), so that no event escapes reporting.
"""


class Safety(Part):
    """Safety rules: CTCAE version, events of special interest, hours to report an SAE, days of follow-up."""

    ctcae: Literal["4.03", "5.0", "6.0"]
    aesi: tuple[Coded, ...] = ()
    sae_clock_hours: Annotated[Count, Field(le=24 * 366)] = 24
    follow_up_days: Annotated[Whole, Field(ge=0, le=MOST_DAYS)]
    causality: tuple[Annotated[Coded, BeforeValidator(_coded)], ...] = ()


class Outcome(Part):
    """An outcome as registered. ``window_days`` is the last day that counts, or [first, last]."""

    id: Code
    type: Literal["primary", "secondary", "exploratory"]
    title: Text
    window_days: Annotated[Whole, Field(ge=0, le=MOST_DAYS)] | DayRange | None = None
    definition: Prose | None = None


class ProfilePlan(Part):
    """Items shown in the patient profile. ``died_on`` is compared with the end of study."""

    age: ItemPath | None = None
    sex: ItemPath | None = None
    weight: ItemPath | None = None
    died_on: ItemPath | None = None
    labs: tuple[ItemPath, ...] = ()
    logs: tuple[Name, ...] = ()
