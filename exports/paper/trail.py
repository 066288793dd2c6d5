"""The complete audit trail of a patient for paper, oldest first (P11-02, AUD-02)."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from audit import events
from audit.models import AccessEvent
from audit.system_texts import PROCESS
from audit.trail_reading import reading
from audit.trail_reading.devices import agents_of, device_words
from audit.trail_reading.plain_words import key_words, plain_words
from audit.trail_reading.reading import TrailEntry
from audit.trail_reading.sources import Filter
from exports.paper.audience import Audience
from patients.casebook.item_history import role_words
from protocol.values.writing import second_text

KINDS = {
    "created": lambda: _("Created"),
    "changed": lambda: pgettext("what was done", "Changed"),
    "marked": lambda: _("Verified, frozen or locked"),
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
        devices = agents_of({entry.session for entry in entries})
        for entry in entries:
            yield {
                **_entry_part(entry, audience),
                "device": device_words(entry.agent or devices.get(entry.session, "")),
            }


def _entry_part(entry: TrailEntry, audience: Audience) -> dict[str, Any]:
    # The name of a process says for whom it acts.
    is_named = entry.full_name == entry.user_name or entry.user_name.startswith(PROCESS)
    who = entry.full_name if is_named else f"{entry.full_name} ({entry.user_name})"
    changes = [(change.label, change.old, change.new) for change in entry.changes]
    return {
        "when": audience.instant(entry.at),
        "utc": f"{second_text(entry.at.astimezone(UTC), audience.language)} UTC",
        "session": entry.session,
        "address": entry.address,
        "who": who,
        "role": role_words(entry.role),
        "kind": KINDS[entry.kind](),
        "subject": entry.title,
        "changes": changes or [(label, "", value) for label, value in _details(entry)],
        "reason": entry.reason,
        "origin": str(events.ORIGIN_WORDS.get(entry.origin, entry.origin)),
    }


def _details(entry: TrailEntry) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of the details of an access event."""
    if isinstance(entry.row, AccessEvent):
        reader = entry.reader
        for name, value in events.visible_detail(entry.row, may=reader.may).items():
            if words := plain_words(value, reader.zone, reader.language):
                yield key_words(name), words
