"""A case as E2B(R3) has it: frozen values, named by what they mean, with the element id beside each.

Codes are the codes of ICH; times are the texts that `times` writes (`20261025014000+0200`); an empty text is no answer.
A value that is known to be absent, masked or not asked is an `Absent`.
"""

from dataclasses import dataclass
from enum import Enum


class Absent(Enum):
    """Why a value is not given (null flavours of HL7)."""

    NO_INFORMATION = "NI"
    MASKED = "MSK"
    UNKNOWN = "UNK"
    NOT_APPLICABLE = "NA"
    ASKED_UNKNOWN = "ASKU"
    NOT_ASKED = "NASK"


Value = str | Absent


@dataclass(frozen=True, kw_only=True)
class CodedTerm:
    """A term of MedDRA: LLT code, version of the dictionary, and the words."""

    code: str = ""
    version: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A number as typed and its UCUM unit."""

    number: str = ""
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Transmission:
    """N.1 and N.2: who sends the message to whom. The message number is the case's own (C.1.1)."""

    batch_number: str = ""  # N.1.2
    batch_sender: str = ""  # N.1.3
    batch_receiver: str = ""  # N.1.4
    sent: str = ""  # N.1.5
    message_sender: str = ""  # N.2.r.2
    message_receiver: str = ""  # N.2.r.3


@dataclass(frozen=True, kw_only=True)
class OtherCaseId:
    """C.1.9.1.r: the case's number at another sender."""

    source: str
    number: str


@dataclass(frozen=True, kw_only=True)
class CaseIdentity:
    """C.1: numbers and dates of the report, and whether it amends or nullifies an earlier one."""

    number: str = ""  # C.1.1
    created: str = ""  # C.1.2
    kind: str = ""  # C.1.3
    first_received: str = ""  # C.1.4
    latest_information: str = ""  # C.1.5
    documents: tuple[str, ...] = ()  # C.1.6.1.r.1; C.1.6.1 is whether there are any
    expedited: bool | None = None  # C.1.7
    worldwide_number: str = ""  # C.1.8.1
    first_sender: str = ""  # C.1.8.2
    other_numbers: tuple[OtherCaseId, ...] = ()  # C.1.9.1.r; C.1.9.1 is whether there are any
    linked_reports: tuple[str, ...] = ()  # C.1.10.r
    change: str = ""  # C.1.11.1
    change_reason: str = ""  # C.1.11.2


@dataclass(frozen=True, kw_only=True)
class PrimarySource:
    """C.2.r: a person who reported the event."""

    title: Value = ""
    given_name: Value = ""
    family_name: Value = ""
    organisation: Value = ""
    department: Value = ""
    country: Value = ""  # C.2.r.3
    qualification: Value = ""  # C.2.r.4
    primary: bool = False  # C.2.r.5


@dataclass(frozen=True, kw_only=True)
class CaseSender:
    """C.3: who sends the report."""

    kind: str = ""  # C.3.1
    organisation: str = ""  # C.3.2
    department: str = ""  # C.3.3.1
    given_name: str = ""  # C.3.3.3
    family_name: str = ""  # C.3.3.5
    street: str = ""  # C.3.4.1
    city: str = ""  # C.3.4.2
    postcode: str = ""  # C.3.4.4
    country: str = ""  # C.3.4.5
    telephone: str = ""  # C.3.4.6
    email: str = ""  # C.3.4.8


@dataclass(frozen=True, kw_only=True)
class StudyRegistration:
    """C.5.1.r: a number of the study in a register of a country."""

    number: str
    country: str = ""


@dataclass(frozen=True, kw_only=True)
class CaseStudy:
    """C.5: the study in which the event happened."""

    registrations: tuple[StudyRegistration, ...] = ()
    name: str = ""  # C.5.2
    sponsor_number: str = ""  # C.5.3
    kind: str = ""  # C.5.4


@dataclass(frozen=True, kw_only=True)
class PastCondition:
    """D.7.1.r: a disease or operation before the event."""

    term: CodedTerm
    start: Value = ""
    end: Value = ""
    continuing: bool | None = None
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class DeathOfCase:
    """D.9: date of death, its causes, and the autopsy."""

    died: Value = ""  # D.9.1
    causes: tuple[CodedTerm, ...] = ()  # D.9.2.r
    autopsy: bool | Absent | None = None  # D.9.3
    autopsy_causes: tuple[CodedTerm, ...] = ()  # D.9.4.r


@dataclass(frozen=True, kw_only=True)
class CasePatient:
    """D: the patient, known by a code only."""

    initials: Value = ""  # D.1
    investigation_number: str = ""  # D.1.1.4
    born: Value = ""  # D.2.1
    age: Amount = Amount()  # D.2.2
    weight_kg: str = ""  # D.3
    height_cm: str = ""  # D.4
    sex: Value = ""  # D.5
    conditions: tuple[PastCondition, ...] = ()  # D.7.1.r
    history: Value = ""  # D.7.2
    concomitant_therapies: bool = False  # D.7.3
    death: DeathOfCase | None = None  # D.9


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """E.i: one event. `seriousness` holds the letters a to f of E.i.3.2; those left out are "no information"."""

    native_text: str = ""  # E.i.1.1a
    native_language: str = ""  # E.i.1.1b
    translation: str = ""  # E.i.1.2
    term: CodedTerm = CodedTerm()  # E.i.2.1; its text is not sent, the words are E.i.1
    highlighted: str = ""  # E.i.3.1
    seriousness: frozenset[str] = frozenset()  # E.i.3.2a-f
    start: Value = ""  # E.i.4
    end: Value = ""  # E.i.5
    duration: Amount = Amount()  # E.i.6
    outcome: str = ""  # E.i.7
    confirmed: bool | None = None  # E.i.8
    country: str = ""  # E.i.9


@dataclass(frozen=True, kw_only=True)
class CaseTest:
    """F.r: a test or procedure and its result."""

    day: Value = ""  # F.r.1
    name: str = ""  # F.r.2.1
    term: CodedTerm = CodedTerm()  # F.r.2.2; its text is F.r.2.1
    result_code: str = ""  # F.r.3.1
    comparator: str = ""  # "", <, <=, >, >= before the number
    result: Amount = Amount()  # F.r.3.2, F.r.3.3
    result_text: str = ""  # F.r.3.4
    low: str = ""  # F.r.4
    high: str = ""  # F.r.5
    comment: str = ""  # F.r.6


@dataclass(frozen=True, kw_only=True)
class DoseGiven:
    """G.k.4.r: one dosage."""

    dose: Amount = Amount()  # G.k.4.r.1
    interval: Amount = Amount()  # G.k.4.r.2, .3
    start: Value = ""  # G.k.4.r.4
    end: Value = ""  # G.k.4.r.5
    duration: Amount = Amount()  # G.k.4.r.6
    lot: str = ""  # G.k.4.r.7
    text: str = ""  # G.k.4.r.8
    form: str = ""  # G.k.4.r.9.1
    route: str = ""  # G.k.4.r.10.1
    route_code: str = ""  # G.k.4.r.10.2b, EDQM
    route_version: str = ""  # G.k.4.r.10.2a


@dataclass(frozen=True, kw_only=True)
class CausalityOpinion:
    """G.k.9.i.2.r: who judged the relation, by which method, and the result; `eu_result` is 1 related, 2 not."""

    source: str = ""
    method: str = ""
    result: str = ""
    eu_source: str = ""
    eu_method: str = ""
    eu_result: str = ""


@dataclass(frozen=True, kw_only=True)
class DrugEventRelation:
    """G.k.9.i: one drug and one event. `event` is the place of the event in the case, from 0."""

    event: int
    opinions: tuple[CausalityOpinion, ...] = ()
    since_first: Amount = Amount()  # G.k.9.i.3.1
    since_last: Amount = Amount()  # G.k.9.i.3.2
    recurred: str = ""  # G.k.9.i.4


@dataclass(frozen=True, kw_only=True)
class CaseDrug:
    """G.k: one drug, suspected or concomitant."""

    role: str = ""  # G.k.1
    name: str = ""  # G.k.2.2
    substances: tuple[str, ...] = ()  # G.k.2.3.r.1
    country: str = ""  # G.k.2.4
    blinded: bool = False  # G.k.2.5
    authorisation: str = ""  # G.k.3.1
    authorisation_country: str = ""  # G.k.3.2
    holder: str = ""  # G.k.3.3
    doses: tuple[DoseGiven, ...] = ()  # G.k.4.r
    cumulative: Amount = Amount()  # G.k.5
    indications: tuple[CodedTerm, ...] = ()  # G.k.7.r
    action: str = ""  # G.k.8
    relations: tuple[DrugEventRelation, ...] = ()  # G.k.9.i
    further_codes: tuple[str, ...] = ()  # G.k.10.r
    further_text: str = ""  # G.k.11


@dataclass(frozen=True, kw_only=True)
class CaseNarrative:
    """H: the narrative, comments, and the sender's own diagnoses."""

    text: str = ""  # H.1
    reporter_comment: str = ""  # H.2
    diagnoses: tuple[CodedTerm, ...] = ()  # H.3.r
    sender_comment: str = ""  # H.4
    native_text: str = ""  # H.5.r.1a
    native_language: str = ""  # H.5.r.1b


@dataclass(frozen=True, kw_only=True)
class IndividualCase:
    """One individual case safety report."""

    transmission: Transmission = Transmission()
    identity: CaseIdentity = CaseIdentity()
    sources: tuple[PrimarySource, ...] = ()
    sender: CaseSender = CaseSender()
    study: CaseStudy | None = None
    patient: CasePatient = CasePatient()
    events: tuple[Reaction, ...] = ()
    tests: tuple[CaseTest, ...] = ()
    drugs: tuple[CaseDrug, ...] = ()
    narrative: CaseNarrative = CaseNarrative()

    @property
    def blinded(self) -> bool:
        """Return whether the treatment of a drug of the case is still blinded (G.k.2.5)."""
        return any(drug.blinded for drug in self.drugs)
