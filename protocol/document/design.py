"""Design tables of a protocol file: site, arms, consent, eligibility, dosing, visits, safety."""

from collections.abc import Collection
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

from protocol.document.dosing import InfusionNumber
from protocol.document.items import Part, Prose, Text
from protocol.document.people import Contacts
from protocol.document.reference_safety import ReferenceSafety, in_order
from protocol.document.repeated_visits import repetition_mistake
from protocol.document.written_values import (
    MOST_DAYS,
    Cel,
    Code,
    Count,
    Day,
    Days,
    DaysFromNow,
    GroupCode,
    ItemPath,
    Language,
    Line,
    Masking,
    Name,
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
UNSCHEDULED = "UNS"
"""Code of unscheduled visits; no planned visit may use it."""


def _around_zero(pair: tuple[int, int]) -> tuple[int, int]:
    if not pair[0] <= 0 <= pair[1]:
        raise ValueError(f"a window is days before and after, like [-2, 2]: [{pair[0]}, {pair[1]}]")
    return pair


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
    contacts: Contacts | None = None
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
    """A treatment arm. ``cells`` is True if the arm receives cells. Never shown to blinded roles.

    ``cell_infusions``: the numbers of the infusions that hold cells (crossover); the others hold the control.
    """

    code: ShortName
    title: Text
    cells: Truth
    cell_infusions: Annotated[tuple[InfusionNumber, ...], Field(min_length=1)] | None = None

    def gives_cells(self, number: int) -> bool:
        """Return True if infusion ``number`` of this arm holds cells."""
        return self.cells and (self.cell_infusions is None or number in self.cell_infusions)

    def gives_control(self, infusions: int) -> bool:
        """Return True if one of the first ``infusions`` of this arm holds no cells."""
        return not all(self.gives_cells(number) for number in range(1, infusions + 1))


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


def _visit_form(value: object) -> object:
    return {"form": value} if isinstance(value, str) else value


class VisitForm(Part):
    """A form of a visit: ``required`` at the visit, or optional (``available``).

    ``after_infusion``: asked only once the infusion with this number was given; until then it may be entered.
    """

    form: Name
    when: WhenAsked = "required"
    after_infusion: Annotated[Count, Field(le=9)] | None = None

    def is_required(self, given: Collection[int]) -> bool:
        """Return whether the form is required of a patient to whom the infusions with these numbers were given."""
        return self.when == "required" and (self.after_infusion is None or self.after_infusion in given)

    def for_patient(self, given: Collection[int]) -> "VisitForm":
        """Return the form as it is asked of a patient to whom the infusions with these numbers were given."""
        return self if self.when == "available" or self.is_required(given) else self.if_available

    @property
    def if_available(self) -> "VisitForm":
        """The same form, entered only if there are data."""
        return VisitForm(form=self.form, when="available", after_infusion=self.after_infusion)


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
    # Read before the file is (`repeated_visits`): a visit that still has them has a mistake in them.
    every: Whole | None = None
    times: Whole | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_repeated(cls, raw: object) -> object:
        if isinstance(raw, dict) and (told := repetition_mistake(raw)):
            raise ValueError(told)
        return raw

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


class SpecialInterest(Coded):
    """A category of adverse events of special interest. ``expedited``: reported in the hours of a serious event."""

    expedited: bool = False


class Safety(Part):
    """Safety rules: CTCAE version, events of special interest, hours to report an SAE, days of follow-up.

    The baseline of a laboratory result is the last value before the first infusion, or up to the day of inclusion.
    ``reference``: the reference safety information, against which drug safety judges expectedness.
    """

    ctcae: Literal["4.03", "5.0", "6.0"]
    baseline: Literal["first_infusion", "inclusion"] = "first_infusion"
    meddra: Line | None = None
    aesi: tuple[SpecialInterest, ...] = ()
    sae_clock_hours: Annotated[Count, Field(le=24 * 366)] = 24
    follow_up_days: Annotated[Whole, Field(ge=0, le=MOST_DAYS)]
    causality: tuple[Annotated[Coded, BeforeValidator(_coded)], ...] = ()
    reference: Annotated[tuple[ReferenceSafety, ...], AfterValidator(in_order)] = ()

    @property
    def expedited(self) -> frozenset[str]:
        """Return the categories of special interest whose events are reported like serious ones."""
        return frozenset(each.code for each in self.aesi if each.expedited)


class ProfilePlan(Part):
    """Items shown in the patient profile. ``died_on`` is compared with the end of study.

    ``last_contact_on``: the last day on which the patient was known to be alive; outcomes read it.
    """

    age: ItemPath | None = None
    sex: ItemPath | None = None
    weight: ItemPath | None = None
    died_on: ItemPath | None = None
    last_contact_on: ItemPath | None = None
    labs: tuple[ItemPath, ...] = ()
    logs: tuple[Name, ...] = ()
