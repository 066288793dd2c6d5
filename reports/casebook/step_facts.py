"""The facts of one patient from which the next step is computed, read from the casebook."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from typing import Protocol as TypingProtocol

from dosing.models import Infusion
from patients.casebook.navigation import VisitLink
from patients.models import Consent, EligibilityDecision, Patient, Visit
from patients.participation.consents.consent_withdrawal import stops_treatment
from patients.participation.death import is_after_death, last_day_of_life
from patients.participation.next_step import (
    ConsentState,
    DecisionState,
    InfusionFacts,
    NextStep,
    NoStep,
    PatientFacts,
    Patients,
    VisitFacts,
    next_step,
)
from patients.participation.visit_status import UNFINISHED, begins_after, last_day_of
from protocol.document.document import Protocol
from reports.casebook.patient_data import PatientData


def step_of(dossier: PatientData, visits: Sequence[VisitLink]) -> NextStep | NoStep:
    """Return the next step of a patient, or why there is none. visits: those of the casebook's navigation."""
    return next_step(facts_of(dossier, visits))


def facts_of(dossier: PatientData, visits: Sequence[VisitLink]) -> PatientFacts:
    """Return the facts on which the next step depends. Infusions and the latest decision: at most one query each."""
    patient = dossier.patient
    rows = {visit.key: visit for visit in dossier.casebook.visits}
    last_days = last_day_of(patient), last_day_of_life(patient, dossier.stated_death)
    return PatientFacts(
        state=Patients(patient.state),
        locked=bool(patient.locked_at or patient.trial.locked_at),
        today=dossier.today,
        consent=consent_state(patient, dossier.casebook.consent),
        decision=decision_state(patient, dossier.decision),
        treated=stops_treatment(patient) is None,
        died=bool(dossier.stated_death),
        visits=tuple(_visit(link, rows[link.key], last_days) for link in visits),
        infusions=tuple(open_infusions(dossier.rules, dossier.infusions)),
    )


def _visit(link: VisitLink, row: Visit, last_days: tuple[date | None, str]) -> VisitFacts:
    left = [form.code for form in link.forms if form.needed and form.state in UNFINISHED]
    return visit_facts(link.key, row.state, (row.window_from, row.window_to), last_days, left)


def visit_facts(
    key: str,
    state: str,
    window: tuple[date | None, date | None],
    last_days: tuple[date | None, str],
    left: Iterable[str],
) -> VisitFacts:
    """Return one visit. left: required forms that are not complete.

    last_days: the last day on which visits take place (`last_day_of`), and the last day of the patient's life
    (`last_day_of_life`).
    A form may be entered at a visit that never takes place: the vital status that tells of the death before it.
    """
    planned, (last_day, died) = state == Visit.State.PLANNED, last_days
    over = begins_after(window[0], last_day) or is_after_death(window[1], died)
    gone = (Visit.State.MISSED, Visit.State.CANCELLED)
    return VisitFacts(
        key=key,
        planned=planned,
        takes_place=state not in gone and not (planned and over),
        first=window[0],
        last=window[1],
        left=tuple(left),
    )


def consent_state(patient: Patient, consent: Consent | None) -> ConsentState:
    """Return the state of the consent in force."""
    if consent is None:
        return ConsentState.MISSING
    own = consent.type != Consent.Type.PATIENT and consent.capacity_regained_on is not None
    amended = patient.reconsent_version not in ("", consent.version)
    return ConsentState.AGAIN if own or amended else ConsentState.IN_FORCE


def decision_state(patient: Patient, decision: Any) -> DecisionState:
    """Return the state of the latest decision; it has the annotations `holds` and `rests_on_changes`."""
    if decision is None:
        return DecisionState.MISSING
    void = not decision.holds or decision.protocol_id != patient.protocol_id
    if decision.rests_on_changes or (patient.state == Patient.State.SCREENING and void):
        return DecisionState.OUTDATED
    eligible = decision.conclusion == EligibilityDecision.Conclusion.ELIGIBLE
    return DecisionState.ELIGIBLE if eligible else DecisionState.NOT_ELIGIBLE


class AtBedside(TypingProtocol):
    """The columns of an infusion that the next step depends on, the same in both arms."""

    @property
    def number(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def window_from(self) -> date | None: ...
    @property
    def window_to(self) -> date | None: ...
    @property
    def weight_kg(self) -> Any: ...
    @property
    def weight_asked(self) -> bool: ...


def open_infusions(rules: Protocol, infusions: Iterable[AtBedside]) -> Iterable[InfusionFacts]:
    """Yield the infusions that are neither given nor marked as not given. Nothing of the product is read."""
    visits = {visit.infusion: visit.code for visit in rules.visits if visit.infusion}
    for row in infusions:
        if row.state == Infusion.State.PLANNED:
            visit = visits.get(row.number, "")
            weighed = row.weight_kg is not None or not row.weight_asked
            yield InfusionFacts(row.number, visit, row.window_from, row.window_to, weighed)
