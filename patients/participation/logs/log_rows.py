"""Common parts of the pre-screening log and the log of contacts: numbers, corrections with a reason, strike-outs."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from audit.context import because


def next_row_number(rows: "QuerySet[Any]") -> int:
    """Return the number after the highest of some rows. The caller holds the lock of the row above them."""
    return int(rows.aggregate(last=Max("number"))["last"] or 0) + 1


def refuse_stale_row(row: Any, version: int) -> None:
    """Raise ValidationError if a row was changed since the page was shown, or is struck out."""
    if row.struck_out_reason:
        raise ValidationError(_("This row is struck out: it stays as it is."))
    if row.version != version:
        text = _("It was changed while you typed. Open the row again, compare, and change it then.")
        raise ValidationError(text)


def correct_row(row: Any, facts: Mapping[str, Any], reason: str) -> None:
    """Store the facts that differ, with the reason. Raises ValidationError without a reason or a change."""
    changed = {name: value for name, value in facts.items() if getattr(row, name) != value}
    if not changed:
        raise ValidationError(_("Nothing was changed: there is nothing to save."))
    _store(row, changed, reason)


def strike_row(row: Any, reason: str) -> None:
    """Strike out a row. It stays visible with its number. Raises ValidationError without a reason."""
    _store(row, {"struck_out_reason": reason.strip()}, reason)


def _store(row: Any, changed: Mapping[str, Any], reason: str) -> None:
    if not reason.strip():
        raise ValidationError({"change_reason": _("Say why.")})
    for name, value in {**changed, "version": row.version + 1}.items():
        setattr(row, name, value)
    with because(reason.strip()):
        row.save(update_fields=[*changed, "version"])
