"""Entries of the trail as the page shows them: words for who, what, where from, and every changed field."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import events
from audit.models import AccessEvent, TrailReview
from audit.redactions.redaction import holds_free_text
from audit.trail_reading.change_labels import FieldChange, Reader, moment_text
from audit.trail_reading.devices import agents_of, device_words
from audit.trail_reading.plain_words import key_words, plain_words
from audit.trail_reading.reading import TrailEntry
from patients.models import Patient
from reports.audit_trail.forms import KINDS, ORIGINS
from reports.audit_trail.subjects import TrailSubject, TrailSubjects
from trials.roles import ROLES

TONES = {
    "created": "done", "changed": "draft", "marked": "checked", "deleted": "late", "signed": "signed",
    "unsigned": "late", "access": "none", "review": "checked",
}  # fmt: skip
KIND_TITLES, ORIGIN_TITLES = dict(KINDS), dict(ORIGINS)
LabelledText = tuple[str, str]
"""A label and a text."""
FilterWords = Callable[[str], list[LabelledText]]
"""Returns label and value of the filters of an address."""


@dataclass(frozen=True)
class TrailLine:
    """One entry of the trail as the page shows it."""

    entry: TrailEntry
    subject: TrailSubject
    patient: Patient | None
    when: str
    kind: str
    tone: str
    role: str
    origin: str
    device: str
    agent: str
    filter_words: FilterWords
    item: str = ""

    @cached_property
    def changes(self) -> Sequence[FieldChange]:
        """Return the changed fields, a filtered item first; for an access event or a review, its details."""
        found = self.entry.changes or details(self.entry.row, self.entry.reader, self.filter_words)
        return sorted(found, key=lambda change: change.code != self.item)

    @property
    def nothing_before(self) -> bool:
        """Return whether the entry has no old values: a new row, or an access event."""
        return self.entry.kind in ("created", "access")

    @property
    def first(self) -> FieldChange | None:
        """Return the change that is shown while the row is folded."""
        return self.changes[0] if self.changes else None

    @property
    def holds_free_text(self) -> bool:
        """Return whether a text of this entry may be masked."""
        return self.entry.of is not None and holds_free_text(self.entry.of)

    @property
    def more(self) -> int:
        """Return the number of further changes."""
        return max(0, len(self.changes) - 1)


def lines_of(
    entries: Sequence[TrailEntry], slug: str, filter_words: FilterWords, item: str = ""
) -> list[TrailLine]:
    """Return entries as lines. One query for patients that the reader has not loaded, and one for the devices."""
    if not entries:
        return []
    reader = entries[0].reader
    known = reader.rows.setdefault(Patient, {})
    missing = {entry.patient_id for entry in entries} - {None, *known}
    known.update(Patient.objects.in_bulk(missing) if missing else {})
    agents = agents_of({entry.session for entry in entries})
    places = TrailSubjects(slug, reader)

    def line(entry: TrailEntry) -> TrailLine:
        agent = entry.agent or agents.get(entry.session, "")
        return TrailLine(
            entry=entry,
            subject=places.of(entry),
            patient=places.patient(entry.patient_id),
            when=moment_text(entry.at, reader),
            kind=str(KIND_TITLES[entry.kind]),
            tone=TONES[entry.kind],
            role=str(ROLES[entry.role].title) if entry.role in ROLES else entry.role,
            origin=str(ORIGIN_TITLES.get(entry.origin, entry.origin)),
            device=device_words(agent),
            agent=agent,
            filter_words=filter_words,
            item=item,
        )

    return [line(entry) for entry in entries]


def details(row: Any, reader: Reader, filter_words: FilterWords) -> list[FieldChange]:
    """Return the details of an access event or a review as labelled texts."""
    if isinstance(row, TrailReview):
        return [
            FieldChange(code, label, "", text) for code, label, text in _of_review(row, reader, filter_words)
        ]
    detail = events.visible_detail(row, may=reader.may) if isinstance(row, AccessEvent) else {}
    texts = {key: plain_words(value, reader.zone, reader.language) for key, value in detail.items()}
    return [FieldChange(key, key_words(key), "", text) for key, text in texts.items() if text]


def _of_review(row: TrailReview, reader: Reader, filter_words: FilterWords) -> list[tuple[str, str, str]]:
    words = ", ".join(f"{label}: {value}" for label, value in filter_words(row.filters.get("query", "")))
    open_to_reader = not row.see or row.see in reader.may
    rows = str(row.rows_seen) if open_to_reader else _("shown to users who may know the treatment")
    found = [
        ("filter", _("Filter"), words or _("none")),
        ("rows", _("Entries"), rows),
    ]
    if row.seen and open_to_reader:
        found.append(("seen", _("What was seen"), seen_words(row.seen)))
    if row.finding:
        found.append(("finding", _("Result"), str(row.get_finding_display())))
    if row.queries:
        told = ngettext(
            "%(number)s query was raised meanwhile",
            "%(number)s queries were raised meanwhile",
            len(row.queries),
        )
        found.append(("queries", _("Queries"), told % {"number": len(row.queries)}))
    return [*found, ("conclusion", _("Conclusion"), row.conclusion)]


def seen_words(seen: dict[str, Any]) -> str:
    """Return the pages and entries that a reviewer looked at, in words."""
    if "sample" in seen:
        return _("A sample of %(drawn)s of %(of)s entries, drawn at random with the seed %(seed)s") % {
            "drawn": len(seen["sample"]),
            "of": seen.get("of", 0),
            "seed": seen.get("seed", ""),
        }
    pages = ngettext("%(number)s page", "%(number)s pages", seen.get("pages", 0)) % {
        "number": seen.get("pages", 0)
    }
    entries = ngettext("%(number)s entry", "%(number)s entries", seen.get("entries", 0)) % {
        "number": seen.get("entries", 0)
    }
    return _("%(pages)s with %(entries)s") % {"pages": pages, "entries": entries}
