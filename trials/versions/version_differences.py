"""Differences between protocol versions as text for the reader."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from protocol.checking.differences import Detail, ProtocolChange
from trials.reader import reader_language

# Headings in display order, each with the tables of the file that it covers.
SECTIONS: tuple[tuple[str, str | Promise, tuple[str, ...]], ...] = (
    (
        "version",
        gettext_lazy("The trial and this version"),
        ("trial", "amendment", "approval", "training", "confirmed"),
    ),
    ("consent", gettext_lazy("Consent"), ("consent",)),
    ("eligibility", gettext_lazy("Eligibility"), ("eligibility", "definitions", "groups")),
    ("dosing", gettext_lazy("Dosing"), ("dosing", "arms", "allocation")),
    ("visits", gettext_lazy("Visits"), ("visits", "unscheduled", "logs", "samples")),
    ("forms", gettext_lazy("Forms"), ("forms",)),
    ("items", gettext_lazy("Items"), ("items",)),
    ("checks", gettext_lazy("Checks"), ("checks",)),
    ("safety", gettext_lazy("Safety"), ("safety",)),
    ("outcomes", gettext_lazy("Outcomes"), ("outcomes",)),
    ("others", gettext_lazy("Other"), ()),
)
TABLES: dict[str, str | Promise] = {
    "allocation": gettext_lazy("Allocation"),
    "amendment": gettext_lazy("Amendment"),
    "approval": gettext_lazy("Approval"),
    "arms": gettext_lazy("Arms"),
    "confirmed": gettext_lazy("Confirmed doubts"),
    "consent": gettext_lazy("Consent"),
    "dosing": gettext_lazy("Dosing"),
    "eligibility": gettext_lazy("Criteria"),
    "forms": gettext_lazy("Forms"),
    "groups": gettext_lazy("Groups"),
    "logs": gettext_lazy("Logs"),
    "monitoring": gettext_lazy("Source verification"),
    "outcomes": gettext_lazy("Outcomes"),
    "profile": gettext_lazy("Patient profile"),
    "safety": gettext_lazy("Safety"),
    "samples": gettext_lazy("Samples"),
    "stopping_rules": gettext_lazy("Stopping rules"),
    "training": gettext_lazy("Training"),
    "trial": gettext_lazy("Trial"),
    "unscheduled": gettext_lazy("Unscheduled visits"),
    "visits": gettext_lazy("Visits"),
}
KINDS: dict[str, tuple[str | Promise, str]] = {
    "added": (gettext_lazy("Added"), "done"),
    "removed": (gettext_lazy("Removed"), "late"),
    "moved": (gettext_lazy("Moved"), "due"),
    "changed": (pgettext_lazy("what differs", "Changed"), "draft"),
}
PROPERTIES: dict[str, str | Promise] = {
    "anchor": gettext_lazy("counted from"),
    "calculate": gettext_lazy("calculated as"),
    "cells_per_kg": gettext_lazy("cells per kg"),
    "checks": gettext_lazy("order of the checks"),
    "choices": gettext_lazy("answer"),
    "columns": gettext_lazy("column"),
    "ctcae": gettext_lazy("grading dictionary (CTCAE)"),
    "day": gettext_lazy("day"),
    "decimals": gettext_lazy("decimals"),
    "forms": gettext_lazy("form"),
    "group": gettext_lazy("group"),
    "hard": gettext_lazy("possible range"),
    "help": gettext_lazy("help"),
    "label": gettext_lazy("label"),
    "max_length": gettext_lazy("longest text"),
    "message": gettext_lazy("message"),
    "met": gettext_lazy("met when"),
    "missing": gettext_lazy("missing codes"),
    "order": gettext_lazy("order"),
    "present": gettext_lazy("present when"),
    "reconsent": gettext_lazy("consent again"),
    "required": gettext_lazy("required"),
    "required_when": gettext_lazy("required when"),
    "severity": gettext_lazy("severity"),
    "shown_when": gettext_lazy("asked when"),
    "soft": gettext_lazy("expected range"),
    "text": gettext_lazy("text"),
    "title": gettext_lazy("title"),
    "type": gettext_lazy("type"),
    "unit": gettext_lazy("unit"),
    "units": gettext_lazy("other unit"),
    "versions": gettext_lazy("versions"),
    "violated": gettext_lazy("fires when"),
    "when": gettext_lazy("when"),
    "window": gettext_lazy("window (days)"),
}
# Properties whose elements are identified by a code or name: “answer F”.
NAMED = frozenset({"choices", "columns", "forms", "units"})
WHOLE = frozenset({"amendment", "approval", "definitions", "logs", "dosing"})
SHOWN_FIRST = ("type", "unit", "anchor", "day", "window", "severity", "violated", "met", "present")


@dataclass(frozen=True, slots=True)
class DetailLine:
    """One property that differs, as text."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One part that differs, as text: kind of change, title, path in the file."""

    kind: str
    kind_words: str
    tone: str
    title: str
    path: str
    details: tuple[DetailLine, ...]


@dataclass(frozen=True, slots=True)
class ChangeSection:
    """The changes under one heading."""

    name: str
    title: str
    lines: tuple[ChangeLine, ...]


def in_sections(changes: Iterable[ProtocolChange]) -> list[ChangeSection]:
    """Return the changes as text by heading; headings without a change are left out."""
    known = {table: name for name, _title, tables in SECTIONS for table in tables}
    by_name: dict[str, list[ChangeLine]] = {}
    for change in changes:
        by_name.setdefault(known.get(change.section, "others"), []).append(_line(change))
    return [
        ChangeSection(name, str(title), tuple(by_name[name]))
        for name, title, _tables in SECTIONS
        if name in by_name
    ]


def _line(change: ProtocolChange) -> ChangeLine:
    words, tone = KINDS[change.kind]
    details = [DetailLine(_property(each.name), each.before, each.after) for each in _details_of(change)]
    return ChangeLine(change.kind, str(words), tone, title_of(change), change.path, tuple(details))


def _details_of(change: ProtocolChange) -> Iterable[Detail]:
    """Return the details to show. An added or removed part shows a few: the others are read in the file."""
    if change.kind not in ("added", "removed") or change.section in WHOLE:
        return change.details
    by_name = {each.name: each for each in change.details}
    return [by_name[name] for name in SHOWN_FIRST if name in by_name]


def title_of(change: ProtocolChange) -> str:
    """Return the title of a changed part."""
    if not isinstance(change.title, str):
        return change.title.in_language(reader_language())
    return str(TABLES.get(change.path, change.title))


def _property(name: str) -> str:
    """Return a property as text: `choices.F.label.fr` as “answer F, label (fr)”."""
    if name.startswith("by."):
        return ", ".join(name.removeprefix("by.").rsplit(".", 1))
    words: list[str] = []
    for place, part in enumerate(name.split(".")):
        if len(part) == 2 and part.islower() and words:
            words[-1] = _("%(property)s (%(language)s)") % {"property": words[-1], "language": part}
        elif place == 1 and name.partition(".")[0] in NAMED:
            words[-1] = f"{words[-1]} {part}"
        else:
            words.append(str(PROPERTIES.get(part, part.replace("_", " "))))
    return ", ".join(words)
