"""Rules of the sections G and H: the drugs, their relation to the events, and the narrative."""

from safety.icsr import codes
from safety.icsr.case import CaseDrug, CaseNarrative, DoseGiven, DrugEventRelation, IndividualCase
from safety.icsr.checking import Findings, Flaw
from safety.icsr.event_rules import LANGUAGE_CODE


def check(case: IndividualCase, found: Findings) -> None:
    """Add what is missing or wrong in G and H."""
    if not any(drug.role in codes.SUSPECT_ROLES for drug in case.drugs):
        found.add("G.k.1" if case.drugs else "G.k", Flaw.MISSING)
    for here, drug in zip(found.each(case.drugs), case.drugs, strict=True):
        _drug(drug, here, events=len(case.events))
        if drug.role == "1" and case.identity.kind == codes.STUDY_REPORT:
            _every_event_judged(drug, here, events=len(case.events))
    _narrative(case.narrative, found)


def _drug(drug: CaseDrug, found: Findings, *, events: int) -> None:
    found.code("G.k.1", drug.role, needed=True)
    found.text("G.k.2.2", drug.name, needed=True)
    for here, substance in zip(found.each(drug.substances), drug.substances, strict=True):
        here.text("G.k.2.3.r.1", substance, needed=True)
    found.country("G.k.2.4", drug.country)
    found.text("G.k.3.1", drug.authorisation)
    found.country("G.k.3.2", drug.authorisation_country, needed=bool(drug.authorisation))
    found.text("G.k.3.3", drug.holder)
    for here, dose in zip(found.each(drug.doses), drug.doses, strict=True):
        _dose(dose, here)
    found.amount(("G.k.5a", "G.k.5b"), drug.cumulative)
    for here, term in zip(found.each(drug.indications), drug.indications, strict=True):
        here.text("G.k.7.r.1", term.text)
        here.term(("G.k.7.r.2a", "G.k.7.r.2b"), term, needed=True)
    found.code("G.k.8", drug.action)
    for here, relation in zip(found.each(drug.relations), drug.relations, strict=True):
        _relation(relation, here, events)
    for here, code in zip(found.each(drug.further_codes), drug.further_codes, strict=True):
        here.code("G.k.10.r", code, needed=True)
    found.text("G.k.11", drug.further_text)


def _dose(dose: DoseGiven, found: Findings) -> None:
    found.amount(("G.k.4.r.1a", "G.k.4.r.1b"), dose.dose)
    found.amount(("G.k.4.r.2", "G.k.4.r.3"), dose.interval, codes.INTERVAL_UNITS)
    found.time("G.k.4.r.4", dose.start)
    found.time("G.k.4.r.5", dose.end)
    found.order("G.k.4.r.5", dose.start, dose.end)
    found.amount(("G.k.4.r.6a", "G.k.4.r.6b"), dose.duration, codes.DURATION_UNITS)
    if dose.end and dose.duration.number:
        found.add("G.k.4.r.6a", Flaw.BOTH_GIVEN)
    # A Single European Code has 40 characters: it does not fit and must not be cut off.
    found.text("G.k.4.r.7", dose.lot)
    found.text("G.k.4.r.8", dose.text)
    found.text("G.k.4.r.9.1", dose.form)
    found.text("G.k.4.r.10.1", dose.route)
    found.text("G.k.4.r.10.2a", dose.route_version, needed=bool(dose.route_code))
    found.text("G.k.4.r.10.2b", dose.route_code, needed=bool(dose.route_version))


def _relation(relation: DrugEventRelation, found: Findings, events: int) -> None:
    if not 0 <= relation.event < events:
        found.add("G.k.9.i.1", Flaw.WRONG_CODE)
    for here, opinion in zip(found.each(relation.opinions), relation.opinions, strict=True):
        here.text("G.k.9.i.2.r.1", opinion.source, needed=not opinion.eu_source)
        here.text("G.k.9.i.2.r.2", opinion.method, needed=not opinion.eu_method)
        here.text("G.k.9.i.2.r.3", opinion.result, needed=not opinion.eu_result)
        here.code("G.k.9.i.2.r.3.EU.1", opinion.eu_result)
    found.amount(("G.k.9.i.3.1a", "G.k.9.i.3.1b"), relation.since_first, codes.DURATION_UNITS)
    found.amount(("G.k.9.i.3.2a", "G.k.9.i.3.2b"), relation.since_last, codes.DURATION_UNITS)
    found.code("G.k.9.i.4", relation.recurred)


def _every_event_judged(drug: CaseDrug, found: Findings, *, events: int) -> None:
    """A suspected drug of a study needs a causality assessment for each event (CTR Annex III §2.3(10)(g))."""
    judged = {relation.event for relation in drug.relations if relation.opinions}
    if set(range(events)) - judged:
        found.add("G.k.9.i.2.r.3", Flaw.MISSING)


def _narrative(narrative: CaseNarrative, found: Findings) -> None:
    found.text("H.1", narrative.text, needed=True)
    found.text("H.2", narrative.reporter_comment)
    for here, term in zip(found.each(narrative.diagnoses), narrative.diagnoses, strict=True):
        here.term(("H.3.r.1a", "H.3.r.1b"), term, needed=True)
    found.text("H.4", narrative.sender_comment)
    found.text("H.5.r.1a", narrative.native_text, needed=bool(narrative.native_language))
    found.form("H.5.r.1b", narrative.native_language, LANGUAGE_CODE, needed=bool(narrative.native_text))
