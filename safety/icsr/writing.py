"""Write a case as `MCCI_IN200100UV01`, the message of E2B(R3). The same case gives the same bytes."""

from typing import Any

from lxml import etree

from safety.icsr import codes
from safety.icsr.case import CaseIdentity, CaseSender, IndividualCase, PrimarySource, Value
from safety.icsr.nodes import (
    HL7,
    XSI,
    Node,
    act,
    code,
    entity,
    given,
    identifier,
    link,
    node,
    truth,
    value,
)
from safety.icsr.writing_drugs import write_assessments
from safety.icsr.writing_patient import write_patient

INTERACTION = "2.16.840.1.113883.1.6"
# The default namespace has no prefix.
NAMESPACES: Any = {None: HL7, "xsi": XSI}


def xml_of(case: IndividualCase) -> bytes:
    """Return the message as UTF-8. The case has no findings (`conformance.findings`)."""
    root = etree.Element(f"{{{HL7}}}MCCI_IN200100UV01", nsmap=NAMESPACES, ITSVersion="XML_1.0")
    sent = case.transmission
    identifier(root, f"{codes.ID}.22", sent.batch_number)
    node(root, "creationTime", value=sent.sent)
    node(root, "responseModeCode", code="D")
    node(root, "interactionId", root=INTERACTION, extension="MCCI_IN200100UV01")
    code(root, "1", f"{codes.LIST}.1", "ichicsr", "name")
    _message(root, case)
    _device(root, "receiver", "RCV", f"{codes.ID}.14", sent.batch_receiver)
    _device(root, "sender", "SND", f"{codes.ID}.13", sent.batch_sender)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _device(parent: Node, tag: str, kind: str, root: str, name: str) -> None:
    identifier(entity(link(parent, tag, kind), "device", "DEV"), root, name)


def _message(root: Node, case: IndividualCase) -> None:
    message, sent = node(root, "PORR_IN049016UV"), case.transmission
    identifier(message, f"{codes.ID}.1", case.identity.number)
    node(message, "creationTime", value=case.identity.created)
    node(message, "interactionId", root=INTERACTION, extension="PORR_IN049016UV")
    node(message, "processingCode", code="P")
    node(message, "processingModeCode", code="T")
    node(message, "acceptAckCode", code="AL")
    _device(message, "receiver", "RCV", f"{codes.ID}.12", sent.message_receiver)
    _device(message, "sender", "SND", f"{codes.ID}.11", sent.message_sender)
    control = act(message, "controlActProcess", "CACT")
    code(control, "PORR_TE049016UV", "2.16.840.1.113883.1.18")
    node(control, "effectiveTime", value=case.identity.created)
    _investigation(link(control, "subject", "SUBJ"), case)


def _investigation(parent: Node, case: IndividualCase) -> None:
    identity, narrative = case.identity, case.narrative
    report = act(parent, "investigationEvent", "INVSTG")
    identifier(report, f"{codes.ID}.1", identity.number)
    identifier(report, f"{codes.ID}.2", identity.worldwide_number)
    code(report, "PAT_ADV_EVNT", "2.16.840.1.113883.5.4")
    node(report, "text", narrative.text)
    node(report, "statusCode", code="active")
    node(node(report, "effectiveTime"), "low", value=identity.first_received)
    node(report, "availabilityTime", value=identity.latest_information)
    _documents(report, identity)
    assessment = act(link(report, "component", "COMP"), "adverseEventAssessment", "INVSTG")
    write_patient(assessment, case)
    write_assessments(assessment, case)
    _flag(report, "1", "additionalDocumentsAvailable", bool(identity.documents))
    _flag(report, "23", "localCriteriaForExpedited", identity.expedited)
    _native_summary(report, case)
    _relations(report, case)
    _sender(report, case.sender)
    _other_numbers(report, identity)
    _characteristics(report, identity)


def _documents(report: Node, identity: CaseIdentity) -> None:
    for title in identity.documents:
        document = act(link(report, "reference", "REFR"), "document", "DOC")
        code(document, "1", f"{codes.LIST}.27", "documentsHeldBySender")
        node(document, "title", title)


def _flag(report: Node, number: str, name: str, answer: bool | None) -> None:
    made = act(link(report, "component", "COMP"), "observationEvent", "OBS")
    code(made, number, codes.OBSERVATION, name)
    truth(made, answer)


def _native_summary(report: Node, case: IndividualCase) -> None:
    if not case.narrative.native_text:
        return
    made = act(link(report, "component", "COMP"), "observationEvent", "OBS")
    code(made, "36", codes.OBSERVATION, "summaryAndComment")
    value(made, "ED", case.narrative.native_text, language=case.narrative.native_language)
    author = node(link(made, "author", "AUT"), "assignedEntity", classCode="ASSIGNED")
    code(author, "2", codes.AUTHOR, "reporter")


def _relations(report: Node, case: IndividualCase) -> None:
    author = _related(report, "1", "initialReport")
    code(author, case.identity.first_sender, f"{codes.LIST}.3")
    for number in case.identity.linked_reports:
        relation = link(report, "outboundRelationship", "SPRT")
        linked = act(relation, "relatedInvestigation", "INVSTG")
        node(linked, "code", nullFlavor="NA")
        event = act(link(linked, "subjectOf2", "SUBJ"), "controlActEvent", "CACT")
        identifier(event, f"{codes.ID}.2", number)
    for source in case.sources:
        _source(report, source)


def _related(report: Node, number: str, name: str, priority: str = "") -> Node:
    """Append a report that this one rests on, and return its author."""
    relation = link(report, "outboundRelationship", "SPRT")
    if priority:
        node(relation, "priorityNumber", value=priority)
    related = act(relation, "relatedInvestigation", "INVSTG")
    code(related, number, f"{codes.LIST}.22", name)
    return _author(link(related, "subjectOf2", "SUBJ"))


def _author(parent: Node) -> Node:
    event = act(parent, "controlActEvent", "CACT")
    return node(link(event, "author", "AUT"), "assignedEntity", classCode="ASSIGNED")


def _source(report: Node, source: PrimarySource) -> None:
    author = _related(report, "2", "sourceReport", "1" if source.primary else "")
    person = entity(author, "assignedPerson", "PSN")
    if any((source.title, source.given_name, source.family_name)):
        name = node(person, "name")
        given(name, "prefix", source.title)
        given(name, "given", source.given_name)
        given(name, "family", source.family_name)
    qualified = node(person, "asQualifiedEntity", classCode="QUAL")
    if isinstance(source.qualification, str):
        code(qualified, source.qualification, f"{codes.LIST}.6")
    else:
        node(qualified, "code", nullFlavor=source.qualification.value)
    if source.country:
        _located(person, source.country)
    _organisation(author, source.organisation, source.department)


def _located(person: Node, country: Value) -> None:
    place = entity(node(person, "asLocatedEntity", classCode="LOCE"), "location", "COUNTRY")
    if isinstance(country, str):
        code(place, country, codes.COUNTRY)
    else:
        node(place, "code", nullFlavor=country.value)


def _organisation(author: Node, organisation: Value, department: Value) -> None:
    if not (organisation or department):
        return
    outer = entity(author, "representedOrganization", "ORG")
    given(outer, "name", department)
    if organisation:
        held = node(outer, "assignedEntity", classCode="ASSIGNED")
        given(entity(held, "representedOrganization", "ORG"), "name", organisation)


def _sender(report: Node, sender: CaseSender) -> None:
    author = _author(link(report, "subjectOf1", "SUBJ"))
    code(author, sender.kind, f"{codes.LIST}.7")
    address = {
        "streetAddressLine": sender.street,
        "city": sender.city,
        "postalCode": sender.postcode,
    }
    if any(address.values()):
        held = node(author, "addr")
        for tag, text in address.items():
            given(held, tag, text)
    for scheme, number in (("tel", sender.telephone), ("mailto", sender.email)):
        if number:
            node(author, "telecom", value=f"{scheme}:{number}")
    if any((sender.given_name, sender.family_name, sender.country)):
        person = entity(author, "assignedPerson", "PSN")
        if sender.given_name or sender.family_name:
            name = node(person, "name")
            given(name, "given", sender.given_name)
            given(name, "family", sender.family_name)
        if sender.country:
            _located(person, sender.country)
    _organisation(author, sender.organisation, sender.department)


def _other_numbers(report: Node, identity: CaseIdentity) -> None:
    for other in identity.other_numbers:
        event = act(link(report, "subjectOf1", "SUBJ"), "controlActEvent", "CACT")
        identifier(event, f"{codes.ID}.3", other.number, assigningAuthorityName=other.source)


def _characteristics(report: Node, identity: CaseIdentity) -> None:
    def characteristic(number: str, name: str) -> Node:
        made = act(link(report, "subjectOf2", "SUBJ"), "investigationCharacteristic", "OBS")
        code(made, number, codes.CHARACTERISTIC, name)
        return made

    value(characteristic("1", "ichReportType"), "CE", code=identity.kind, codeSystem=f"{codes.LIST}.2")
    truth(characteristic("2", "otherCaseIds"), True if identity.other_numbers else None)
    if identity.change:
        made = characteristic("3", "nullificationAmendmentCode")
        value(made, "CE", code=identity.change, codeSystem=f"{codes.LIST}.5")
        reason = value(characteristic("4", "nullificationAmendmentReason"), "CE")
        node(reason, "originalText", identity.change_reason)
