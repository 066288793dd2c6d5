"""A case as rows to copy by hand, in the order of the authority's web form: element, name, value."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from safety.icsr.case import (
    Absent,
    Amount,
    CaseDrug,
    CodedTerm,
    DeathOfCase,
    IndividualCase,
    PrimarySource,
    Reaction,
)
from safety.icsr.codes import SERIOUSNESS
from safety.icsr.elements import ELEMENTS

ABSENT = {
    Absent.MASKED: gettext_noop("masked (MSK)"),
    Absent.UNKNOWN: gettext_noop("unknown (UNK)"),
    Absent.NO_INFORMATION: gettext_noop("no information (NI)"),
    Absent.NOT_APPLICABLE: gettext_noop("not applicable (NA)"),
    Absent.ASKED_UNKNOWN: gettext_noop("asked, but unknown (ASKU)"),
    Absent.NOT_ASKED: gettext_noop("not asked (NASK)"),
}


@dataclass(frozen=True)
class SheetRow:
    """One element with its value as text."""

    element: str
    name: str
    value: str


@dataclass(frozen=True)
class SheetSection:
    """One part of the web form."""

    title: str
    rows: list[SheetRow]


def sheet_of(case: IndividualCase) -> list[SheetSection]:
    """Return the parts of the form in their order; rows without a value are left out."""
    parts = [
        (_("Report"), _report(case)),
        (_("Reporter"), (row for source in case.sources for row in _source(source))),
        (_("Sender and study"), _sender(case)),
        (_("Patient"), _patient(case)),
        (_("Events"), (row for event in case.events for row in _event(event))),
        (_("Drugs"), (row for drug in case.drugs for row in _drug(drug))),
        (_("Narrative"), _narrative(case)),
    ]
    made = [SheetSection(title, [_row(*pair) for pair in pairs if pair[1]]) for title, pairs in parts]
    return [section for section in made if section.rows]


def _row(element: str, value: object) -> SheetRow:
    text = _(ABSENT[value]) if isinstance(value, Absent) else str(value)
    if isinstance(value, Amount):
        text = f"{value.number} {value.unit}"
    return SheetRow(element, _(ELEMENTS[element].name), text)


Pairs = Iterator[tuple[str, object]]


def _report(case: IndividualCase) -> Pairs:
    identity = case.identity
    yield "C.1.1", identity.number
    yield "C.1.2", identity.created
    yield "C.1.3", identity.kind
    yield "C.1.4", identity.first_received
    yield "C.1.5", identity.latest_information
    if identity.expedited is not None:
        yield "C.1.7", _yes_no(identity.expedited)
    yield "C.1.8.1", identity.worldwide_number
    yield "C.1.8.2", identity.first_sender
    yield "C.1.11.1", identity.change
    yield "C.1.11.2", identity.change_reason


def _narrative(case: IndividualCase) -> Pairs:
    yield "H.1", case.narrative.text
    for term in case.narrative.diagnoses:
        yield "H.3.r.1b", _term(term)
    yield "H.4", case.narrative.sender_comment


def _term(term: CodedTerm) -> str:
    """Return code, words and release of a term, as the web form asks for them."""
    return f"{term.code} {term.text} (MedDRA {term.version})" if term.code else ""


def _source(source: PrimarySource) -> Pairs:
    yield "C.2.r.1.2", source.given_name
    yield "C.2.r.1.4", source.family_name
    yield "C.2.r.2.1", source.organisation
    yield "C.2.r.3", source.country
    yield "C.2.r.4", source.qualification
    yield "C.2.r.5", "1" if source.primary else ""


def _sender(case: IndividualCase) -> Pairs:
    yield "C.3.1", case.sender.kind
    yield "C.3.2", case.sender.organisation
    yield "C.3.4.5", case.sender.country
    if case.study is not None:
        for registered in case.study.registrations:
            yield "C.5.1.r.1", registered.number
            yield "C.5.1.r.2", registered.country
        yield "C.5.2", case.study.name
        yield "C.5.3", case.study.sponsor_number
        yield "C.5.4", case.study.kind


def _patient(case: IndividualCase) -> Pairs:
    patient = case.patient
    yield "D.1", patient.initials
    yield "D.1.1.4", patient.investigation_number
    if patient.age.number:
        yield "D.2.2a", patient.age
    yield "D.3", patient.weight_kg
    yield "D.5", patient.sex
    for condition in patient.conditions:
        yield "D.7.1.r.1b", _term(condition.term)
    yield "D.7.2", patient.history
    if patient.death is not None:
        yield from _death(patient.death)


def _death(death: DeathOfCase) -> Pairs:
    yield "D.9.1", death.died
    for cause in death.causes:
        yield "D.9.2.r.1b", _term(cause)
    if death.autopsy is not None:
        yield "D.9.3", death.autopsy if isinstance(death.autopsy, Absent) else _yes_no(death.autopsy)
    for cause in death.autopsy_causes:
        yield "D.9.4.r.1b", _term(cause)


def _yes_no(answer: bool) -> str:
    return _("yes") if answer else _("no")


def _event(event: Reaction) -> Pairs:
    yield "E.i.1.1a", event.native_text
    yield "E.i.1.1b", event.native_language
    yield "E.i.2.1a", event.term.version
    yield "E.i.2.1b", event.term.code
    yield "E.i.3.2", ", ".join(f"E.i.3.2{letter}" for letter in SERIOUSNESS if letter in event.seriousness)
    yield "E.i.4", event.start
    yield "E.i.5", event.end
    yield "E.i.7", event.outcome
    yield "E.i.9", event.country


def _drug(drug: CaseDrug) -> Pairs:
    yield "G.k.1", drug.role
    yield "G.k.2.2", drug.name
    yield "G.k.2.5", _("yes") if drug.blinded else ""
    yield "G.k.2.4", drug.country
    for dose in drug.doses:
        yield "G.k.4.r.8", dose.text
        yield "G.k.4.r.4", dose.start
        yield "G.k.4.r.5", dose.end
    for term in drug.indications:
        yield "G.k.7.r.2b", _term(term)
    yield "G.k.8", drug.action
    for relation in drug.relations:
        for opinion in relation.opinions:
            yield "G.k.9.i.2.r.1", opinion.source
            yield "G.k.9.i.2.r.2", opinion.method
            yield "G.k.9.i.2.r.3", opinion.result
