"""What was observed at the bedside of an infusion: vital signs and other findings at planned times, and checklists."""

from collections.abc import Iterator
from typing import Any, Final

from dosing.models import BedsideObservation, InfusionEventCheck
from exports.sdtm.captured import CapturedForm, CapturePlace
from exports.sdtm.observations import Observation
from exports.sdtm.standard.tables import domains, test_names
from exports.sdtm.subject import Subject
from protocol.document.document import Protocol
from protocol.document.items import Form, Text
from protocol.document.tabulation import FormTabulation

DOMAIN: Final = "VS"
"""Domain of the observed items that name no other one."""
CATEGORY: Final = "INFUSION MONITORING"


def observations(subject: Subject) -> Iterator[Observation]:
    """Yield the findings of the observations and of the checklists that stand."""
    for observed in subject.observed:
        yield from _observed(subject, observed)
    for checklist in subject.checklists:
        yield from _checked(subject, checklist)


def _observed(subject: Subject, observed: BedsideObservation) -> Iterator[Observation]:
    rules = subject.study.rules
    at = subject.study.local(observed.at)
    read = CapturedForm(
        bedside_form(rules), CapturePlace(subject.visit_of(observed.infusion.visit_id), at), prefix="bedside"
    )
    read.read(rules.bedside.items, observed.values)
    for row in read.observations:
        names = domains()[row.domain].names
        for part, value in _planned(subject, observed, rules).items():
            if row.name(part) in names:
                row.put(part, value)
        yield row


def bedside_form(rules: Protocol) -> Form:
    """Return the observed items as a form, which no visit has."""
    title = Text({"en": "Observations at the bedside"})
    return Form.model_construct(
        code="bedside", title=title, items_in_file=rules.bedside.items, groups_in_file=(), cdisc_domain=DOMAIN,
        sdtm=FormTabulation(category=CATEGORY), checks=(), samples=False, procedure=False,
    )  # fmt: skip


def _planned(subject: Subject, observed: BedsideObservation, rules: Protocol) -> dict[str, Any]:
    for number, time in enumerate(rules.bedside.times, start=1):
        if time.code == observed.point:
            infusion = observed.infusion
            anchor = infusion.started_at if time.after == "start" else infusion.ended_at
            return {
                "TPT": f"{abs(time.minutes)} MIN {'BEFORE' if time.minutes < 0 else 'AFTER'} {time.after.upper()}",
                "TPTNUM": number,
                "TPTREF": f"{time.after.upper()} OF INFUSION {infusion.number}",
                "RFTDTC": subject.study.local(anchor) or None,
            }
    return {}


def _checked(subject: Subject, checklist: InfusionEventCheck) -> Iterator[Observation]:
    at = subject.study.local(checklist.at)
    for code, answer in sorted(checklist.answers.items()):
        values = {
            "FATESTCD": "OCCUR",
            "FATEST": test_names()["FA", "OCCUR"],
            "FAOBJ": code.replace("_", " ").upper(),
            "FACAT": f"CHECKLIST {checklist.hours} H AFTER INFUSION {checklist.infusion.number}",
            "FAORRES": answer,
            "FASTRESC": answer,
            "FADTC": at,
            **subject.visit_of(checklist.infusion.visit_id),
        }
        row = Observation("FA", values, moment=at, source="checklist_answers.answer")
        row.comments += [note for note in (checklist.notes.get(code),) if note]
        yield row
