"""Where an item goes in the Study Data Tabulation Model (SDTM IG 3.4): the key `sdtm` of forms, items and choices.

A domain has a class of observations (SDTM 2.0 §3.1); the class says what a row is. No Django.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import StringConstraints

from protocol.document.part import Part
from protocol.document.written_values import Line, Name, ShortLine, Truth

DomainCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,7}$")]
TestCode = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,7}$")]
Term = Annotated[Line, StringConstraints(max_length=200)]
ParameterCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,7}$")]
NullFlavor = Literal["NA", "NASK", "NAV", "NI", "ASKU", "OTH", "PINF", "UNK"]

FINDINGS: Final = frozenset(["CP", "DD", "EG", "FA", "FT", "IS", "LB", "MB", "RE", "RP", "RS", "SS", "VS"])
EVENTS: Final = frozenset(["HO", "MH"])
INTERVENTIONS: Final = frozenset(["CM", "PR"])
# Forms of these domains feed data sets that are made from more than one form, and findings of other domains.
SPECIAL: Final = frozenset(["DM", "DS", "IE"])
DOMAINS: Final = FINDINGS | EVENTS | INTERVENTIONS | SPECIAL
OF_THE_SUBJECT: Final = frozenset(["AGE", "SEX", "RACE", "ETHNIC", "DTHDTC"])
"""Variables of DM: one value per patient, whichever form asks it."""
QUALIFIERS: Final = frozenset(
    {
        "CAT", "SCAT", "TERM", "TRT", "STDTC", "ENDTC", "DTC", "DOSE", "DOSU", "DOSFRQ", "ROUTE", "INDC", "ENRTPT",
        "SPEC", "METHOD", "LOC", "TPT", "EVAL", "OBJ", "REFID",
    }
)  # fmt: skip
"""Variables, without the two letters of their domain, that an item can fill."""


class TargetKind(StrEnum):
    """The part of SDTM that the answer of an item becomes."""

    SUBJECT = "subject"
    FINDING = "finding"
    OCCURRENCE = "occurrence"
    VARIABLE = "variable"
    QUALIFIER = "qualifier"
    DONE = "done"
    COMMENT = "comment"
    RELATION = "relation"
    OMITTED = "omitted"
    UNMAPPED = "unmapped"


class FormTabulation(Part):
    """The key `sdtm` of a form: what its rows share. date: the item with the date of its findings."""

    category: Term | None = None
    specimen: Term | None = None
    method: Term | None = None
    date: Name | None = None


class ItemTabulation(Part):
    """The key `sdtm` of an item. One of the keys of `STATES` says what the answer becomes, else `cdisc`."""

    domain: DomainCode | None = None
    testcd: TestCode | None = None
    test: ShortLine | None = None
    term: Term | None = None
    date_type: Term | None = None
    object: Term | None = None
    variable: VariableName | None = None
    qualifier: TestCode | None = None
    label: ShortLine | None = None
    of: Name | None = None
    done: Truth = False
    comment: Truth = False
    relation: Literal["AE"] | None = None
    omit: Term | None = None
    date: Name | None = None
    category: Term | None = None
    specimen: Term | None = None
    method: Term | None = None
    time_point: Term | None = None

    @property
    def stated(self) -> tuple[str, ...]:
        """Return the keys that say what the answer becomes."""
        return tuple(key for key in STATES if getattr(self, key))


STATES: Final = ("testcd", "term", "qualifier", "done", "comment", "relation", "omit")
NOTHING: Final = ItemTabulation()


@dataclass(frozen=True, slots=True)
class TabulationTarget:
    """The SDTM target of the answer of one item. name: the test code, term, variable or qualifier, else empty."""

    kind: TargetKind
    domain: str
    name: str = ""


class TrialSummary(Part):
    """`[trial_summary]`: parameters of the domain TS that nothing else in the file says; `unknown`: null flavors."""

    values: Mapping[ParameterCode, Term | tuple[Term, ...]] = {}
    unknown: Mapping[ParameterCode, NullFlavor] = {}


def target(form_domain: str | None, cdisc: str | None, mapping: ItemTabulation | None) -> TabulationTarget:
    """Return the SDTM target of an item, from the domain of its form and its keys `cdisc` and `sdtm`.

    `cdisc` is the name of a variable if it is one of DM or of the domain, else a test code.
    """
    told = mapping or NOTHING
    domain = told.domain or form_domain or ""
    kind, name = _stated(told) or _coded(domain, cdisc, told)
    return TabulationTarget(kind=kind, domain="DM" if kind == TargetKind.SUBJECT else domain, name=name)


def _stated(told: ItemTabulation) -> tuple[TargetKind, str] | None:
    if told.omit:
        return TargetKind.OMITTED, ""
    if told.done:
        return TargetKind.DONE, ""
    if told.comment:
        return TargetKind.COMMENT, ""
    if told.relation:
        return TargetKind.RELATION, told.relation
    if told.qualifier:
        return TargetKind.QUALIFIER, told.qualifier
    if told.term:
        return TargetKind.OCCURRENCE, told.term
    return (TargetKind.FINDING, told.testcd) if told.testcd else None


def _coded(domain: str, cdisc: str | None, told: ItemTabulation) -> tuple[TargetKind, str]:
    name = told.variable or cdisc or ""
    if name in OF_THE_SUBJECT:
        return TargetKind.SUBJECT, name
    if name.startswith(domain) and (name[2:] in QUALIFIERS or told.variable):
        return TargetKind.VARIABLE, name
    if name and domain in FINDINGS:
        return TargetKind.FINDING, name
    if told.object:
        return TargetKind.FINDING, "OCCUR"
    return TargetKind.UNMAPPED, ""
