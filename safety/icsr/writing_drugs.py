"""Write the drugs of a case, their relation to the events, and the comments (sections G and H)."""

from uuid import NAMESPACE_OID, uuid5

from safety.icsr import codes
from safety.icsr.case import (
    CaseDrug,
    CausalityOpinion,
    DoseGiven,
    DrugEventRelation,
    IndividualCase,
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

ROLE, CAUSALITY = "20", "39"


def drug_id(case: IndividualCase, number: int) -> str:
    """Return the identifier of a drug inside the message: the same for the same case and place."""
    return str(uuid5(NAMESPACE_OID, f"{case.identity.number}/drug/{number}"))


def event_id(case: IndividualCase, number: int) -> str:
    """Return the identifier of an event inside the message."""
    return str(uuid5(NAMESPACE_OID, f"{case.identity.number}/event/{number}"))


def write_drugs(held: Node, case: IndividualCase) -> None:
    """Append each drug with its doses, indications and action taken."""
    for number, drug in enumerate(case.drugs):
        made = act(link(held, "component", "COMP"), "substanceAdministration", "SBADM")
        identifier(made, drug_id(case, number))
        _product(made, drug)
        for relation in drug.relations:
            _intervals(made, relation, event_id(case, relation.event))
        for dose in drug.doses:
            _dose(made, dose)
        _facts(made, drug)
        for relation in drug.relations:
            _recurrence(made, relation, event_id(case, relation.event))
        for indication in drug.indications:
            reason = observation(made, "inboundRelationship", "19", "indication", kind="RSON")
            term(reason, indication)
            performer = node(link(reason, "performer", "PRF"), "assignedEntity", classCode="ASSIGNED")
            code(performer, "3", codes.AUTHOR, "sourceReporter")
        if drug.action:
            taken = act(link(made, "inboundRelationship", "CAUS"), "act", "ACT")
            code(taken, drug.action, f"{codes.LIST}.15")


def _product(made: Node, drug: CaseDrug) -> None:
    held = node(link(made, "consumable", "CSM"), "instanceOfKind", classCode="INST")
    product = entity(held, "kindOfProduct", "MMAT", "KIND")
    node(product, "name", drug.name)
    if drug.authorisation or drug.holder or drug.authorisation_country:
        _authorisation(product, drug)
    for name in drug.substances:
        ingredient = node(product, "ingredient", classCode="ACTI")
        node(entity(ingredient, "ingredientSubstance", "MMAT", "KIND"), "name", name)
    if drug.country:
        supply = act(link(held, "subjectOf", "SBJ"), "productEvent", "ACT")
        code(supply, "1", f"{codes.LIST}.18", "retailSupply")
        performer = node(link(supply, "performer", "PRF"), "assignedEntity", classCode="ASSIGNED")
        node(node(entity(performer, "representedOrganization", "ORG"), "addr"), "country", drug.country)


def _authorisation(product: Node, drug: CaseDrug) -> None:
    made = node(product, "asManufacturedProduct", classCode="MANU")
    approval = act(link(made, "subjectOf", "SBJ"), "approval", "CNTRCT")
    if drug.authorisation:
        identifier(approval, f"{codes.ID}.4", drug.authorisation)
    if drug.holder:
        role = node(link(approval, "holder", "HLD"), "role", classCode="HLD")
        node(entity(role, "playingOrganization", "ORG"), "name", drug.holder)
    if drug.authorisation_country:
        authority = node(link(approval, "author", "AUT"), "territorialAuthority", classCode="TERR")
        code(entity(authority, "territory", "NAT"), drug.authorisation_country, codes.COUNTRY)


def _intervals(made: Node, relation: DrugEventRelation, own_id: str) -> None:
    """Append the time from the first and from the last dose to an event."""
    for kind, amount in (("SAS", relation.since_first), ("SAE", relation.since_last)):
        if amount.number:
            held = link(made, "outboundRelationship1", kind)
            node(held, "pauseQuantity", value=amount.number, unit=amount.unit)
            identifier(act(held, "actReference", "ACT"), own_id)


def _dose(made: Node, dose: DoseGiven) -> None:
    given_dose = act(link(made, "outboundRelationship2", "COMP"), "substanceAdministration", "SBADM")
    given(given_dose, "text", dose.text)
    _times(given_dose, dose)
    if dose.route or dose.route_code:
        coded = {
            "code": dose.route_code,
            "codeSystem": codes.EDQM_ROUTE,
            "codeSystemVersion": dose.route_version,
        }
        route = node(given_dose, "routeCode", **(coded if dose.route_code else {}))
        given(route, "originalText", dose.route)
    if dose.dose.number:
        node(given_dose, "doseQuantity", value=dose.dose.number, unit=dose.dose.unit)
    if dose.lot or dose.form:
        held = node(link(given_dose, "consumable", "CSM"), "instanceOfKind", classCode="INST")
        if dose.lot:
            node(entity(held, "productInstanceInstance", "MMAT"), "lotNumberText", dose.lot)
        if dose.form:
            form = node(entity(held, "kindOfProduct", "MMAT", "KIND"), "formCode")
            node(form, "originalText", dose.form)


def _times(made: Node, dose: DoseGiven) -> None:
    """Append when the drug was given; with a repeated interval the two stand together in an expression."""
    if not (dose.interval.number or dose.start or dose.end or dose.duration.number):
        return
    period = outer = node(made, "effectiveTime")
    if dose.interval.number:
        known = bool(dose.start or dose.end or dose.duration.number)
        # An expression has at least two parts: a repeated interval alone stands by itself.
        repeated = node(outer, "comp") if known else outer
        repeated.set(XSI_TYPE, "PIVL_TS")
        node(repeated, "period", value=dose.interval.number, unit=dose.interval.unit)
        if not known:
            return
        outer.set(XSI_TYPE, "SXPR_TS")
        period = node(outer, "comp", operator="A")
    period.set(XSI_TYPE, "IVL_TS")
    given_value(period, "low", dose.start)
    given_value(period, "high", dose.end)
    if dose.duration.number:
        node(period, "width", value=dose.duration.number, unit=dose.duration.unit)


def _facts(made: Node, drug: CaseDrug) -> None:
    def fact(number: str, name: str, kind: str) -> Node:
        return observation(made, "outboundRelationship2", number, name, kind=kind)

    if drug.cumulative.number:
        quantity(fact("14", "cumulativeDoseToReaction", "SUMM"), drug.cumulative)
    if drug.blinded:
        truth(fact("6", "blinded", "PERT"), True)
    for further in drug.further_codes:
        value(fact("9", "codedDrugInformation", "REFR"), "CE", code=further, codeSystem=f"{codes.LIST}.17")
    if drug.further_text:
        value(fact("2", "additionalInformation", "REFR"), "ST", drug.further_text)


def _recurrence(made: Node, relation: DrugEventRelation, own_id: str) -> None:
    if not relation.recurred:
        return
    again = observation(made, "outboundRelationship2", "31", "recurranceOfReaction", kind="PERT")
    value(again, "CE", code=relation.recurred, codeSystem=f"{codes.LIST}.16")
    identifier(act(link(again, "outboundRelationship1", "REFR"), "actReference", "ACT"), own_id)


def write_assessments(assessment: Node, case: IndividualCase) -> None:
    """Append the role of each drug, the opinions on causality, and the comments."""
    for number, drug in enumerate(case.drugs):
        made = act(link(assessment, "component", "COMP"), "causalityAssessment", "OBS")
        code(made, ROLE, codes.OBSERVATION, "interventionCharacterization")
        value(made, "CE", code=drug.role, codeSystem=f"{codes.LIST}.13")
        _reference(made, "subject2", "productUseReference", "SBADM", drug_id(case, number))
    for number, drug in enumerate(case.drugs):
        for relation in drug.relations:
            ids = event_id(case, relation.event), drug_id(case, number)
            for opinion in relation.opinions:
                _opinion(assessment, opinion, ids)
    _comments(assessment, case)


def _reference(made: Node, relation: str, tag: str, kind: str, own_id: str) -> None:
    identifier(act(link(made, relation, "SUBJ"), tag, kind), own_id)


def _opinion(assessment: Node, opinion: CausalityOpinion, ids: tuple[str, str]) -> None:
    made = act(link(assessment, "component", "COMP"), "causalityAssessment", "OBS")
    code(made, CAUSALITY, codes.OBSERVATION, "causality")
    if opinion.eu_result:
        result = value(made, "CE", code=opinion.eu_result, codeSystem=codes.EU_RESULT)
        given(result, "originalText", opinion.result)
    elif opinion.result:
        value(made, "ST", opinion.result)
    if opinion.method or opinion.eu_method:
        _named(made, "methodCode", opinion.eu_method, codes.EU_METHOD, opinion.method)
    if opinion.source or opinion.eu_source:
        author = node(link(made, "author", "AUT"), "assignedEntity", classCode="ASSIGNED")
        _named(author, "code", opinion.eu_source, codes.EU_SOURCE, opinion.source)
    event, drug = ids
    _reference(made, "subject1", "adverseEffectReference", "OBS", event)
    _reference(made, "subject2", "productUseReference", "SBADM", drug)


def _named(parent: Node, tag: str, number: str, system: str, words: str) -> None:
    made = node(parent, tag, **({"code": number, "codeSystem": system} if number else {}))
    given(made, "originalText", words)


def _comments(assessment: Node, case: IndividualCase) -> None:
    def comment(number: str, name: str) -> Node:
        made = act(link(assessment, "component1", "COMP"), "observationEvent", "OBS")
        code(made, number, codes.OBSERVATION, name)
        return made

    narrative = case.narrative
    if narrative.reporter_comment:
        made = comment("10", "comment")
        value(made, "ED", narrative.reporter_comment)
        _written_by(made, "3", "sourceReporter")
    for diagnosis in narrative.diagnoses:
        made = comment("15", "diagnosis")
        term(made, diagnosis)
        _written_by(made, "1", "sender")
    if narrative.sender_comment:
        made = comment("10", "comment")
        value(made, "ED", narrative.sender_comment)
        _written_by(made, "1", "sender")


def _written_by(made: Node, number: str, name: str) -> None:
    author = node(link(made, "author", "AUT"), "assignedEntity", classCode="ASSIGNED")
    code(author, number, codes.AUTHOR, name)
