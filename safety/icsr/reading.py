"""Read our own message back into a case (ICS-03). Elements that we do not write are not read."""

from lxml import etree

from safety.icsr import codes
from safety.icsr.answers import NotReadable
from safety.icsr.case import (
    CaseIdentity,
    CaseNarrative,
    CaseSender,
    IndividualCase,
    OtherCaseId,
    PrimarySource,
    Transmission,
)
from safety.icsr.nodes import Node, all_of, answer_at, attribute_at, one, term_of, text_at, truth_of
from safety.icsr.reading_drugs import drugs_of
from safety.icsr.reading_patient import events_of, patient_of, study_of, tests_of


def parsed(content: bytes, tag: str) -> Node:
    """Return the root of an XML file. Raises NotReadable; nothing outside the file is ever fetched or expanded."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise NotReadable(str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None or etree.QName(root).localname != tag:
        raise NotReadable(etree.QName(root).localname)
    return root


def case_of(content: bytes) -> IndividualCase:
    """Return the case of a message with one report. Raises NotReadable for another file."""
    root = parsed(content, "MCCI_IN200100UV01")
    message = one(root, "h:PORR_IN049016UV")
    report = None if message is None else one(message, "h:controlActProcess/h:subject/h:investigationEvent")
    if message is None or report is None:
        raise NotReadable("PORR_IN049016UV")
    assessment = one(report, "h:component/h:adverseEventAssessment")
    role = None if assessment is None else one(assessment, "h:subject1/h:primaryRole")
    if assessment is None or role is None:
        raise NotReadable("adverseEventAssessment")
    return IndividualCase(
        transmission=_transmission(root, message),
        identity=_identity(message, report),
        sources=tuple(_source(each) for each in all_of(report, _REPORTS.format("2"))),
        sender=_sender(report),
        study=study_of(role),
        patient=patient_of(role),
        events=events_of(role),
        tests=tests_of(role),
        drugs=drugs_of(role, assessment),
        narrative=_narrative(report, assessment),
    )


_REPORTS = (
    f"h:outboundRelationship[h:relatedInvestigation/h:code[@code='{{}}'][@codeSystem='{codes.LIST}.22']]"
)
_AUTHOR = "h:relatedInvestigation/h:subjectOf2/h:controlActEvent/h:author/h:assignedEntity"
_ORGANISATION = "h:representedOrganization"


def _device(parent: Node, tag: str) -> str:
    return attribute_at(parent, f"h:{tag}/h:device/h:id", "extension")


def _transmission(root: Node, message: Node) -> Transmission:
    return Transmission(
        batch_number=attribute_at(root, "h:id", "extension"),
        batch_sender=_device(root, "sender"),
        batch_receiver=_device(root, "receiver"),
        sent=attribute_at(root, "h:creationTime", "value"),
        message_sender=_device(message, "sender"),
        message_receiver=_device(message, "receiver"),
    )


def _flag(report: Node, number: str) -> Node | None:
    return one(
        report, f"h:component/h:observationEvent[h:code[@code='{number}'][@codeSystem='{codes.OBSERVATION}']]"
    )


def _characteristic(report: Node, number: str) -> Node | None:
    path = f"h:subjectOf2/h:investigationCharacteristic[h:code[@code='{number}'][@codeSystem='{codes.CHARACTERISTIC}']]"
    return one(report, f"{path}/h:value")


def _identity(message: Node, report: Node) -> CaseIdentity:
    expedited = truth_of(_flag(report, "23"))
    kind, change, reason = (_characteristic(report, number) for number in ("1", "3", "4"))
    first = one(report, f"{_REPORTS.format('1')}/{_AUTHOR}/h:code")
    linked = all_of(report, "h:outboundRelationship/h:relatedInvestigation[h:code/@nullFlavor]")
    others = all_of(report, f"h:subjectOf1/h:controlActEvent/h:id[@root='{codes.ID}.3']")
    return CaseIdentity(
        number=attribute_at(report, f"h:id[@root='{codes.ID}.1']", "extension"),
        created=attribute_at(message, "h:creationTime", "value"),
        kind="" if kind is None else kind.get("code", ""),
        first_received=attribute_at(report, "h:effectiveTime/h:low", "value"),
        latest_information=attribute_at(report, "h:availabilityTime", "value"),
        documents=tuple(each.text or "" for each in all_of(report, "h:reference/h:document/h:title")),
        expedited=expedited if isinstance(expedited, bool) else None,
        worldwide_number=attribute_at(report, f"h:id[@root='{codes.ID}.2']", "extension"),
        first_sender="" if first is None else first.get("code", ""),
        other_numbers=tuple(
            OtherCaseId(source=each.get("assigningAuthorityName", ""), number=each.get("extension", ""))
            for each in others
        ),
        linked_reports=tuple(
            attribute_at(each, "h:subjectOf2/h:controlActEvent/h:id", "extension") for each in linked
        ),
        change="" if change is None else change.get("code", ""),
        change_reason="" if reason is None else text_at(reason, "h:originalText"),
    )


def _source(relation: Node) -> PrimarySource:
    author = one(relation, _AUTHOR)
    if author is None:
        raise NotReadable("sourceReport")
    person = "h:assignedPerson"
    return PrimarySource(
        title=answer_at(author, f"{person}/h:name/h:prefix"),
        given_name=answer_at(author, f"{person}/h:name/h:given"),
        family_name=answer_at(author, f"{person}/h:name/h:family"),
        organisation=answer_at(author, f"{_ORGANISATION}/h:assignedEntity/{_ORGANISATION}/h:name"),
        department=answer_at(author, f"{_ORGANISATION}/h:name"),
        country=answer_at(author, f"{person}/h:asLocatedEntity/h:location/h:code", "code"),
        qualification=answer_at(author, f"{person}/h:asQualifiedEntity/h:code", "code"),
        primary=one(relation, "h:priorityNumber[@value='1']") is not None,
    )


def _sender(report: Node) -> CaseSender:
    author = one(report, "h:subjectOf1/h:controlActEvent/h:author/h:assignedEntity")
    if author is None:
        raise NotReadable("subjectOf1")
    numbers = dict(each.get("value", "").partition(":")[::2] for each in all_of(author, "h:telecom"))
    person = "h:assignedPerson"
    return CaseSender(
        kind=attribute_at(author, "h:code", "code"),
        organisation=text_at(author, f"{_ORGANISATION}/h:assignedEntity/{_ORGANISATION}/h:name"),
        department=text_at(author, f"{_ORGANISATION}/h:name"),
        given_name=text_at(author, f"{person}/h:name/h:given"),
        family_name=text_at(author, f"{person}/h:name/h:family"),
        street=text_at(author, "h:addr/h:streetAddressLine"),
        city=text_at(author, "h:addr/h:city"),
        postcode=text_at(author, "h:addr/h:postalCode"),
        country=attribute_at(author, f"{person}/h:asLocatedEntity/h:location/h:code", "code"),
        telephone=numbers.get("tel", ""),
        email=numbers.get("mailto", ""),
    )


def _narrative(report: Node, assessment: Node) -> CaseNarrative:
    def comments(number: str, author: str) -> list[Node]:
        own = f"[h:code/@code='{number}'][h:author/h:assignedEntity/h:code/@code='{author}']"
        return all_of(assessment, f"h:component1/h:observationEvent{own}/h:value")

    from_reporter, from_sender = (
        next((each.text or "" for each in comments("10", author)), "") for author in ("3", "1")
    )
    native = _flag(report, "36")
    return CaseNarrative(
        text=text_at(report, "h:text"),
        reporter_comment=from_reporter,
        diagnoses=tuple(term_of(each) for each in comments("15", "1")),
        sender_comment=from_sender,
        native_text="" if native is None else text_at(native, "h:value"),
        native_language="" if native is None else attribute_at(native, "h:value", "language"),
    )
