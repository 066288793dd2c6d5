"""Read the drugs of our own message and their relation to the events."""

from safety.icsr import codes
from safety.icsr.case import CaseDrug, CausalityOpinion, DoseGiven, DrugEventRelation
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
from safety.icsr.reading_patient import OUTBOUND, category

_PRODUCT = "h:consumable/h:instanceOfKind"
_APPROVAL = f"{_PRODUCT}/h:kindOfProduct/h:asManufacturedProduct/h:subjectOf/h:approval"


def drugs_of(role: Node, assessment: Node) -> tuple[CaseDrug, ...]:
    """Return the drugs in their order."""
    held = category(role, "4")
    if held is None:
        return ()
    events = [attribute_at(each, "h:id", "root") for each in observations(role, "subjectOf2", "29")]
    judged = all_of(assessment, "h:component/h:causalityAssessment")
    found = all_of(held, "h:component/h:substanceAdministration")
    return tuple(_drug(each, _about(judged, attribute_at(each, "h:id", "root")), events) for each in found)


def _about(judged: list[Node], drug: str) -> list[Node]:
    return [
        each for each in judged if attribute_at(each, "h:subject2/h:productUseReference/h:id", "root") == drug
    ]


def _drug(found: Node, judged: list[Node], events: list[str]) -> CaseDrug:
    role = next((each for each in judged if attribute_at(each, "h:code", "code") == "20"), None)
    product = f"{_PRODUCT}/h:kindOfProduct"
    supply = f"{_PRODUCT}/h:subjectOf/h:productEvent/h:performer/h:assignedEntity/h:representedOrganization"
    further = observed(found, OUTBOUND, "2")
    return CaseDrug(
        role="" if role is None else attribute_at(role, "h:value", "code"),
        name=text_at(found, f"{product}/h:name"),
        substances=tuple(
            each.text or "" for each in all_of(found, f"{product}/h:ingredient/h:ingredientSubstance/h:name")
        ),
        country=text_at(found, f"{supply}/h:addr/h:country"),
        blinded=truth_of(observed(found, OUTBOUND, "6")) is True,
        authorisation=attribute_at(found, f"{_APPROVAL}/h:id", "extension"),
        authorisation_country=attribute_at(
            found, f"{_APPROVAL}/h:author/h:territorialAuthority/h:territory/h:code", "code"
        ),
        holder=text_at(found, f"{_APPROVAL}/h:holder/h:role/h:playingOrganization/h:name"),
        doses=tuple(
            _dose(each) for each in all_of(found, "h:outboundRelationship2/h:substanceAdministration")
        ),
        cumulative=amount_at(observed(found, OUTBOUND, "14"), "h:value"),
        indications=tuple(
            term_of(one(each, "h:value")) for each in observations(found, "inboundRelationship", "19")
        ),
        action=attribute_at(
            found, f"h:inboundRelationship/h:act/h:code[@codeSystem='{codes.LIST}.15']", "code"
        ),
        relations=_relations(found, judged, events),
        further_codes=tuple(
            attribute_at(each, "h:value", "code") for each in observations(found, OUTBOUND, "9")
        ),
        further_text="" if further is None else text_at(further, "h:value"),
    )


def _dose(found: Node) -> DoseGiven:
    # With a repeated interval the period stands below the expression.
    period = (
        "h:effectiveTime/h:comp" if one(found, "h:effectiveTime/h:comp") is not None else "h:effectiveTime"
    )
    return DoseGiven(
        dose=amount_at(found, "h:doseQuantity"),
        interval=amount_at(found, f"{period}/h:period"),
        start=answer_at(found, f"{period}/h:low", "value"),
        end=answer_at(found, f"{period}/h:high", "value"),
        duration=amount_at(found, f"{period}/h:width"),
        lot=text_at(found, f"{_PRODUCT}/h:productInstanceInstance/h:lotNumberText"),
        text=text_at(found, "h:text"),
        form=text_at(found, f"{_PRODUCT}/h:kindOfProduct/h:formCode/h:originalText"),
        route=text_at(found, "h:routeCode/h:originalText"),
        route_code=attribute_at(found, "h:routeCode", "code"),
        route_version=attribute_at(found, "h:routeCode", "codeSystemVersion"),
    )


def _relations(found: Node, judged: list[Node], events: list[str]) -> tuple[DrugEventRelation, ...]:
    return tuple(
        relation
        for number, event in enumerate(events)
        if (relation := _relation(found, judged, number, event)) != DrugEventRelation(event=number)
    )


def _relation(found: Node, judged: list[Node], number: int, event: str) -> DrugEventRelation:
    own = [
        each
        for each in judged
        if attribute_at(each, "h:subject1/h:adverseEffectReference/h:id", "root") == event
    ]
    after = f"h:outboundRelationship1[@typeCode='{{}}'][h:actReference/h:id/@root='{event}']/h:pauseQuantity"
    reference = f"h:outboundRelationship1/h:actReference/h:id[@root='{event}']"
    again = [each for each in observations(found, OUTBOUND, "31") if one(each, reference) is not None]
    return DrugEventRelation(
        event=number,
        opinions=tuple(_opinion(each) for each in own),
        since_first=amount_at(found, after.format("SAS")),
        since_last=amount_at(found, after.format("SAE")),
        recurred=attribute_at(again[0], "h:value", "code") if again else "",
    )


def _opinion(found: Node) -> CausalityOpinion:
    source = "h:author/h:assignedEntity/h:code"
    eu_result = attribute_at(found, "h:value", "code")
    return CausalityOpinion(
        source=text_at(found, f"{source}/h:originalText"),
        method=text_at(found, "h:methodCode/h:originalText"),
        result=text_at(found, "h:value/h:originalText") if eu_result else text_at(found, "h:value"),
        eu_source=attribute_at(found, source, "code"),
        eu_method=attribute_at(found, "h:methodCode", "code"),
        eu_result=eu_result,
    )
