"""What a protocol file says about the trial itself: site, arms, consent, criteria, dosing, visits, safety."""

from datetime import date
from decimal import Decimal
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

from protocol.document.items import Cel, Code, Form, Language, Line, Name, Part, Prose, Text

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=50)]
Anchor = Annotated[str, StringConstraints(pattern=r"^(inclusion|screening|infusion_[1-9])$")]
ItemPath = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
ConsentType = Literal["patient", "legal_representative", "impartial_witness"]
WhenAsked = Literal["required", "available"]
VERSION = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
UNSCHEDULED = "UNS"
"""The code of unscheduled visits: a planned visit cannot have it."""


def _ordered(pair: tuple[int, int]) -> tuple[int, int]:
    if pair[0] > pair[1]:
        raise ValueError(f"the first number is larger than the second: [{pair[0]}, {pair[1]}]")
    return pair


def _around_zero(pair: tuple[int, int]) -> tuple[int, int]:
    if not pair[0] <= 0 <= pair[1]:
        raise ValueError(f"a window is days before and after, like [-2, 2]: [{pair[0]}, {pair[1]}]")
    return pair


DayRange = Annotated[tuple[int, int], AfterValidator(_ordered)]
Window = Annotated[tuple[int, int], AfterValidator(_around_zero)]


class Site(Part):
    """The one place where the trial runs. ``languages`` in the order offered."""

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
    """When patients may enter: first month (``2020-06``) and number of months."""

    starts: Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] = Field(alias="from")
    months: Annotated[int, Field(ge=1)]


def _has_number(pattern: str) -> str:
    try:
        pattern.format(number=1)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError("write the subject code like 'LIE-{number:03d}'") from error
    if pattern.format(number=1) == pattern.format(number=2):
        raise ValueError("every subject would get the same code: write it like 'LIE-{number:03d}'")
    return pattern


class TrialFacts(Part):
    """Identity of the trial: ``target`` patients, each followed for ``follow_up_days`` from inclusion."""

    id: Line
    slug: Slug = ""
    version: Annotated[str, StringConstraints(pattern=VERSION, max_length=40)]
    title: Text
    short_title: Line
    masking: Literal["open", "double_blind"]
    phase: Line
    target: Annotated[int, Field(ge=1)]
    identifiers: dict[Name, Line] = {}
    sponsor: Line | None = None
    subject_code: Annotated[Line, AfterValidator(_has_number)]
    site: Site
    recruitment: Recruitment | None = None
    follow_up_days: Annotated[int, Field(ge=1)]

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
        """The code of the subject that entered as number ``number`` (from 1)."""
        return self.subject_code.format(number=number)


class Arm(Part):
    """A treatment arm; ``cells`` tells whether it receives cells. Hidden from blinded roles."""

    code: Name
    title: Text
    cells: bool


class Allocation(Part):
    """How a randomised trial allocates: permuted blocks in a ratio between arms, within strata."""

    method: Literal["permuted_blocks"]
    block_sizes: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    ratio: Annotated[dict[Name, Annotated[int, Field(ge=1)]], Field(min_length=1)]
    strata: tuple[Line, ...] = ()


class Group(Part):
    """A group of patients told apart by a rule, not by chance (Liège: A oxygen, B ventilated)."""

    code: Code
    title: Text
    member: Cel


class ConsentPlan(Part):
    """Who may consent and which versions of the form exist; the last version is the current one."""

    types: Annotated[tuple[ConsentType, ...], Field(min_length=1)]
    versions: Annotated[tuple[Line, ...], Field(min_length=1)]

    @property
    def current_version(self) -> str:
        return self.versions[-1]


class Amendment(Part):
    """What an amendment follows and asks: ``replaces`` the version before it; ``reconsent``: patients sign again."""

    replaces: Annotated[str, StringConstraints(pattern=VERSION, max_length=40)]
    reconsent: bool
    summary: Text


class Approver(Part):
    """One of the persons who released a version of the forms, and when."""

    name: Line
    function: Line | None = None
    on: date


class Approval(Part):
    """Who released this version (two persons, VAL-02), after which ethics approval (DAT-09), on which test evidence."""

    ethics: date
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
        """The first day on which the forms may be used."""
        return max([self.ethics, *(person.on for person in self.by or ())])


class EligibilityCriterion(Part):
    """One eligibility criterion: ``met`` allows an inclusion criterion, ``present`` forbids by an exclusion.

    With ``deferred_days`` it may be undetermined or unmet at enrolment and is decided by then.
    """

    id: Code
    kind: Literal["inclusion", "exclusion"]
    text: Text
    met: Cel | None = None
    present: Cel | None = None
    deferred_days: Annotated[int, Field(ge=1)] | None = None
    note: Prose | None = None

    @model_validator(mode="after")
    def _has_its_expression(self) -> Self:
        wanted, other = ("met", "present") if self.kind == "inclusion" else ("present", "met")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"an {self.kind} criterion has {wanted} = … and no {other}")
        return self

    @property
    def expression(self) -> str:
        return self.met or self.present or ""

    @property
    def is_deferred(self) -> bool:
        return self.deferred_days is not None


class CellDose(Part):
    """Viable cells per kg of body weight: accepted range and target."""

    lowest: Annotated[Decimal, Field(gt=0)]
    target: Annotated[Decimal, Field(gt=0)]
    highest: Annotated[Decimal, Field(gt=0)]

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if not self.lowest <= self.target <= self.highest:
            raise ValueError("write lowest ≤ target ≤ highest")
        return self


class Dosing(Part):
    """The infusions: how many, how far apart (days), how many cells per kg."""

    product: Name
    title: Text
    infusions: Annotated[int, Field(ge=1, le=9)]
    interval_days: DayRange | None = None
    cells_per_kg: CellDose
    same_donor: bool = False
    first_infusion_within_days: DayRange = (0, 0)
    volume_ml: Annotated[Decimal, Field(gt=0)] | None = None
    weight_item: ItemPath
    weight_max_age_hours: Annotated[int, Field(ge=1)] = 24

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
    """A form of a visit: ``required``, or asked when ``available`` (still in hospital, test done anyway)."""

    form: Name
    when: WhenAsked = "required"


VisitForms = tuple[Annotated[VisitForm, BeforeValidator(_visit_form)], ...]


class ProtocolVisit(Part):
    """A planned visit: ``day`` days after its anchor, within ``window`` = [days before (negative), after]."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$", max_length=20)]
    title: Text
    kind: Literal["screening", "infusion", "follow_up"]
    anchor: Anchor
    day: int
    window: Window = (0, 0)
    infusion: Annotated[int, Field(ge=1)] | None = None
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
"""The codes a causality scale may have, and whether they count as related (ICH E2A, WHO-UMC).

What nobody could classify counts as related (SAF-04): the safe side.
"""


class Safety(Part):
    """Grading dictionary, events of special interest, clock of a serious event (hours), follow-up (days)."""

    ctcae: Literal["4.03", "5.0", "6.0"]
    aesi: tuple[Coded, ...] = ()
    sae_clock_hours: Annotated[int, Field(ge=1)] = 24
    follow_up_days: Annotated[int, Field(ge=0)]
    causality: tuple[Annotated[Coded, BeforeValidator(_coded)], ...] = ()


class Outcome(Part):
    """An outcome as registered. ``window_days`` is the last day counted, or [first, last]."""

    id: Code
    type: Literal["primary", "secondary", "exploratory"]
    title: Text
    window_days: Annotated[int, Field(ge=0)] | DayRange | None = None
    definition: Prose | None = None


class Monitoring(Part):
    """What a monitor compares with the source, form by form: every item, those listed, or none.

    A form that is not named needs nothing. A calculated item has no source and never needs it.
    """

    verify: dict[Name, Literal["all", "none"] | Annotated[tuple[Name, ...], Field(min_length=1)]] = {}

    def items_of(self, form: Form) -> tuple[str, ...]:
        """The items of a form to compare with the source, in the order of the form."""
        wanted = self.verify.get(form.code, "none")
        if wanted == "none":
            return ()
        asked = (item.name for item in form.items if not item.is_calculated)
        return tuple(name for name in asked if wanted == "all" or name in wanted)


class ProfilePlan(Part):
    """The items that the patient's profile shows; ``died_on`` is the day the end of study must agree with."""

    age: ItemPath | None = None
    sex: ItemPath | None = None
    weight: ItemPath | None = None
    died_on: ItemPath | None = None
    labs: tuple[ItemPath, ...] = ()
    logs: tuple[Name, ...] = ()
