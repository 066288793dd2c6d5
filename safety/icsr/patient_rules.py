"""Rules of the section D: the patient, the medical history and the death."""

from safety.icsr import codes
from safety.icsr.case import CasePatient, DeathOfCase, IndividualCase
from safety.icsr.checking import Findings, Flaw


def check(case: IndividualCase, found: Findings) -> None:
    """Add what is missing or wrong in D."""
    patient = case.patient
    found.text("D.1", patient.initials, needed=True, absent="MSK ASKU NASK UNK")
    found.text("D.1.1.4", patient.investigation_number)
    found.time("D.2.1", patient.born, digits=8)
    found.amount(("D.2.2a", "D.2.2b"), patient.age, codes.AGE_UNITS)
    found.number("D.3", patient.weight_kg)
    found.form("D.4", patient.height_cm, r"\d{1,3}")
    found.code("D.5", patient.sex, absent="MSK UNK ASKU NASK")
    _history(patient, found)
    _death(case, found)


def _history(patient: CasePatient, found: Findings) -> None:
    for here, row in zip(found.each(patient.conditions), patient.conditions, strict=True):
        here.term(("D.7.1.r.1a", "D.7.1.r.1b"), row.term, needed=True)
        here.time("D.7.1.r.2", row.start)
        here.time("D.7.1.r.4", row.end)
        here.order("D.7.1.r.4", row.start, row.end)
        here.text("D.7.1.r.5", row.comment)
    found.text("D.7.2", patient.history, needed=not patient.conditions, absent="MSK ASKU NASK UNK")


def _death(case: IndividualCase, found: Findings) -> None:
    fatal = any("a" in event.seriousness or event.outcome == codes.FATAL_OUTCOME for event in case.events)
    death = case.patient.death
    if death is None:
        if fatal:
            found.add("D.9.1", Flaw.MISSING)
            found.add("D.9.3", Flaw.MISSING)
        return
    found.time("D.9.1", death.died, needed=fatal)
    if death.died and death.autopsy is None:
        found.add("D.9.3", Flaw.MISSING)
    _causes(death, found)


def _causes(death: DeathOfCase, found: Findings) -> None:
    for here, cause in zip(found.each(death.causes), death.causes, strict=True):
        here.term(("D.9.2.r.1a", "D.9.2.r.1b"), cause)
        here.text("D.9.2.r.2", cause.text, needed=True)
    for here, cause in zip(found.each(death.autopsy_causes), death.autopsy_causes, strict=True):
        here.term(("D.9.4.r.1a", "D.9.4.r.1b"), cause)
        here.text("D.9.4.r.2", cause.text, needed=True)
    if death.autopsy_causes and death.autopsy is not True:
        found.add("D.9.3", Flaw.MISSING)
