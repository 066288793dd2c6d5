"""AE, the grades over time (FA) and what an event is linked with (RELREC). None of it depends on the arm."""

from collections.abc import Iterator
from typing import Any, Final

from exports.sdtm.observations import Observation, Relation, Supplement
from exports.sdtm.subject import Subject
from protocol.values.moment_parts import moment_parts
from safety.dictionaries.models import Dictionary, EventCoding
from safety.models import AdverseEvent

OUTCOMES: Final = {
    AdverseEvent.Outcome.RECOVERED: "RECOVERED/RESOLVED",
    AdverseEvent.Outcome.RECOVERING: "RECOVERING/RESOLVING",
    AdverseEvent.Outcome.SEQUELAE: "RECOVERED/RESOLVED WITH SEQUELAE",
    AdverseEvent.Outcome.NOT_RECOVERED: "NOT RECOVERED/NOT RESOLVED",
    AdverseEvent.Outcome.FATAL: "FATAL",
    AdverseEvent.Outcome.UNKNOWN: "UNKNOWN",
}
ACTIONS: Final = {
    AdverseEvent.Action.NONE: "DOSE NOT CHANGED",
    AdverseEvent.Action.INTERRUPTED: "DRUG INTERRUPTED",
    # The rest of the infusion was not given.
    AdverseEvent.Action.STOPPED: "DOSE REDUCED",
    AdverseEvent.Action.NEXT_POSTPONED: "DRUG INTERRUPTED",
    AdverseEvent.Action.WITHDRAWN: "DRUG WITHDRAWN",
    AdverseEvent.Action.NOT_APPLICABLE: "NOT APPLICABLE",
}
CRITERIA: Final = {
    "AESCONG": "congenital_anomaly", "AESDISAB": "disability", "AESDTH": "results_in_death",
    "AESHOSP": "hospitalisation", "AESLIFE": "life_threatening", "AESMIE": "medically_important",
}  # fmt: skip
CAUSES: Final = {
    "RELINF": ("causality_infusion", "Causality of the infusion procedure"),
    "RELPREM": ("causality_premedication", "Causality of the premedication"),
    "RELPROC": ("causality_procedure", "Causality of a study procedure"),
    "RELDIS": ("causality_disease", "Causality of the disease"),
}


def adverse_events(
    subject: Subject, rows_of_records: dict[int, list[Observation]]
) -> Iterator[Observation | Relation]:
    """Yield the events, their grades and relations. rows_of_records: the records of each captured form by its key."""
    scale = {each.code: each.title.in_language("en").upper() for each in subject.study.rules.safety.causality}
    interests = {each.code: each.title.in_language("en").upper() for each in subject.study.rules.safety.aesi}
    until = subject.timeline.last_known
    rows = {event.pk: _event(event, scale, interests, until) for event in subject.events}
    yield from rows.values()
    for grade in subject.grades:
        if grade.event_id in rows:
            found = _grade(rows[grade.event_id], grade.grade, moment_parts(grade.since).local)
            yield found
            yield Relation((rows[grade.event_id], found))
    for link in subject.links:
        linked = rows_of_records.get(link.record_id or 0, [])
        if link.event_id in rows and linked:
            yield Relation((rows[link.event_id], *linked))


def _coded(coding: EventCoding) -> dict[str, Any]:
    """Return the terms of MedDRA: lowest level, preferred, and the primary organ class, also as body system."""
    return {
        "AELLT": coding.name,
        "AELLTCD": coding.code,
        "AEDECOD": coding.preferred or None,
        "AEBODSYS": coding.organ_class or None,
        "AESOC": coding.organ_class or None,
    }


def _event(event: AdverseEvent, scale: dict[str, str], interests: dict[str, str], until: str) -> Observation:
    began, ended = moment_parts(event.onset).local, moment_parts(event.end).local
    values: dict[str, Any] = {
        "AESPID": str(event.number),
        "AETERM": event.term,
        "AECAT": interests.get(event.aesi),
        "AESER": "Y" if event.serious else "N",
        "AEACN": ACTIONS[AdverseEvent.Action(event.action_taken)],
        "AEREL": scale.get(event.causality, event.causality.replace("_", " ").upper()) or None,
        "AEOUT": OUTCOMES[AdverseEvent.Outcome(event.outcome)],
        **{name: "Y" if getattr(event, column) else "N" for name, column in CRITERIA.items()},
        "AECONTRT": "Y" if event.treatment else "N",
        "AETOXGR": str(event.grade),
        "AESTDTC": began,
        "AEENDTC": ended or None,
    }
    if (coding := getattr(event, "coding", None)) and coding.dictionary.kind == Dictionary.Kind.MEDDRA:
        values |= _coded(coding)
    if event.ongoing == AdverseEvent.Ongoing.YES:
        values |= {"AEENRTPT": "ONGOING", "AEENTPT": until}
    row = Observation("AE", values, moment=began, source="adverse_events.term")
    for name, (column, label) in CAUSES.items():
        if code := getattr(event, column):
            row.supplements.append(Supplement(name, label, scale.get(code, code.replace("_", " ").upper())))
    told = [
        ("ACNOR", "Action taken as collected", event.action_taken.replace("_", " ").upper()),
        ("KIND", "Kind of report", event.kind.replace("_", " ").upper()),
        ("INFUSION", "Infusion at which it began", str(event.infusion or "")),
        ("AWARE", "Site aware of the event", moment_parts(event.aware).local),
        # AECAT is blank for an event of no special interest and for one not judged; this is not.
        ("AESI", "Category of special interest", event.aesi.upper()),
        ("EXPECT", "Expectedness by reference information", event.expectedness.upper()),
    ]
    row.supplements += [Supplement(name, label, value) for name, label, value in told if value]
    row.comments += [text for text in (event.description, event.treatment) if text]
    return row


def _grade(event: Observation, grade: int, since: str) -> Observation:
    values = {
        "FATESTCD": "TOXGR",
        "FATEST": "Toxicity Grade",
        "FAOBJ": event.values["AETERM"],
        "FACAT": "GRADE OF AN ADVERSE EVENT",
        "FAORRES": str(grade),
        "FASTRESC": str(grade),
        "FASTRESN": grade,
        "FADTC": since,
    }
    return Observation("FA", values, moment=since, source="event_grades.grade")
