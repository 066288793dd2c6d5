"""Every mandatory and conditional rule of E2B(R3), one element at a time (ICS-01, ICS-04, ICS-06)."""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import pytest

from safety.icsr.blinded import named_in
from safety.icsr.case import Absent, Amount, CaseTest, CodedTerm, IndividualCase, OtherCaseId, PastCondition
from safety.icsr.checking import SENTENCES, CaseFinding, Flaw, LoadedDictionary
from safety.icsr.conformance import findings
from safety.icsr.elements import ELEMENTS
from tests.support.study.invented_cases import NOW, TEST, invented_case


def changed(value: Any, path: str, new: Any) -> Any:
    """Return a copy of a case with another value at a path: `events.0.outcome`."""
    name, _, rest = path.partition(".")
    if isinstance(value, tuple):
        place = int(name)
        inner = changed(value[place], rest, new) if rest else new
        return (*value[:place], inner, *value[place + 1 :])
    inner = changed(getattr(value, name), rest, new) if rest else new
    return replace(value, **{name: inner})


@cache
def whole_case() -> IndividualCase:
    """Return a case in which each part that the rules are about is given."""
    seeds = (invented_case(seed, blinded=False) for seed in range(9000))
    return next(
        case
        for case in seeds
        if case.patient.death
        and case.patient.death.autopsy is True
        and case.patient.death.autopsy_causes
        and case.patient.conditions
        and case.drugs[0].indications
        and len(case.drugs) > 1
        and case.narrative.native_text
        and case.narrative.diagnoses
        and not case.identity.change
        and not case.events[0].end
    )


def flaws(case: IndividualCase, **options: Any) -> set[tuple[str, Flaw]]:
    given = {"now": NOW, "dictionary": TEST, "production": False, **options}
    return {(found.element, found.flaw) for found in findings(case, **given)}


FUTURE, LONG = "20991231", "x" * 100_001
MISSING = [
    ("transmission.batch_number", "N.1.2"),
    ("transmission.batch_sender", "N.1.3"),
    ("transmission.batch_receiver", "N.1.4"),
    ("transmission.sent", "N.1.5"),
    ("transmission.message_sender", "N.2.r.2"),
    ("transmission.message_receiver", "N.2.r.3"),
    ("identity.number", "C.1.1"),
    ("identity.created", "C.1.2"),
    ("identity.kind", "C.1.3"),
    ("identity.first_received", "C.1.4"),
    ("identity.latest_information", "C.1.5"),
    ("identity.worldwide_number", "C.1.8.1"),
    ("identity.first_sender", "C.1.8.2"),
    ("sources.0.country", "C.2.r.3"),
    ("sources.0.qualification", "C.2.r.4"),
    ("sender.kind", "C.3.1"),
    ("sender.organisation", "C.3.2"),
    ("study.kind", "C.5.4"),
    ("study.sponsor_number", "C.5.3"),
    ("study.registrations.0.number", "C.5.1.r.1"),
    ("study.registrations.0.country", "C.5.1.r.2"),
    ("patient.initials", "D.1"),
    ("patient.conditions.0.term.code", "D.7.1.r.1b"),
    ("patient.conditions.0.term.version", "D.7.1.r.1a"),
    ("patient.death.died", "D.9.1"),
    ("patient.death.causes.0.text", "D.9.2.r.2"),
    ("patient.death.causes.0.code", "D.9.2.r.1b"),
    ("patient.death.causes.0.version", "D.9.2.r.1a"),
    ("patient.death.autopsy_causes.0.text", "D.9.4.r.2"),
    ("patient.death.autopsy_causes.0.code", "D.9.4.r.1b"),
    ("patient.death.autopsy_causes.0.version", "D.9.4.r.1a"),
    ("events.0.native_language", "E.i.1.1b"),
    ("events.0.term.version", "E.i.2.1a"),
    ("events.0.term.code", "E.i.2.1b"),
    ("events.0.start", "E.i.4"),
    ("events.0.outcome", "E.i.7"),
    ("events.0.country", "E.i.9"),
    ("drugs.0.name", "G.k.2.2"),
    ("drugs.0.doses.0.dose.unit", "G.k.4.r.1b"),
    ("drugs.0.cumulative.unit", "G.k.5b"),
    ("drugs.0.indications.0.version", "G.k.7.r.2a"),
    ("drugs.0.indications.0.code", "G.k.7.r.2b"),
    ("narrative.text", "H.1"),
    ("narrative.diagnoses.0.version", "H.3.r.1a"),
    ("narrative.diagnoses.0.code", "H.3.r.1b"),
    ("narrative.native_language", "H.5.r.1b"),
    ("narrative.native_text", "H.5.r.1a"),
]


@pytest.mark.parametrize(("path", "element"), MISSING, ids=[element for _, element in MISSING])
def test_a_mandatory_or_conditional_element_that_is_empty_is_listed_by_its_id(path, element):
    case = whole_case()
    if path == "events.0.start":
        case = changed(case, "events.0.duration", Amount())
    assert flaws(changed(case, path, "")) == {(element, Flaw.MISSING)}


ABSENT = [
    ("identity.expedited", None, "C.1.7"),
    ("sources", (), "C.2"),
    ("study", None, "C.5.4"),
    ("study.registrations", (), "C.5.1.r.1"),
    ("patient.death", None, "D.9.1"),
    ("patient.death", None, "D.9.3"),
    ("patient.death.autopsy", None, "D.9.3"),
    ("events", (), "E.i"),
    ("drugs", (), "G.k"),
    ("drugs.0.role", "2", "G.k.1"),
    ("drugs.0.relations", (), "G.k.9.i.2.r.3"),
    ("identity.change", "1", "C.1.11.2"),
    ("identity.change_reason", "Wrong patient", "C.1.11.1"),
    ("identity.other_numbers", (OtherCaseId(source="", number="1"),), "C.1.9.1.r.1"),
    ("identity.other_numbers", (OtherCaseId(source="A", number=""),), "C.1.9.1.r.2"),
    ("identity.documents", ("",), "C.1.6.1.r.1"),
    ("identity.linked_reports", ("",), "C.1.10.r"),
    ("patient.age", Amount(number="50"), "D.2.2b"),
    ("patient.age", Amount(unit="a"), "D.2.2a"),
    ("events.0.duration", Amount(number="5"), "E.i.6b"),
    ("events.0.duration", Amount(unit="h"), "E.i.6a"),
    ("tests", (CaseTest(name="CRP", result_text="high"),), "F.r.1"),
    ("tests", (CaseTest(day="2026", result_text="high"),), "F.r.2.1"),
    ("tests", (CaseTest(day="2026", name="CRP"),), "F.r.3.4"),
    ("tests", (CaseTest(day="2026", name="CRP", result=Amount(number="5")),), "F.r.3.3"),
    ("tests", (CaseTest(day="2026", name="CRP", result=Amount(unit="g")),), "F.r.3.2"),
    ("tests", (CaseTest(day="2026", name="CRP", result_text="5", low="1"),), "F.r.3.3"),
    ("tests", (CaseTest(day="2026", term=CodedTerm(code="90000000"), result_text="5"),), "F.r.2.2a"),
    (
        "tests",
        (CaseTest(day="2026", term=CodedTerm(version="1.0"), name="CRP", result_text="5"),),
        "F.r.2.2b",
    ),
    ("drugs.0.authorisation", "BE1", "G.k.3.2"),
    ("drugs.0.doses.0.interval", Amount(number="1"), "G.k.4.r.3"),
    ("drugs.0.doses.0.interval", Amount(unit="d"), "G.k.4.r.2"),
    ("drugs.0.doses.0.route_code", "20045000", "G.k.4.r.10.2a"),
    ("drugs.0.doses.0.dose", Amount(unit="mg"), "G.k.4.r.1a"),
    ("drugs.0.relations.0.since_first", Amount(number="1"), "G.k.9.i.3.1b"),
    ("drugs.0.relations.0.since_last", Amount(unit="h"), "G.k.9.i.3.2a"),
]


@pytest.mark.parametrize(("path", "new", "element"), ABSENT, ids=[f"{row[2]}-{row[0]}" for row in ABSENT])
def test_what_a_given_answer_asks_for_is_listed(path, new, element):
    case = changed(whole_case(), "drugs.0.doses.0.route_version", "")
    case = changed(case, "drugs.0.doses.0.route_code", "")
    assert (element, Flaw.MISSING) in flaws(changed(case, path, new))


WRONG = [
    ("identity.number", "BE-CHU-LIEGE-1", None, None),
    ("identity.number", "BEL-CHU-1", "C.1.1", Flaw.WRONG_FORM),
    ("identity.number", "BE-CHU", "C.1.1", Flaw.WRONG_FORM),
    ("identity.created", "20260915", "C.1.2", Flaw.NOT_PRECISE),
    ("identity.created", "20260915115959", "C.1.2", Flaw.NOT_PRECISE),
    ("identity.created", "20260915125959+0000", "C.1.2", Flaw.FUTURE),
    ("identity.created", "20260915135959+0200", None, None),
    ("identity.created", "20261325115959+0000", "C.1.2", Flaw.NOT_A_TIME),
    ("transmission.sent", FUTURE, "N.1.5", Flaw.NOT_PRECISE),
    ("identity.kind", "5", "C.1.3", Flaw.WRONG_CODE),
    ("identity.first_received", "202608", "C.1.4", Flaw.NOT_PRECISE),
    ("identity.first_received", FUTURE, "C.1.4", Flaw.FUTURE),
    ("identity.latest_information", "20260809", "C.1.5", Flaw.BACKWARDS),
    ("identity.first_sender", "3", "C.1.8.2", Flaw.WRONG_CODE),
    ("sources.0.primary", False, "C.2.r.5", Flaw.NOT_ONCE),
    ("sources.0.country", "Belgium", "C.2.r.3", Flaw.WRONG_FORM),
    ("sources.0.country", Absent.NOT_APPLICABLE, "C.2.r.3", Flaw.NOT_ALLOWED_ABSENT),
    ("sources.0.qualification", Absent.MASKED, "C.2.r.4", Flaw.NOT_ALLOWED_ABSENT),
    ("sender.kind", "8", "C.3.1", Flaw.WRONG_CODE),
    ("sender.country", "be", "C.3.4.5", Flaw.WRONG_FORM),
    ("study.kind", "4", "C.5.4", Flaw.WRONG_CODE),
    ("patient.investigation_number", "x" * 20, None, None),
    ("patient.investigation_number", "x" * 21, "D.1.1.4", Flaw.TOO_LONG),
    ("patient.born", "196106", "D.2.1", Flaw.NOT_PRECISE),
    ("patient.age", Amount(number="50", unit="year"), "D.2.2b", Flaw.WRONG_CODE),
    ("patient.weight_kg", "72,5", "D.3", Flaw.NOT_A_NUMBER),
    ("patient.height_cm", "181.5", "D.4", Flaw.TOO_LONG),
    ("patient.height_cm", "1.8", "D.4", Flaw.WRONG_FORM),
    ("patient.sex", "M", "D.5", Flaw.WRONG_CODE),
    ("patient.death.died", FUTURE, "D.9.1", Flaw.FUTURE),
    ("events.0.native_language", "fr", "E.i.1.1b", Flaw.WRONG_FORM),
    ("events.0.term.code", "1234567", "E.i.2.1b", Flaw.WRONG_FORM),
    ("events.0.term.version", "26", "E.i.2.1a", Flaw.WRONG_FORM),
    ("events.0.term.version", "26.1", "E.i.2.1a", Flaw.OTHER_VERSION),
    ("events.0.seriousness", frozenset("g"), "E.i.3.2", Flaw.WRONG_CODE),
    ("events.0.start", FUTURE, "E.i.4", Flaw.FUTURE),
    ("events.0.end", "20200101", "E.i.5", Flaw.BACKWARDS),
    ("events.0.outcome", "6", "E.i.7", Flaw.WRONG_CODE),
    ("drugs.0.role", "5", "G.k.1", Flaw.WRONG_CODE),
    ("drugs.0.doses.0.lot", "x" * 35, None, None),
    ("drugs.0.doses.0.lot", "x" * 40, "G.k.4.r.7", Flaw.TOO_LONG),
    ("drugs.0.doses.0.end", "20200101", "G.k.4.r.5", Flaw.BACKWARDS),
    ("drugs.0.action", "5", "G.k.8", Flaw.WRONG_CODE),
    ("drugs.0.relations.0.event", 9, "G.k.9.i.1", Flaw.WRONG_CODE),
    ("drugs.0.relations.0.recurred", "5", "G.k.9.i.4", Flaw.WRONG_CODE),
    ("drugs.0.further_codes", ("12",), "G.k.10.r", Flaw.WRONG_CODE),
    ("narrative.text", LONG, "H.1", Flaw.TOO_LONG),
    ("narrative.text", LONG[:-1], None, None),
    ("narrative.text", "bell \x07", "H.1", Flaw.UNPRINTABLE),
    ("narrative.native_language", "FRA", "H.5.r.1b", Flaw.WRONG_FORM),
]


@pytest.mark.parametrize(("path", "new", "element", "flaw"), WRONG)
def test_a_wrong_value_is_listed_with_what_is_wrong(path, new, element, flaw):
    case = changed(whole_case(), path, new)
    found = flaws(case)
    if element is None:
        assert found == set()
    else:
        assert (element, flaw) in found


def test_an_end_and_a_duration_exclude_each_other():
    case = changed(whole_case(), "events.0.duration", Amount(number="2", unit="d"))
    assert flaws(changed(case, "events.0.end", "20260810")) == {("E.i.6a", Flaw.BOTH_GIVEN)}


def test_history_is_needed_as_text_if_none_is_coded():
    """D.7.2 is conditional on D.7.1."""
    case = changed(changed(whole_case(), "patient.conditions", ()), "patient.history", "")
    assert flaws(case) == {("D.7.2", Flaw.MISSING)}


def test_without_a_dictionary_every_coded_term_is_refused():
    """ICS-06: never an invented code."""
    found = flaws(whole_case(), dictionary=None)
    assert ("E.i.2.1b", Flaw.NO_DICTIONARY) in found
    assert {flaw for _, flaw in found} == {Flaw.NO_DICTIONARY}


def test_production_refuses_the_invented_dictionary():
    assert flaws(whole_case(), production=True) == {("E.i.2.1a", Flaw.TEST_DICTIONARY)}
    assert flaws(whole_case(), dictionary=LoadedDictionary("Other", "1.0")) == {
        ("E.i.2.1a", Flaw.TEST_DICTIONARY)
    }
    assert flaws(whole_case(), dictionary=LoadedDictionary("MedDRA", "1.0"), production=True) == set()


def test_the_place_of_a_repeated_part_is_counted_from_one():
    case = changed(whole_case(), "drugs.1.name", "")
    assert [found.place for found in findings(case, now=NOW, dictionary=TEST, production=False)] == [(2,)]
    assert CaseFinding("G.k.2.2", Flaw.MISSING, (2,)).words["element"] == "G.k.2.2 [2]"


def test_every_sentence_takes_the_words_of_every_finding():
    for flaw in Flaw:
        for element in ELEMENTS:
            sentence = SENTENCES[flaw] % CaseFinding(element, flaw).words
            assert sentence.startswith(element)


BLINDED = [
    ("drugs.0.substances", ("Cells",), "G.k.2.3.r.1"),
    ("drugs.0.authorisation", "X1", "G.k.2.3.r.1"),
    ("drugs.0.doses.0.lot", "LOT-7", "G.k.4.r.7"),
    ("drugs.0.doses.0.dose", Amount(number="210", unit="10*6"), "G.k.4.r.1a"),
    ("drugs.0.cumulative", Amount(number="210", unit="10*6"), "G.k.4.r.1a"),
    ("narrative.text", "The patient was given MSC-ALLO at noon", "H.1"),
    ("narrative.sender_comment", "arm: placebo.", "H.4"),
    ("events.0.native_text", "reaction to placebo", "E.i.1.1a"),
    ("patient.history", "in the placebo group", "D.7.2"),
]


@pytest.mark.parametrize(("path", "new", "element"), BLINDED)
def test_a_blinded_case_that_tells_the_treatment_is_refused(path, new, element):
    """ICS-04: lot, substance, cells and the words of the arms, anywhere."""
    secrets = ("msc-allo", "Placebo", "")
    hidden = invented_case(12, blinded=True)
    assert flaws(hidden, secrets=secrets) == set()
    found = flaws(changed(hidden, path, new), secrets=secrets)
    assert {(element, Flaw.SHOWS_TREATMENT), (element, Flaw.NAMES_TREATMENT)} & found


def test_a_secret_word_inside_another_word_is_no_secret():
    hidden = changed(invented_case(12, blinded=True), "narrative.text", "placebos are not named, lot 2012")
    assert flaws(hidden, secrets=("placebo", "201")) == set()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("bag L-001", "L-001"),
        ("lot l 001.", "l 001"),
        ("L001", "L001"),
        ("XL-001", ""),
        ("L-0012", ""),
        ("L, 9001", ""),
    ],
)
def test_a_code_is_found_however_it_is_spaced_and_named(written, told):
    """ICS-04."""
    assert named_in(written, {"L-001", " "}) == told
    hidden = changed(invented_case(12, blinded=True), "narrative.text", written)
    found = [
        each.word for each in findings(hidden, now=NOW, dictionary=TEST, production=False, secrets={"L-001"})
    ]
    assert found == [told] * bool(told)


def test_an_open_case_may_name_its_treatment():
    case = changed(whole_case(), "narrative.text", "Given MSC-allo")
    assert flaws(case, secrets=("MSC-allo",)) == set()


def test_every_text_of_a_case_is_looked_through_for_the_treatment():
    """A new part of the case cannot be forgotten: each text field is changed in turn."""
    hidden = replace(
        invented_case(12, blinded=True), tests=(CaseTest(day="2026", name="CRP", result_text="5"),)
    )
    seen = 0
    for path in _text_paths(hidden):
        found = flaws(changed(hidden, path, "secretarm"), secrets=("secretarm",))
        # The name of the study is public: a register shows it.
        is_told = path != "study.name"
        assert bool({Flaw.SHOWS_TREATMENT, Flaw.NAMES_TREATMENT} & {flaw for _, flaw in found}) is is_told, (
            path
        )
        seen += 1
    assert seen > 60


def _text_paths(value: Any, path: str = "") -> list[str]:
    if isinstance(value, str):
        return [path]
    if is_dataclass(value):
        return [
            each
            for part in fields(value)
            for each in _text_paths(getattr(value, part.name), _below(path, part.name))
        ]
    if isinstance(value, tuple):
        return [
            each for place, inner in enumerate(value) for each in _text_paths(inner, _below(path, str(place)))
        ]
    return []


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def test_a_condition_needs_its_code():
    case = changed(whole_case(), "patient.conditions", (PastCondition(term=CodedTerm(text="Asthma")),))
    assert flaws(case) == {("D.7.1.r.1a", Flaw.MISSING), ("D.7.1.r.1b", Flaw.MISSING)}
