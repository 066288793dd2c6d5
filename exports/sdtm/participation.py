"""How a subject took part: DS (disposition), SV (visits), SE (elements), IE (criteria not met)."""

from collections.abc import Iterator
from typing import Any

from exports.sdtm.demographics import planned_arm
from exports.sdtm.design import element_of
from exports.sdtm.observations import Observation
from exports.sdtm.subject import Subject
from patients.models import EligibilityDecision, Patient, Visit
from protocol.values.moment_parts import moment_parts

MILESTONE, DISPOSITION, OTHER = "PROTOCOL MILESTONE", "DISPOSITION EVENT", "OTHER EVENT"
PARTICIPATION, TREATMENT = "STUDY PARTICIPATION", "STUDY TREATMENT"
ENDS = {
    Patient.EndReason.COMPLETED: "COMPLETED",
    Patient.EndReason.DEATH: "DEATH",
    Patient.EndReason.WITHDRAWAL: "WITHDRAWAL BY SUBJECT",
    Patient.EndReason.LOST: "LOST TO FOLLOW-UP",
}
WITHDRAWN = {
    "samples_withdrawn_on": "CONSENT WITHDRAWN FOR SAMPLES",
    "follow_up_withdrawn_on": "CONSENT WITHDRAWN FOR FOLLOW-UP",
    "data_withdrawn_on": "CONSENT WITHDRAWN FOR NEW DATA",
}


def disposition(subject: Subject) -> Iterator[Observation]:
    """Yield the milestones of a subject and the ends of treatment and participation."""
    for each in subject.consents:
        given = moment_parts(each.given).local
        yield _event("INFORMED CONSENT OBTAINED", given, MILESTONE)
    for decision in subject.decisions[-1:]:
        if decision.conclusion == EligibilityDecision.Conclusion.ELIGIBLE:
            at = subject.study.local(decision.decided_at)
            yield _event("ELIGIBILITY CRITERIA MET", at, MILESTONE)
    patient = subject.patient
    if patient.enrolled_on:
        name = "RANDOMIZED" if subject.study.is_randomised else "ENTERED INTO TRIAL"
        yield _event(name, patient.enrolled_on.isoformat(), MILESTONE)
    yield from _treatment_end(subject)
    if patient.failed_on:
        words = patient.failure_reason.upper() or "SCREEN FAILURE"
        yield _event("SCREEN FAILURE", patient.failed_on.isoformat(), DISPOSITION, PARTICIPATION, words)
    if patient.ended_on:
        name = ENDS[Patient.EndReason(patient.end_reason)]
        row = _event(name, patient.ended_on.isoformat(), DISPOSITION, PARTICIPATION)
        row.comments += [note for note in (patient.end_note, patient.withdrawal_note) if note]
        yield row
    for column, words in WITHDRAWN.items():
        if (day := getattr(patient, column)) is not None:
            yield _event(words, day.isoformat(), OTHER)


def _treatment_end(subject: Subject) -> Iterator[Observation]:
    """Yield the end of study treatment: complete, given up by the subject, or over with infusions not given."""
    patient, times = subject.patient, subject.timeline
    if patient.treatment_withdrawn_on:
        day = patient.treatment_withdrawn_on.isoformat()
        yield _event("WITHDRAWAL BY SUBJECT", day, DISPOSITION, TREATMENT)
    elif times.treated:
        dosing = subject.study.rules.dosing
        planned = dosing.infusions if dosing else 0
        name = "COMPLETED" if len(subject.given) >= planned else "OTHER"
        words = name if name == "COMPLETED" else f"{len(subject.given)} OF {planned} INFUSIONS GIVEN"
        yield _event(name, times.last_dose_end, DISPOSITION, TREATMENT, words)


def _event(name: str, moment: str, category: str, subcategory: str = "", words: str = "") -> Observation:
    values = {
        "DSTERM": words or name,
        "DSDECOD": name,
        "DSCAT": category,
        "DSSCAT": subcategory or None,
        "DSSTDTC": moment,
    }
    return Observation("DS", values, moment=moment)


def visits(subject: Subject) -> Iterator[Observation]:
    """Yield the visits that were held or missed; a planned one that is still to come has no record."""
    for visit in subject.visits:
        if visit.state not in (Visit.State.HELD, Visit.State.MISSED):
            continue
        held = visit.state == Visit.State.HELD
        planned = visit.code in subject.study.visit_numbers
        day = visit.held_on.isoformat() if held and visit.held_on else None
        values: dict[str, Any] = {
            **subject.visit_of(visit.pk),
            "SVPRESP": "Y" if planned else None,
            "SVOCCUR": ("Y" if held else "N") if planned else None,
            "SVREASOC": None if held else visit.missed_reason or None,
            "SVSTDTC": day,
            "SVENDTC": day,
            "SVUPDES": None if planned else visit.reason or "UNSCHEDULED",
        }
        yield Observation("SV", values, moment=day or "")


def elements(subject: Subject) -> Iterator[Observation]:
    """Yield the elements that a subject went through."""
    arm = planned_arm(subject)
    for order, element in enumerate(subject.timeline.elements, start=1):
        code, name = element_of(subject.study, element.epoch, arm[0] if arm else "")
        values = {
            "ETCD": code,
            "ELEMENT": name,
            "TAETORD": order,
            "EPOCH": element.epoch,
            "SESTDTC": element.starts,
            "SEENDTC": element.ends or None,
        }
        yield Observation("SE", values, moment=element.starts)


def criteria_not_met(subject: Subject) -> Iterator[Observation]:
    """Yield the criteria that forbade inclusion in the latest decision on eligibility."""
    for decision in subject.decisions[-1:]:
        rules = subject.study.rules_of(decision.protocol_id)
        texts = {each.id: each.text.in_language("en") for each in rules.eligibility}
        decided = subject.study.local(decision.decided_at)
        for finding in decision.criteria:
            if finding["allows"] is not False:
                continue
            inclusion = finding["kind"] == "inclusion"
            answer = "N" if inclusion else "Y"
            values = {
                "IETESTCD": finding["id"].upper(),
                "IETEST": texts.get(finding["id"], finding["id"]),
                "IECAT": "INCLUSION" if inclusion else "EXCLUSION",
                "IEORRES": answer,
                "IESTRESC": answer,
                "IEDTC": decided,
            }
            yield Observation("IE", values, moment=decided, source="criteria.allows")
