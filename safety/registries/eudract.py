"""Write the adverse events as EudraCT takes them: `adverseEvents`, schema 1.1 of the European Medicines Agency."""

from lxml import etree

from safety.registries.organ_classes import OrganClass, organ_class
from safety.registries.rows import RegisterFacts
from safety.registries.table import ArmCounts, EventTable, RegisterTerm

NAMESPACE = "http://eudract.ema.europa.eu/schema/clinical_trial_result/adverse_events"
SYSTEMATIC, NOT_SYSTEMATIC = "ADV_EVT_ASSESS_TYPE.systematic", "ADV_EVT_ASSESS_TYPE.non_systematic"
DICTIONARY = "ADV_EVT_DICTIONARY_NAME.meddra"
Node = etree._Element


def xml_of(table: EventTable, facts: RegisterFacts) -> bytes:
    """Return the file as UTF-8. The table has no problems (`problems.problems`)."""
    # Only the root has a namespace: the schema leaves local elements unqualified.
    root = etree.Element(f"{{{NAMESPACE}}}adverseEvents", nsmap={"ae": NAMESPACE})
    if facts.description:
        _node(root, "description", facts.description)
    _node(root, "nonSeriousEventFrequencyThreshold", facts.threshold)
    _node(root, "timeFrame", facts.time_frame)
    _term(root, "assessmentMethod", SYSTEMATIC if facts.systematic else NOT_SYSTEMATIC)
    dictionary = _node(root, "dictionary")
    _node(dictionary, "otherName").set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
    _node(dictionary, "version", facts.dictionary_version)
    _term(dictionary, "name", DICTIONARY)
    _groups(_node(root, "reportingGroups"), table)
    others = _node(root, "nonSeriousAdverseEvents")
    for row in table.non_serious:
        _event(_node(others, "nonSeriousAdverseEvent"), row, table, facts, serious=False)
    serious = _node(root, "seriousAdverseEvents")
    for row in table.serious:
        _event(_node(serious, "seriousAdverseEvent"), row, table, facts, serious=True)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def group_id(place: int) -> str:
    """Return the identifier of an arm inside the file."""
    return f"ReportingGroup-{place + 1}"


def _node(parent: Node, tag: str, text: str | int | None = None) -> Node:
    made = etree.SubElement(parent, tag)
    if text is not None:
        made.text = str(text)
    return made


def _term(parent: Node, tag: str, value: str) -> None:
    _node(_node(parent, tag), "value", value)


def _groups(parent: Node, table: EventTable) -> None:
    for place, (arm, totals) in enumerate(zip(table.arms, table.totals, strict=True)):
        group = _node(parent, "reportingGroup")
        group.set("id", group_id(place))
        _node(group, "title", arm.title)
        _node(group, "description", arm.description)
        _node(group, "subjectsAffectedByNonSeriousAdverseEvents", totals.non_serious)
        _node(group, "subjectsAffectedBySeriousAdverseEvents", totals.serious)
        _node(group, "subjectsExposed", totals.exposed)
        _node(group, "deathsAllCauses", totals.deaths)
        _node(group, "deathsResultingFromAdverseEvents", totals.event_deaths)


def _event(event: Node, row: RegisterTerm, table: EventTable, facts: RegisterFacts, *, serious: bool) -> None:
    _node(event, "term", row.term)
    _organ_system(event, organ_class(row.organ_class))
    _term(event, "assessmentMethod", SYSTEMATIC if facts.systematic else NOT_SYSTEMATIC)
    _node(event, "dictionaryOverridden", "false")
    values = _node(event, "values")
    for place, (counts, totals) in enumerate(zip(row.counts, table.totals, strict=True)):
        value = _node(values, "value")
        value.set("reportingGroupId", group_id(place))
        _node(value, "occurrences", counts.occurrences)
        _node(value, "subjectsAffected", counts.patients)
        _node(value, "subjectsExposed", totals.exposed)
        if serious:
            _serious(value, counts)


def _organ_system(event: Node, known: OrganClass | None) -> None:
    if known is not None:
        system = _node(event, "organSystem")
        _node(system, "eutctId", known.eutct)
        _node(system, "version", known.eutct_version)


def _serious(value: Node, counts: ArmCounts) -> None:
    _node(value, "occurrencesCausallyRelatedToTreatment", counts.related)
    deaths = _node(value, "fatalities")
    _node(deaths, "deaths", counts.deaths)
    _node(deaths, "deathsCausallyRelatedToTreatment", counts.related_deaths)
