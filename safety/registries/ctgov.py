"""Write the adverse events as ClinicalTrials.gov takes them: `reportedEvents` of a partial upload of results.

The registry takes no file with adverse events alone: enter the rest by hand, download the record, put `reportedEvents`
in it, upload it. `partialUpload` is always true, because without it the registry deletes all other results.
"""

from lxml import etree

from safety.registries.organ_classes import organ_class
from safety.registries.rows import RegisterFacts
from safety.registries.table import EventTable, RegisterTerm

NAMESPACE = "http://clinicaltrials.gov/rrs"
SYSTEMATIC, NOT_SYSTEMATIC = "Systematic Assessment", "Non-systematic Assessment"
# The registry writes this class with a capital letter.
OTHER_WORDS = {"Product issues": "Product Issues"}
Node = etree._Element


def xml_of(table: EventTable, facts: RegisterFacts) -> bytes:
    """Return the file as UTF-8. The table has no problems (`problems.problems`)."""
    # Only the root has a namespace: the schema leaves local elements unqualified.
    root = etree.Element(f"{{{NAMESPACE}}}result", nsmap={"rrs": NAMESPACE}, partialUpload="true")
    # The schema wants the element also where no outcome is sent; the registry keeps what it has.
    _node(root, "outcomeMeasures")
    reported = _node(root, "reportedEvents")
    _node(reported, "assessmentType", SYSTEMATIC if facts.systematic else NOT_SYSTEMATIC)
    _node(reported, "frequencyReportingThreshold", facts.threshold)
    frequent = _node(reported, "frequentAdverseEvents")
    for row in table.non_serious:
        _event(_node(frequent, "frequentEvent"), row, table, facts)
    _groups(_node(reported, "interventionGroups"), table)
    if facts.description:
        _node(reported, "notes", facts.description)
    serious = _node(reported, "seriousAdverseEvents")
    for row in table.serious:
        _event(_node(serious, "seriousEvent"), row, table, facts)
    _node(reported, "sourceVocabulary", _vocabulary(facts))
    _node(reported, "timeFrame", facts.time_frame)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def group_id(place: int) -> str:
    """Return the identifier of an arm inside the file."""
    return f"EventGroup.{place + 1}"


def _node(parent: Node, tag: str, text: str | int | None = None) -> Node:
    made = etree.SubElement(parent, tag)
    if text is not None:
        made.text = str(text)
    return made


def _vocabulary(facts: RegisterFacts) -> str:
    return f"{facts.dictionary} ({facts.dictionary_version})"


def _groups(parent: Node, table: EventTable) -> None:
    for place, (arm, totals) in enumerate(zip(table.arms, table.totals, strict=True)):
        group = _node(parent, "interventionGroup")
        group.set("id", group_id(place))
        _node(group, "description", arm.description)
        _node(group, "numDeaths", totals.deaths)
        _node(group, "numSubjectsFrequentEvents", totals.frequent)
        _node(group, "numSubjectsSeriousEvents", totals.serious)
        for at_risk in ("partAtRiskAllCauseMort", "partAtRiskFrequentEvents", "partAtRiskSeriousEvents"):
            _node(group, at_risk, totals.exposed)
        _node(group, "title", arm.title)


def _event(event: Node, row: RegisterTerm, table: EventTable, facts: RegisterFacts) -> None:
    stats = _node(event, "adverseEventStats")
    for place, (counts, totals) in enumerate(zip(row.counts, table.totals, strict=True)):
        own = _node(stats, "eventStats")
        _node(own, "reportingGroupId", group_id(place))
        _node(own, "numEvents", counts.occurrences)
        _node(own, "numSubjectsAffected", counts.patients)
        _node(own, "numSubjects", totals.exposed)
    _node(event, "assessmentType", SYSTEMATIC if facts.systematic else NOT_SYSTEMATIC)
    known = organ_class(row.organ_class)
    if known is not None:
        _node(event, "organSystemName", OTHER_WORDS.get(known.name, known.name))
    _node(event, "sourceVocabulary", _vocabulary(facts))
    _node(event, "term", row.term)
