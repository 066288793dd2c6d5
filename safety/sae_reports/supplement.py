"""Facts of a case report that the event does not hold: the coded term, the loaded dictionary, the sponsor's judgement.

A part that is empty is named as missing by the rules of E2B(R3); nothing is invented in its place (ICS-06).
"""

from dataclasses import dataclass

from safety.icsr.case import Absent, CausalityOpinion, CodedTerm, Value
from safety.icsr.checking import LoadedDictionary

NOT_CODED = CodedTerm()


@dataclass(frozen=True, kw_only=True)
class CaseSupplement:
    """Parts of a case from outside the event. expedited: whether the authority must be told within 7 or 15 days.

    label: how the report to the authority is numbered; without it, as the report of the site.
    """

    dictionary: LoadedDictionary | None = None
    term: CodedTerm = NOT_CODED
    expedited: bool | None = None
    sponsor_opinions: tuple[CausalityOpinion, ...] = ()
    history: Value = ""
    conditions: tuple[CodedTerm, ...] = ()
    indications: tuple[CodedTerm, ...] = ()
    autopsy: bool | Absent | None = None
    causes: tuple[CodedTerm, ...] = ()
    autopsy_causes: tuple[CodedTerm, ...] = ()
    diagnoses: tuple[CodedTerm, ...] = ()
    sender_comment: str = ""
    sender: str = ""
    receiver: str = ""
    label: str = ""


NOTHING = CaseSupplement()
