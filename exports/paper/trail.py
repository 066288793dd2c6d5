"""The complete audit trail of a patient for paper, oldest first (P11-02, AUD-02)."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from audit import events, reading
from audit.models import AccessEvent
from audit.reading import TrailEntry
from audit.sources import Filter
from audit.system_texts import PROCESS
from exports.paper.audience import Audience
from exports.paper.trail_subjects import subject
from patients.casebook.item_history import role_words

KINDS = {
    "created": lambda: _("Created"),
    "changed": lambda: pgettext("what was done", "Changed"),
    "deleted": lambda: _("Deleted"),
    "signed": lambda: pgettext("what was done", "Signed"),
    "unsigned": lambda: _("Signature invalidated"),
    "access": lambda: _("Access"),
}


def trail_part(patient_id: int, audience: Audience) -> list[dict[str, Any]]:
    """Return every entry that the readers may see. Two statements per 500 entries, and one per model."""
    return list(_entries(patient_id, audience))[::-1]


def _entries(patient_id: int, audience: Audience) -> Iterator[dict[str, Any]]:
    trail_filter = Filter(trial_id=audience.trial.pk, patient_id=patient_id)
    for entries in reading.pages(trail_filter, may=audience.may, reader=audience.reader):
        for entry in entries:
            yield _entry_part(entry, audience)


def _entry_part(entry: TrailEntry, audience: Audience) -> dict[str, Any]:
    # The name of a process says for whom it acts.
    is_named = entry.full_name == entry.user_name or entry.user_name.startswith(PROCESS)
    who = entry.full_name if is_named else f"{entry.full_name} ({entry.user_name})"
    changes = [(change.label, change.old, change.new) for change in entry.changes]
    return {
        "when": audience.instant(entry.at),
        "who": who,
        "role": role_words(entry.role),
        "kind": KINDS[entry.kind](),
        "subject": subject(entry),
        "changes": changes or [(label, "", value) for label, value in _details(entry)],
        "reason": entry.reason,
        "origin": str(events.ORIGIN_WORDS.get(entry.origin, entry.origin)),
    }


def _details(entry: TrailEntry) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of the details of an access event."""
    detail = (
        events.visible_detail(entry.row, may=entry.reader.may) if isinstance(entry.row, AccessEvent) else {}
    )
    for name, value in detail.items():
        if value not in (None, "", {}, []):
            words = (_("Yes") if value else _("No")) if isinstance(value, bool) else str(value)
            yield str(events.DETAIL_WORDS.get(name, name.replace("_", " "))), words
