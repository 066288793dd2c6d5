"""Read the patient, study, events and tests of our own message."""

from dataclasses import replace

from safety.icsr import codes
from safety.icsr.case import (
    Amount,
    CasePatient,
    CaseStudy,
    CaseTest,
    CodedTerm,
    DeathOfCase,
    PastCondition,
    Reaction,
    StudyRegistration,
)
from safety.icsr.nodes import (
    Node,
    all_of,
    amount_at,
    answer_at,
    attribute_at,
    observations,
    observed,
    one,
    term_of,
    text_at,
    truth_of,
)

INBOUND, OUTBOUND = "inboundRelationship", "outboundRelationship2"


def study_of(role: Node) -> CaseStudy | None:
    """Return the study of the case, or None."""
    study = one(role, "h:subjectOf1/h:researchStudy")
    if study is None:
        return None
    country = "h:author/h:territorialAuthority/h:governingPlace/h:code"
    return CaseStudy(
        registrations=tuple(
            StudyRegistration(
                number=attribute_at(each, "h:id", "extension"), country=attribute_at(each, country, "code")
            )
            for each in all_of(study, "h:authorization/h:studyRegistration")
        ),
        name=text_at(study, "h:title"),
        sponsor_number=attribute_at(study, "h:id", "extension"),
        kind=attribute_at(study, "h:code", "code"),
    )


def patient_of(role: Node) -> CasePatient:
    """Return the patient with history and death."""
    history = category(role, "1")
    therapies = None if history is None else observed(history, "component", "11")
    text = None if history is None else observed(history, "component", "18")
    return CasePatient(
        initials=answer_at(role, "h:player1/h:name"),
        investigation_number=attribute_at(role, "h:player1/h:asIdentifiedEntity/h:id", "extension"),
        born=answer_at(role, "h:player1/h:birthTime", "value"),
        age=amount_at(observed(role, "subjectOf2", "3"), "h:value"),
        weight_kg=amount_at(observed(role, "subjectOf2", "7"), "h:value").number,
        height_cm=amount_at(observed(role, "subjectOf2", "17"), "h:value").number,
        sex=answer_at(role, "h:player1/h:administrativeGenderCode", "code"),
        conditions=() if history is None else _conditions(history),
        history="" if text is None else answer_at(text, "h:value"),
        concomitant_therapies=truth_of(therapies) is True,
        death=_death(role),
    )


def category(role: Node, number: str) -> Node | None:
    """Return the part of the patient with a number of the ICH list, or None."""
    return one(role, f"h:subjectOf2/h:organizer[h:code[@code='{number}'][@codeSystem='{codes.CATEGORY}']]")


def _conditions(history: Node) -> tuple[PastCondition, ...]:
    found = all_of(history, f"h:component/h:observation[h:code/@codeSystem='{codes.MEDDRA}']")
    return tuple(_condition(each) for each in found)


def _condition(found: Node) -> PastCondition:
    continuing = truth_of(observed(found, INBOUND, "13"))
    comment = observed(found, OUTBOUND, "10")
    return PastCondition(
        term=term_of(one(found, "h:code")),
        start=answer_at(found, "h:effectiveTime/h:low", "value"),
        end=answer_at(found, "h:effectiveTime/h:high", "value"),
        continuing=continuing if isinstance(continuing, bool) else None,
        comment="" if comment is None else text_at(comment, "h:value"),
    )


def _death(role: Node) -> DeathOfCase | None:
    died = answer_at(role, "h:player1/h:deceasedTime", "value")
    causes = tuple(term_of(one(each, "h:value")) for each in observations(role, "subjectOf2", "32"))
    autopsy = observed(role, "subjectOf2", "5")
    if not (died or causes or autopsy is not None):
        return None
    found = () if autopsy is None else tuple(observations(autopsy, OUTBOUND, "8"))
    return DeathOfCase(
        died=died,
        causes=causes,
        autopsy=truth_of(autopsy),
        autopsy_causes=tuple(term_of(one(each, "h:value")) for each in found),
    )


def events_of(role: Node) -> tuple[Reaction, ...]:
    """Return the events in their order."""
    return tuple(_event(each) for each in observations(role, "subjectOf2", "29"))


def _event(found: Node) -> Reaction:
    coded = term_of(one(found, "h:value"))
    facts = {number: observed(found, OUTBOUND, number) for number in ("24", "27", "30", "37")}

    def fact_value(number: str, name: str = "") -> str:
        fact = facts[number]
        if fact is None:
            return ""
        return attribute_at(fact, "h:value", name) if name else text_at(fact, "h:value")

    confirmed = truth_of(facts["24"])
    return Reaction(
        native_text=coded.text,
        native_language=attribute_at(found, "h:value/h:originalText", "language"),
        translation=fact_value("30"),
        term=replace(coded, text=""),
        highlighted=fact_value("37", "code"),
        seriousness=frozenset(
            letter
            for letter, (number, _) in codes.SERIOUSNESS.items()
            if truth_of(observed(found, OUTBOUND, number)) is True
        ),
        start=answer_at(found, "h:effectiveTime/h:low", "value"),
        end=answer_at(found, "h:effectiveTime/h:high", "value"),
        duration=amount_at(found, "h:effectiveTime/h:width"),
        outcome=fact_value("27", "code"),
        confirmed=confirmed if isinstance(confirmed, bool) else None,
        country=attribute_at(found, "h:location/h:locatedEntity/h:locatedPlace/h:code", "code"),
    )


def tests_of(role: Node) -> tuple[CaseTest, ...]:
    """Return the tests in their order."""
    held = category(role, "3")
    return () if held is None else tuple(_test(each) for each in all_of(held, "h:component/h:observation"))


def _test(found: Node) -> CaseTest:
    coded = term_of(one(found, "h:code"))
    comparator, result = _result(found)
    comment = observed(found, OUTBOUND, "10")

    def limit(letter: str) -> str:
        path = f"h:referenceRange/h:observationRange[h:interpretationCode/@code='{letter}']/h:value"
        return attribute_at(found, path, "value")

    return CaseTest(
        day=answer_at(found, "h:effectiveTime", "value"),
        name=coded.text,
        term=CodedTerm(code=coded.code, version=coded.version),
        result_code=attribute_at(found, "h:interpretationCode", "code"),
        comparator=comparator,
        result=result,
        result_text="" if result.number else text_at(found, "h:value"),
        low=limit("L"),
        high=limit("H"),
        comment="" if comment is None else text_at(comment, "h:value"),
    )


def _result(found: Node) -> tuple[str, Amount]:
    """Return the comparator and the number of a result."""
    if one(found, "h:value/h:center") is not None:
        return "", amount_at(found, "h:value/h:center")
    for bound, sign in (("high", "<"), ("low", ">")):
        held = one(found, f"h:value/h:{bound}[@value]")
        if held is not None:
            equal = "=" if held.get("inclusive") == "true" else ""
            return sign + equal, amount_at(held, ".")
    return "", Amount()
