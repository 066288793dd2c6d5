"""The files for EudraCT and ClinicalTrials.gov (RES-01, RES-05)."""

import random
from dataclasses import replace

import pytest
from lxml import etree

from safety.registries import ctgov, eudract
from safety.registries.organ_classes import ORGAN_CLASSES
from safety.registries.problems import SENTENCES, RegisterFault, problems
from safety.registries.rows import CountedEvent, RegisterFacts, ReportingArm
from safety.registries.table import EventTable, count
from tests.support.oracles import schema_errors

EUDRACT_SCHEMA, CTGOV_SCHEMA = "eudract/adverseEvents.xsd", "clinicaltrials_gov/RRSUploadSchema.xsd"
FACTS = RegisterFacts(time_frame="From infusion 1 to day 90", dictionary_version="26.1")
PATIENTS = [f"P{number}" for number in range(1, 13)]


def arms(number: int = 2) -> list[ReportingArm]:
    titles = ("Cells", "Placebo <saline>", "Third")
    size = len(PATIENTS) // number
    return [
        ReportingArm(
            title=titles[place],
            description="Given once & watched",
            exposed=frozenset(PATIENTS[place * size : (place + 1) * size]),
            died=frozenset(PATIENTS[place * size : place * size + 1]),
        )
        for place in range(number)
    ]


def table(seed: int = 1, *, number: int = 2, events: int = 40, threshold: str = "0") -> EventTable:
    random_ = random.Random(seed)
    rows = [
        CountedEvent(
            patient=random_.choice(PATIENTS),
            term=random_.choice(["Fever", "Sepsis", "Rash <red> & blue"]),
            organ_class=random_.choice([each.code for each in ORGAN_CLASSES]),
            serious=random_.random() < 0.4,
            related=random_.random() < 0.5,
            fatal=random_.random() < 0.1,
        )
        for _ in range(events)
    ]
    return count(events=rows, arms=arms(number), threshold=threshold)


@pytest.mark.parametrize("seed", range(20))
def test_the_files_are_valid_for_the_schemas_of_the_registers(seed):
    """RES-01: one table, both files, one to three arms, with and without events."""
    made = table(seed, number=seed % 3 + 1, events=seed * 3, threshold="5" if seed % 2 else "0")
    facts = replace(
        FACTS, threshold="5" if seed % 2 else "0", systematic=seed % 2 == 0, description="x" * seed
    )
    assert problems(made, facts) == ()
    assert schema_errors(eudract.xml_of(made, facts), EUDRACT_SCHEMA) == []
    assert schema_errors(ctgov.xml_of(made, facts), CTGOV_SCHEMA) == []


def test_eudract_gets_the_counts_of_the_table():
    made = table()
    root = etree.fromstring(eudract.xml_of(made, FACTS))
    groups = root.findall("reportingGroups/reportingGroup")
    assert [group.findtext("title") for group in groups] == ["Cells", "Placebo <saline>"]
    assert [int(group.findtext("subjectsExposed")) for group in groups] == [6, 6]
    assert [int(group.findtext("deathsAllCauses")) for group in groups] == [
        each.deaths for each in made.totals
    ]
    assert [int(group.findtext("subjectsAffectedByNonSeriousAdverseEvents")) for group in groups] == [
        each.non_serious for each in made.totals
    ]
    serious = root.findall("seriousAdverseEvents/seriousAdverseEvent")
    assert [each.findtext("term") for each in serious] == [row.term for row in made.serious]
    first = [
        tuple(int(value.findtext(tag)) for tag in ("subjectsAffected", "occurrences", "fatalities/deaths"))
        for value in serious[0].findall("values/value")
    ]
    assert first == [(each.patients, each.occurrences, each.deaths) for each in made.serious[0].counts]


def test_clinicaltrials_gov_gets_the_counts_of_the_table_and_keeps_the_other_results():
    made = table(threshold="20")
    root = etree.fromstring(ctgov.xml_of(made, replace(FACTS, threshold="20")))
    assert root.get("partialUpload") == "true"
    groups = root.findall("reportedEvents/interventionGroups/interventionGroup")
    assert [int(group.findtext("numSubjectsFrequentEvents")) for group in groups] == [
        each.frequent for each in made.totals
    ]
    assert [int(group.findtext("partAtRiskAllCauseMort")) for group in groups] == [6, 6]
    assert [int(group.findtext("numDeaths")) for group in groups] == [each.deaths for each in made.totals]
    frequent = root.findall("reportedEvents/frequentAdverseEvents/frequentEvent")
    assert [each.findtext("term") for each in frequent] == [row.term for row in made.non_serious]
    names = {each.findtext("organSystemName") for each in frequent}
    assert names <= {each.name for each in ORGAN_CLASSES} | {"Product Issues"}
    assert root.findtext("reportedEvents/sourceVocabulary") == "MedDRA (26.1)"


def test_both_files_have_the_same_serious_events():
    made = table(3)
    first = etree.fromstring(eudract.xml_of(made, FACTS)).findall("seriousAdverseEvents/seriousAdverseEvent")
    second = etree.fromstring(ctgov.xml_of(made, FACTS)).findall(
        "reportedEvents/seriousAdverseEvents/seriousEvent"
    )
    assert [[int(value.findtext("subjectsAffected")) for value in each.iter("value") if value.get("reportingGroupId")]
            for each in first] == [
        [int(value.findtext("numSubjectsAffected")) for value in each.iter("eventStats")] for each in second
    ]  # fmt: skip


def one(term: str = "Fever", organ: str = "10021881") -> CountedEvent:
    return CountedEvent(patient="P1", term=term, organ_class=organ, serious=True, related=True, fatal=False)


PROBLEMS = [
    ([one()], arms(), {"time_frame": ""}, RegisterFault.TIME_FRAME),
    ([one()], arms(), {"time_frame": "x" * 256}, RegisterFault.TIME_FRAME),
    ([one()], arms(), {"dictionary_version": ""}, RegisterFault.VERSION),
    ([one()], arms(), {"dictionary_version": "x" * 11}, RegisterFault.VERSION),
    ([one()], arms(), {"threshold": "5.01"}, RegisterFault.THRESHOLD),
    ([one()], arms(), {"threshold": "-1"}, RegisterFault.THRESHOLD),
    ([one()], arms(), {"threshold": "NaN"}, RegisterFault.THRESHOLD),
    ([one()], arms(), {"threshold": "five"}, RegisterFault.THRESHOLD),
    ([one()], arms(), {"description": "x" * 351}, RegisterFault.DESCRIPTION_LENGTH),
    ([one()], [], {}, RegisterFault.NO_ARM),
    ([one()], [replace(arms()[0], exposed=frozenset())], {}, RegisterFault.NOBODY_EXPOSED),
    ([one()], [replace(arms()[0], title="MSC")], {}, RegisterFault.TITLE_LENGTH),
    ([one()], [replace(arms()[0], title="x" * 63)], {}, RegisterFault.TITLE_LENGTH),
    ([one()], [replace(arms()[0], description="x" * 1000)], {}, RegisterFault.DESCRIPTION_LENGTH),
    ([one()], [replace(each, title="Cells") for each in arms()], {}, RegisterFault.SAME_TITLE),
    ([one(organ="")], arms(), {}, RegisterFault.NO_ORGAN_CLASS),
    ([one(term="x")], arms(), {}, RegisterFault.TERM_LENGTH),
    ([one(term="x" * 101)], arms(), {}, RegisterFault.TERM_LENGTH),
]


@pytest.mark.parametrize(("events", "groups", "facts", "fault"), PROBLEMS)
def test_what_a_register_refuses_is_listed_before_the_file_is_made(events, groups, facts, fault):
    made = count(events=events, arms=groups)
    found = problems(made, replace(FACTS, **facts))
    assert [each.fault for each in found] == [fault]
    assert SENTENCES[fault] % {"about": found[0].about}
