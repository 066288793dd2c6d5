"""The facts of an adverse event, as queries name them."""

from collections.abc import Mapping

from django.urls import reverse
from django.utils.translation import gettext as _

from patients.casebook.facts import FactKind, Words
from patients.models import Query
from safety.labels import Wording
from safety.models import AdverseEvent


def _facts(row: AdverseEvent) -> Mapping[str, Words]:
    facts = Wording(row.patient.protocol.rules).all_facts(row)
    # The page shows the grade with its colour; in a file it is the number.
    return {fact.item: (fact.label, row.grade if fact.item == "grade" else fact.value) for fact in facts}


def _raw(row: AdverseEvent, item: str) -> object:
    if item == "seriousness":
        return " ".join(sorted(row.seriousness))
    return f"{row.end} {row.ongoing}" if item == "end" else getattr(row, item)


def _page(row: AdverseEvent) -> str:
    return reverse("safety:event", args=[row.patient.trial.slug, row.patient.code, row.number])


def _refusal(row: AdverseEvent) -> str:
    return _("This event was entered in error.") if row.in_error else ""


KIND = FactKind(
    target=Query.Target.ADVERSE_EVENT,
    model=AdverseEvent,
    title=lambda row: f"{row} · {row.term}",
    facts=_facts,
    page=_page,
    refusal=_refusal,
    groups=("serious_event",),
    # As an event with a clock: serious, or fatal.
    group=lambda row: ("serious_event",) if row.due_at else (),
    # It may still change below the lock, which nothing may undo a mark below.
    unmarked=lambda row: bool(row.after_lock_reason),
    raw=_raw,
    day=lambda row: row.onset,
    day_column="onset",
)
