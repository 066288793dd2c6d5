"""The pages on which the inputs that a criterion still needs are entered."""

from dataclasses import dataclass

from accounts.addresses import address
from patients.models import Patient
from patients.participation.eligibility_decisions.eligibility import CriterionFinding
from protocol.document.document import Protocol


@dataclass(frozen=True, slots=True)
class NeededInput:
    """One input that is missing: its label, and the address of the field where it is entered; empty without one."""

    words: str
    url: str


def places_of_inputs(finding: CriterionFinding, patient: Patient) -> list[NeededInput]:
    """Return the inputs that a criterion needs, each with its place."""
    names = finding.result.needs
    return [
        NeededInput(*each)
        for each in zip(finding.needs, (_place(patient, name) for name in names), strict=True)
    ]


def _place(patient: Patient, name: str) -> str:
    form, _dot, item = name.partition(".")
    slug = patient.trial.slug
    if form == "subject":
        return address("patients:consent", slug, patient.code) if "consent" in item else ""
    visit = _screening_visit(patient.protocol.rules, form)
    return f"{address('patients:form', slug, patient.code, visit, form)}#{item}" if visit else ""


def _screening_visit(rules: Protocol, form: str) -> str:
    """Return the code of the first visit of screening that asks for a form, empty if none does."""
    screening = (visit for visit in rules.visits if visit.kind == "screening")
    return next((visit.code for visit in screening if form in visit.form_codes), "")
