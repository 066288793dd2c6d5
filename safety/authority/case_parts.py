"""The parts of a case that drug safety gave, as the case report takes them."""

from collections.abc import Sequence

from protocol.document.document import Protocol
from safety import choices
from safety.authority.stored import AuthorityCase, AuthorityReport, CaseTerm
from safety.classification import related
from safety.dictionaries.loading import INVENTED
from safety.dictionaries.models import Dictionary, EventCoding
from safety.icsr.case import Absent, CausalityOpinion, CodedTerm
from safety.icsr.checking import LoadedDictionary
from safety.models import AdverseEvent
from safety.sae_reports.supplement import CaseSupplement

MEDDRA = "MedDRA"
# The invented dictionary has a number that no release of MedDRA has: the format asks for one.
INVENTED_VERSION = "0.0"
EXPEDITED = {"yes": True, "no": False}
AUTOPSY: dict[str, bool | Absent] = {"yes": True, "no": False, "unknown": Absent.UNKNOWN}


def meddra_of(rules: Protocol) -> Dictionary | None:
    """Return the release of MedDRA that a protocol file names, or None if it names none or it is not loaded."""
    version = rules.safety.meddra
    if not version:
        return None
    return Dictionary.objects.filter(kind=Dictionary.Kind.MEDDRA, version=version).first()


def loaded(dictionary: Dictionary | None) -> LoadedDictionary | None:
    """Return a release as the rules of E2B(R3) know it; the invented one under its own name."""
    if dictionary is None:
        return None
    if dictionary.version == INVENTED:
        return LoadedDictionary(INVENTED, INVENTED_VERSION)
    return LoadedDictionary(MEDDRA, dictionary.version)


def supplement_of(event: AdverseEvent, sent: Sequence[AuthorityReport]) -> CaseSupplement:
    """Return the additions of drug safety to a case. Four queries. sent: its reports to the authority so far."""
    case = AuthorityCase.objects.filter(event=event).first() or AuthorityCase()
    rules = event.patient.trial.rules
    terms: dict[str, list[CodedTerm]] = {use: [] for use in CaseTerm.Use.values}
    for row in event.case_terms.filter(removed_reason="").select_related("dictionary"):
        terms[row.use].append(_coded(row))
    return CaseSupplement(
        dictionary=loaded(meddra_of(rules)),
        term=terms["event"][0] if terms["event"] else _coding_of(event),
        expedited=EXPEDITED.get(case.expedited),
        sponsor_opinions=_opinion(event, rules),
        history=case.history_text,
        conditions=tuple(terms["history"]),
        indications=tuple(terms["indication"]),
        autopsy=AUTOPSY.get(case.autopsy),
        causes=tuple(terms["cause_of_death"]),
        autopsy_causes=tuple(terms["autopsy_cause"]),
        diagnoses=tuple(terms["diagnosis"]),
        sender_comment=case.sender_comment,
        sender=case.sender,
        receiver=case.receiver,
        label=f"FU{len(sent)}" if sent else "initial",
    )


def _coding_of(event: AdverseEvent) -> CodedTerm:
    """Return the code that the listing of the coding gave to the event, if it is one of MedDRA."""
    found = EventCoding.objects.filter(event=event, dictionary__kind=Dictionary.Kind.MEDDRA)
    row = found.select_related("dictionary").first()
    return CodedTerm() if row is None else _coded(row)


def _coded(row: CaseTerm | EventCoding) -> CodedTerm:
    known = loaded(row.dictionary)
    return CodedTerm(code=row.code, version=known.version if known else "", text=row.name)


def _opinion(event: AdverseEvent, rules: Protocol) -> tuple[CausalityOpinion, ...]:
    if not event.sponsor_causality:
        return ()
    scale = dict(choices.causalities(rules))
    opinion = CausalityOpinion(
        source="Sponsor",
        method="Global introspection",
        result=str(scale.get(event.sponsor_causality, event.sponsor_causality))[:60],
        eu_method="1",
        eu_result="1" if related(event.sponsor_causality) else "2",
    )
    return (opinion,)
