"""Write the patient, the events and the tests of a case (sections C.5, D, E and F)."""

from dataclasses import replace

from safety.icsr import codes
from safety.icsr.case import (
    Absent,
    Amount,
    CasePatient,
    CaseStudy,
    CaseTest,
    DeathOfCase,
    IndividualCase,
    PastCondition,
    Reaction,
    Value,
)
from safety.icsr.nodes import (
    XSI_TYPE,
    Node,
    act,
    code,
    entity,
    given,
    given_value,
    identifier,
    link,
    node,
    observation,
    quantity,
    term,
    truth,
    value,
)
from safety.icsr.writing_drugs import event_id, write_drugs


def write_patient(assessment: Node, case: IndividualCase) -> None:
    """Append the patient with the study, history, events, tests and drugs."""
    role = node(link(assessment, "subject1", "SBJ"), "primaryRole", classCode="INVSBJ")
    _person(role, case.patient)
    if case.study is not None:
        _study(role, case.study)
    _measures(role, case.patient)
    _history(role, case.patient)
    if case.patient.death is not None:
        _death(role, case.patient.death)
    for number, event in enumerate(case.events):
        _event(role, event, event_id(case, number))
    if case.tests:
        tests = _category(role, "3", "testsAndProceduresRelevantToTheInvestigation")
        for test in case.tests:
            _test(tests, test)
    write_drugs(_category(role, "4", "drugInformation"), case)


def write_period(parent: Node, start: Value, end: Value, duration: Amount) -> None:
    """Append a period, if any part of it is known."""
    if not (start or end or duration.number):
        return
    period = node(parent, "effectiveTime")
    period.set(XSI_TYPE, "IVL_TS")
    given_value(period, "low", start)
    given_value(period, "high", end)
    if duration.number:
        node(period, "width", value=duration.number, unit=duration.unit)


def _person(role: Node, patient: CasePatient) -> None:
    person = entity(role, "player1", "PSN")
    given(person, "name", patient.initials)
    if isinstance(patient.sex, Absent):
        node(person, "administrativeGenderCode", nullFlavor=patient.sex.value)
    elif patient.sex:
        code(person, patient.sex, codes.SEX, "", "administrativeGenderCode")
    given_value(person, "birthTime", patient.born)
    if patient.death is not None:
        given_value(person, "deceasedTime", patient.death.died)
    if patient.investigation_number:
        identified = node(person, "asIdentifiedEntity", classCode="IDENT")
        identifier(identified, f"{codes.ID}.10", patient.investigation_number)
        code(identified, "4", f"{codes.LIST}.4", "investigation")


def _study(role: Node, study: CaseStudy) -> None:
    made = act(link(role, "subjectOf1", "SBJ"), "researchStudy", "CLNTRL")
    if study.sponsor_number:
        identifier(made, f"{codes.ID}.5", study.sponsor_number)
    if study.kind:
        code(made, study.kind, f"{codes.LIST}.8")
    given(made, "title", study.name)
    for row in study.registrations:
        registration = act(link(made, "authorization", "AUTH"), "studyRegistration", "ACT")
        identifier(registration, f"{codes.ID}.6", row.number)
        if row.country:
            authority = node(link(registration, "author", "AUT"), "territorialAuthority", classCode="TERR")
            code(entity(authority, "governingPlace", "COUNTRY"), row.country, codes.COUNTRY)


def _measures(role: Node, patient: CasePatient) -> None:
    measures = (
        ("3", "age", patient.age),
        ("7", "bodyWeight", Amount(number=patient.weight_kg, unit="kg")),
        ("17", "height", Amount(number=patient.height_cm, unit="cm")),
    )
    for number, name, amount in measures:
        if amount.number:
            quantity(observation(role, "subjectOf2", number, name), amount)


def _category(role: Node, number: str, name: str) -> Node:
    made = act(link(role, "subjectOf2", "SBJ"), "organizer", "CATEGORY")
    code(made, number, codes.CATEGORY, name)
    return made


def _history(role: Node, patient: CasePatient) -> None:
    if not (patient.conditions or patient.history or patient.concomitant_therapies):
        return
    held = _category(role, "1", "relevantMedicalHistoryAndConcurrentConditions")
    for row in patient.conditions:
        _condition(held, row)
    if patient.history:
        made = observation(held, "component", "18", "historyAndConcurrentConditionText", kind="COMP")
        if isinstance(patient.history, Absent):
            value(made, "ED", nullFlavor=patient.history.value)
        else:
            value(made, "ED", patient.history)
    if patient.concomitant_therapies:
        truth(observation(held, "component", "11", "concomitantTherapy", kind="COMP"), True)


def _condition(held: Node, row: PastCondition) -> None:
    made = act(link(held, "component", "COMP"), "observation", "OBS")
    term(made, row.term, tag="code")
    write_period(made, row.start, row.end, Amount())
    if row.comment:
        comment = observation(made, "outboundRelationship2", "10", "comment", kind="COMP")
        value(comment, "ED", row.comment)
    if row.continuing is not None:
        truth(observation(made, "inboundRelationship", "13", "continuing", kind="REFR"), row.continuing)


def _death(role: Node, death: DeathOfCase) -> None:
    for cause in death.causes:
        term(observation(role, "subjectOf2", "32", "reportedCauseOfDeath"), cause)
    if death.autopsy is None and not death.autopsy_causes:
        return
    autopsy = observation(role, "subjectOf2", "5", "autopsy")
    truth(autopsy, death.autopsy)
    for cause in death.autopsy_causes:
        found = observation(autopsy, "outboundRelationship2", "8", "causeOfDeath", kind="PERT")
        term(found, cause)


def _event(role: Node, event: Reaction, own_id: str) -> None:
    made = act(link(role, "subjectOf2", "SBJ"), "observation", "OBS")
    identifier(made, own_id)
    code(made, "29", codes.OBSERVATION, "reaction")
    write_period(made, event.start, event.end, event.duration)
    # The words of the element are those of the reporter (E.i.1), which follow.
    coded = term(made, replace(event.term, text=""))
    if event.native_text:
        node(coded, "originalText", event.native_text, language=event.native_language)
    if event.country:
        located = node(link(made, "location", "LOC"), "locatedEntity", classCode="LOCE")
        code(entity(located, "locatedPlace", "COUNTRY"), event.country, codes.COUNTRY)
    _event_facts(made, event)


def _event_facts(made: Node, event: Reaction) -> None:
    def fact(number: str, name: str) -> Node:
        return observation(made, "outboundRelationship2", number, name, kind="PERT")

    if event.translation:
        value(fact("30", "reactionForTranslation"), "ED", event.translation)
    if event.highlighted:
        highlighted = fact("37", "termHighlightedByReporter")
        value(highlighted, "CE", code=event.highlighted, codeSystem=f"{codes.LIST}.10")
    for letter, (number, name) in codes.SERIOUSNESS.items():
        truth(fact(number, name), True if letter in event.seriousness else None)
    value(fact("27", "outcome"), "CE", code=event.outcome, codeSystem=f"{codes.LIST}.11")
    if event.confirmed is not None:
        truth(fact("24", "medicalConfirmationByHealthProfessional"), event.confirmed)


def _test(tests: Node, test: CaseTest) -> None:
    made = act(link(tests, "component", "COMP"), "observation", "OBS")
    coded = term(made, test.term, tag="code")
    if test.name:
        node(coded, "originalText", test.name)
    given_value(made, "effectiveTime", test.day)
    _result(made, test)
    if test.result_code:
        code(made, test.result_code, f"{codes.LIST}.12", "", "interpretationCode")
    for letter, limit in (("L", test.low), ("H", test.high)):
        if limit:
            held = link(made, "referenceRange", "REFV")
            bound = node(held, "observationRange", classCode="OBS", moodCode="EVN.CRT")
            value(bound, "PQ", value=limit, unit=test.result.unit)
            code(bound, letter, codes.INTERPRETATION, "", "interpretationCode")
    if test.comment:
        comment = observation(made, "outboundRelationship2", "10", "comment", kind="PERT")
        value(comment, "ED", test.comment)


def _result(made: Node, test: CaseTest) -> None:
    """Append the result: a number, a half-open interval for `<5` or `>=5`, or a text. A number wins over a text."""
    if not test.result.number:
        if test.result_text:
            value(made, "ED", test.result_text)
        return
    interval = value(made, "IVL_PQ")
    number = {"value": test.result.number, "unit": test.result.unit}
    if not test.comparator:
        node(interval, "center", **number)
        return
    closed = {"inclusive": "true" if test.comparator.endswith("=") else "false"}
    if test.comparator.startswith("<"):
        node(interval, "low", nullFlavor="NINF")
        node(interval, "high", **number, **closed)
    else:
        node(interval, "low", **number, **closed)
        node(interval, "high", nullFlavor="PINF")
