"""DM: one record per subject, with the planned and the actual arm. In a package that hides them both are masked."""

from collections.abc import Iterator

from exports.sdtm.observations import Observation, Supplement
from exports.sdtm.study import MASKED_ARM, MASKED_TITLE, arm_code, arm_title
from exports.sdtm.subject import Subject
from patients.models import Patient
from protocol.document.design import Arm

SITE = "01"
SCREEN_FAILURE, NOT_ASSIGNED, NOT_TREATED = "SCREEN FAILURE", "NOT ASSIGNED", "ASSIGNED, NOT TREATED"


def demographics(subject: Subject) -> Iterator[Observation]:
    """Yield the record of a subject. The forms were read before: they hold age, sex and death."""
    patient, times, facts = subject.patient, subject.timeline, subject.facts
    died = facts.get("DTHDTC") or (
        patient.ended_on.isoformat()
        if patient.end_reason == Patient.EndReason.DEATH and patient.ended_on
        else None
    )
    age = facts.get("AGE")
    values = {
        "SUBJID": patient.code,
        "RFSTDTC": times.reference or None,
        "RFENDTC": times.last_dose_end or None,
        "RFXSTDTC": times.first_dose or None,
        "RFXENDTC": times.last_dose_end or None,
        "RFICDTC": subject.consented or None,
        "RFPENDTC": times.ended or None,
        "DTHDTC": died,
        "DTHFL": "Y" if died or patient.end_reason == Patient.EndReason.DEATH else None,
        "SITEID": SITE,
        "AGE": int(age) if age else None,
        "AGEU": "YEARS" if age else None,
        "SEX": facts.get("SEX") or "U",
        "COUNTRY": subject.study.country,
        **_arms(subject),
    }
    row = Observation("DM", values)
    if patient.group:
        row.supplements.append(Supplement("COHORT", "Group of the patient", patient.group, "DERIVED"))
    yield row


def _arms(subject: Subject) -> dict[str, str | None]:
    planned = planned_arm(subject)
    if planned is None:
        failed = subject.patient.state == Patient.State.SCREEN_FAILED
        return {"ARMNRS": SCREEN_FAILURE if failed else NOT_ASSIGNED}
    found = {"ARMCD": planned[0], "ARM": planned[1]}
    if not subject.given:
        return {**found, "ARMNRS": NOT_TREATED}
    actual = planned if subject.study.hides_arms else _actual(subject, planned)
    return {**found, "ACTARMCD": actual[0], "ACTARM": actual[1]}


def planned_arm(subject: Subject) -> tuple[str, str] | None:
    """Return code and name of the planned arm; the masked one where arms are hidden; None before the allocation."""
    study = subject.study
    if subject.patient.enrolled_on is None:
        return None
    if study.hides_arms:
        return MASKED_ARM, MASKED_TITLE
    codes = {arm.code: arm for arm in study.arms}
    found = codes.get(subject.arm) if study.is_randomised else next(iter(study.arms), None)
    return (arm_code(found), arm_title(found)) if found else None


def _actual(subject: Subject, planned: tuple[str, str]) -> tuple[str, str]:
    """Return the arm whose product was given at the first infusion with a known product; else the planned one."""
    known = [row for row in map(subject.preparations.get, (each.pk for each in subject.given)) if row]
    if not known or not subject.study.is_randomised:
        return planned
    had_cells = bool(known[0]["viable_cells"])
    number = next(each.number for each in subject.given if each.pk == known[0]["infusion_id"])
    arms: dict[tuple[str, str], Arm] = {(arm_code(arm), arm_title(arm)): arm for arm in subject.study.arms}
    if planned in arms and arms[planned].gives_cells(number) == had_cells:
        return planned
    return next((each for each, arm in arms.items() if arm.gives_cells(number) == had_cells), planned)
