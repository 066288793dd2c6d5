"""Common parts of envelopes and reserve envelopes: printed sheets, codes printed by another person, findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.secret_box import box
from dosing.envelopes.sheet import SealedSheet
from dosing.models import Envelope, EnvelopeCheck, ReserveEnvelope

E = TypeVar("E", Envelope, ReserveEnvelope)


@dataclass(frozen=True)
class PrintedSheet(Generic[E]):
    """An envelope and the sheet to print. The sheet is shown once and stored nowhere."""

    envelope: E
    sheet: SealedSheet


@dataclass(frozen=True)
class PrintedCode(Generic[E]):
    """An envelope and its code. The code is shown once and then deleted."""

    envelope: E
    code: str


def kept_code(sheet: SealedSheet, purpose: str) -> str:
    """Return the code of a sheet, encrypted until another person prints it."""
    return box(purpose).encrypt(sheet.code.encode()).decode()


def take_codes(envelopes: "QuerySet[E]", *, purpose: str, by: User) -> list[PrintedCode[E]]:
    """Return the codes that nobody has printed yet, and delete them. envelopes: the sealed ones, locked.

    Raises ValidationError if there is none, and for the person who printed the envelopes: nobody holds both.
    """
    waiting = list(envelopes.exclude(code="").order_by("number"))
    others = [row for row in waiting if row.made_by_id != by.pk]
    if not others:
        raise ValidationError(
            _("You printed these envelopes: another person prints their codes.")
            if waiting
            else _("Every code was printed already. Destroy the envelope and print another one.")
        )
    return [_taken(row, purpose, by) for row in others]


def _taken(row: E, purpose: str, by: User) -> PrintedCode[E]:
    code = box(purpose).decrypt(row.code.encode()).decode()
    row.code, row.codes_by, row.codes_at = "", by, timezone.now()
    row.save(update_fields=["code", "codes_by", "codes_at"])
    return PrintedCode(row, code)


def refuse_finding(
    envelope: Envelope | ReserveEnvelope, finding: str, note: str, follows: Mapping[Any, str]
) -> None:
    """Raise ValidationError for a finding that cannot follow on the state of the envelope, or without a reason.

    follows: the state after each (state, finding) that is possible.
    """
    if (envelope.state, finding) not in follows:
        told = {"envelope": str(envelope), "state": envelope.get_state_display()}
        raise ValidationError(
            {"finding": _("%(envelope)s is “%(state)s”: this cannot be recorded of it.") % told}
        )
    if finding != EnvelopeCheck.Finding.INTACT and not note:
        raise ValidationError({"note": _("Say why.")})
