"""Titles of adverse events, of their drafts and of decisions on laboratory results in the audit trail."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext as _

from audit.trail_reading.change_labels import Reader
from audit.trail_reading.row_titles import SEPARATOR, TitleMaker
from safety.models import AdverseEvent


def _draft(row: Any, reader: Reader) -> str:
    return _("Draft %(number)s of an adverse event") % {"number": row.number}


def _report(row: Any, reader: Reader) -> str:
    if row.number == 0:
        return _("Initial report of a serious event")
    return _("Follow-up %(number)s of a serious event") % {"number": row.number}


def _grade(row: Any, reader: Reader) -> str:
    return _("Grade %(grade)s of an adverse event") % {"grade": row.grade}


def _link(row: Any, reader: Reader) -> str:
    return _("Link of an adverse event")


def _clock(row: Any, reader: Reader) -> str:
    return _("Clock of the sponsor")


def _case_decision(row: Any, reader: Reader) -> str:
    return _("Decision on a case")


def _authority_case(row: Any, reader: Reader) -> str:
    return _("Case for the authority")


def _case_term(row: Any, reader: Reader) -> str:
    return _("Coded term of a case: %(term)s") % {"term": row.name}


def _authority_report(row: Any, reader: Reader) -> str:
    if row.number == 0:
        return _("Initial report to the authority")
    return _("Follow-up %(number)s to the authority") % {"number": row.number}


def _authority_answer(row: Any, reader: Reader) -> str:
    return _("Answer of the authority")


def input_label(name: str) -> str:
    """Return the name of an input of a draft: as the column of the event, if there is one."""
    try:
        return str(getattr(AdverseEvent._meta.get_field(name), "verbose_name", name))
    except FieldDoesNotExist:
        return name


def _decision(row: Any, reader: Reader) -> str:
    return _("Decision on a laboratory result: %(term)s") % {"term": row.term}


def _settlement(row: Any, reader: Reader) -> str:
    return _("Settled finding of the reconciliation")


def _coding(row: Any, reader: Reader) -> str:
    return _("Code of an adverse event: %(term)s") % {"term": row.name}


TITLES: dict[str, TitleMaker] = {
    "safety.adverseevent": lambda row, reader: f"AE {row.number}{SEPARATOR}{row.term}",
    "safety.eventdraft": _draft,
    "safety.laboratorydecision": _decision,
    "safety.dictionary": lambda row, reader: f"{row.get_kind_display()} {row.version}",
    "safety.eventcoding": _coding,
    "safety.safetylist": lambda row, reader: row.name,
    "safety.reconciliationsettlement": _settlement,
    "safety.saereport": _report,
    "safety.eventgrade": _grade,
    "safety.eventlink": _link,
    "safety.caseclock": _clock,
    "safety.casedecision": _case_decision,
    "safety.authoritycase": _authority_case,
    "safety.caseterm": _case_term,
    "safety.authorityreport": _authority_report,
    "safety.authorityanswer": _authority_answer,
}
PARTS = {("safety.eventdraft", "payload"): input_label}
