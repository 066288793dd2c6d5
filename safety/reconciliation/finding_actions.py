"""Act on findings: settle them with a reason, open them again, raise queries on them, keep a list of the sponsor."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from patients.casebook.facts import KINDS, Fact
from patients.models import Query, QueryRow, Record
from patients.queries import threads
from safety.reconciliation.findings import Finding
from safety.reconciliation.list_files import read_list, written
from safety.reconciliation.models import ReconciliationSettlement, SafetyList
from safety.reconciliation.reconciling import FindingStatus, ReconciledFinding, lines_of
from trials.models import Trial

AT_ONCE = 100


@transaction.atomic
def keep_list(*, trial: Trial, name: str, data: bytes, by: User) -> SafetyList:
    """Store a list of the sponsor, which is compared from now on. Raises ListRefused with every mistake.

    The same content again stores nothing and returns the list in force.
    """
    rows = read_list(data, trial.rules.trial.site.time_zone)
    content = written(rows)
    Trial.objects.for_update(trial.pk)
    newest = SafetyList.objects.filter(trial=trial).last()
    if newest is not None and newest.content == content:
        return newest
    return SafetyList.objects.create(
        trial=trial,
        name=name[:200],
        sha256=hashlib.sha256(data).hexdigest(),
        content=content,
        lines=len(rows),
        uploaded_by=by,
    )


@transaction.atomic
def settle(*, trial: Trial, keys: Sequence[str], text: str, by: User) -> int:
    """Settle the findings with one reason. Return how many were not settled before.

    Raises ValidationError without a reason, and if a finding is not there any more or its values changed.
    """
    reason = _reason(text)
    lines = _locked(trial, keys)
    opened = [line for line in lines if line.settlement is None]
    with because(reason):
        for line in opened:
            finding = line.finding
            ReconciliationSettlement.objects.create(
                trial=trial, patient=finding.patient, finding=finding.name, digest=finding.digest,
                text=finding.text, reason=reason, settled_by=by,
            )  # fmt: skip
    return len(opened)


@transaction.atomic
def reopen(*, trial: Trial, keys: Sequence[str], text: str, by: User) -> int:
    """Take settlements back, with the reason; they stay stored. Return their number."""
    reason = _reason(text)
    settled = [line.settlement for line in _locked(trial, keys) if line.settlement is not None]
    with because(reason):
        for row in settled:
            row.reopened_reason = reason
            row.save(update_fields=["reopened_reason"])
    return len(settled)


@transaction.atomic
def ask(*, trial: Trial, keys: Sequence[str], text: str, by: User, role: str) -> int:
    """Raise a query on the fact of each finding: its sentence, and the person's words after it. Return their number.

    Findings without a fact, or on which no query can be raised, are left out. Raises ValidationError if none is left.
    """
    lines = _locked(trial, keys)
    # In the order of the patients' keys, as every step takes their locks.
    lines.sort(key=lambda line: line.finding.patient.pk if line.finding.patient else 0)
    raised = [query for line in lines if (query := _raised(line, text, by, role)) is not None]
    if not raised:
        raise ValidationError(_("No query can be raised on these findings."))
    return len(raised)


def _raised(line: ReconciledFinding, text: str, by: User, role: str) -> QueryRow | None:
    asked = line.finding.asked
    if asked is None or line.status != FindingStatus.OPEN:
        return None
    given: dict[str, Any] = {
        "text": "\n".join(filter(None, (line.finding.text, text.strip()))),
        "origin": threads.ORIGINS.get(role, Query.Origin.MONITOR),
        "by": by,
        "role": role,
    }
    try:
        if asked.target == Query.Target.RECORD:
            return threads.raise_query(record=Record.objects.get(pk=asked.key), item=asked.item, **given)
        kind = KINDS[asked.target]
        (row,) = kind.rows([asked.key])
        return threads.raise_fact_query(fact=Fact(kind, row, asked.item), **given)
    except ValidationError:
        # Locked, or asked by somebody else meanwhile: the page names what was left out.
        return None


def _reason(text: str) -> str:
    if not (reason := text.strip()):
        raise ValidationError({"text": _("Say why.")})
    return reason


def _locked(trial: Trial, keys: Iterable[str]) -> list[ReconciledFinding]:
    """Return the findings as they are under the lock of the trial. Raises ValidationError if one is not there."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        raise ValidationError(_("Nothing is chosen. Tick rows in the listing first."))
    if len(wanted) > AT_ONCE:
        raise ValidationError(_("At most %(most)s at once: tick fewer rows.") % {"most": AT_ONCE})
    Trial.objects.for_update(trial.pk)
    found = {line.pk: line for line in lines_of(trial)}
    if any(key not in found for key in wanted):
        raise ValidationError(_("A finding changed since the page was shown. Look at the listing again."))
    return [found[key] for key in wanted]


def left_out(finding: Finding) -> str:
    """Return why no query can be raised on a finding by itself; empty if one can."""
    return "" if finding.asked else _("No stored value to ask about: correct it, or settle it with a reason.")
