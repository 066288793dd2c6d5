"""Models of adverse events, their drafts, grades and links, and of the sponsor's cases."""

from safety.authority.stored import AuthorityAnswer, AuthorityCase, AuthorityReport, CaseTerm
from safety.dictionaries.models import Dictionary, DictionaryTerm, EventCoding
from safety.laboratory.models import LaboratoryDecision
from safety.models.cases import CaseClock, CaseDecision
from safety.models.drafts import EventDraft
from safety.models.events import (
    CRITERIA,
    FACTS,
    NOT_OF_SPECIAL_INTEREST,
    AdverseEvent,
    AdverseEventQuerySet,
)
from safety.models.grades import EventGrade
from safety.models.links import EventLink
from safety.models.opinions import CAUSES, SPONSOR_CAUSES, SPONSOR_COLUMNS
from safety.reconciliation.models import ReconciliationSettlement, SafetyList
from safety.sae_reports.stored import SaeReport

__all__ = [
    "CAUSES",
    "CRITERIA",
    "FACTS",
    "NOT_OF_SPECIAL_INTEREST",
    "SPONSOR_CAUSES",
    "SPONSOR_COLUMNS",
    "AdverseEvent",
    "AdverseEventQuerySet",
    "AuthorityAnswer",
    "AuthorityCase",
    "AuthorityReport",
    "CaseClock",
    "CaseDecision",
    "CaseTerm",
    "Dictionary",
    "DictionaryTerm",
    "EventCoding",
    "EventDraft",
    "EventGrade",
    "EventLink",
    "LaboratoryDecision",
    "ReconciliationSettlement",
    "SaeReport",
    "SafetyList",
]
