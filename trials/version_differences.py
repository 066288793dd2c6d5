"""The parts and properties of a protocol as a person reads them in a difference."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from protocol.checking.differences import Detail, ProtocolChange

# Which tables of the file stand under which heading, in the order shown.
SECTIONS: tuple[tuple[str, str | Promise, tuple[str, ...]], ...] = (
    ("version", lazy("The trial and this version"), ("trial", "amendment", "approval")),
    ("consent", lazy("Consent"), ("consent",)),
    ("eligibility", lazy("Eligibility"), ("eligibility", "definitions", "groups")),
    ("dosing", lazy("Dosing"), ("dosing", "arms", "allocation")),
    ("visits", lazy("Visits"), ("visits", "unscheduled", "logs")),
    ("forms", lazy("Forms"), ("forms",)),
    ("items", lazy("Items"), ("items",)),
    ("checks", lazy("Checks"), ("checks",)),
    ("safety", lazy("Safety"), ("safety",)),
    ("outcomes", lazy("Outcomes"), ("outcomes",)),
    ("others", lazy("Other"), ()),
)
TABLES: dict[str, str | Promise] = {
    "allocation": lazy("Allocation"),
    "amendment": lazy("Amendment"),
    "approval": lazy("Approval"),
    "arms": lazy("Arms"),
    "consent": lazy("Consent"),
    "dosing": lazy("Dosing"),
    "eligibility": lazy("Criteria"),
    "forms": lazy("Forms"),
    "groups": lazy("Groups"),
    "logs": lazy("Logs"),
    "monitoring": lazy("Source verification"),
    "outcomes": lazy("Outcomes"),
    "profile": lazy("Patient profile"),
    "safety": lazy("Safety"),
    "trial": lazy("Trial"),
    "unscheduled": lazy("Unscheduled visits"),
    "visits": lazy("Visits"),
}
KINDS: dict[str, tuple[str | Promise, str]] = {
    "added": (lazy("Added"), "done"),
    "removed": (lazy("Removed"), "late"),
    "moved": (lazy("Moved"), "due"),
    "changed": (lazy("Changed"), "draft"),
}
PROPERTIES: dict[str, str | Promise] = {
    "anchor": lazy("counted from"),
    "calculate": lazy("calculated as"),
    "cells_per_kg": lazy("cells per kg"),
    "checks": lazy("order of the checks"),
    "choices": lazy("answer"),
    "columns": lazy("column"),
    "ctcae": lazy("grading dictionary (CTCAE)"),
    "day": lazy("day"),
    "decimals": lazy("decimals"),
    "forms": lazy("form"),
    "group": lazy("group"),
    "hard": lazy("possible range"),
    "help": lazy("help"),
    "label": lazy("label"),
    "max_length": lazy("longest text"),
    "message": lazy("message"),
    "met": lazy("met when"),
    "missing": lazy("missing codes"),
    "order": lazy("order"),
    "present": lazy("present when"),
    "reconsent": lazy("consent again"),
    "required": lazy("required"),
    "required_when": lazy("required when"),
    "severity": lazy("severity"),
    "shown_when": lazy("asked when"),
    "soft": lazy("expected range"),
    "text": lazy("text"),
    "title": lazy("title"),
    "type": lazy("type"),
    "unit": lazy("unit"),
    "units": lazy("other unit"),
    "versions": lazy("versions"),
    "violated": lazy("fires when"),
    "when": lazy("when"),
    "window": lazy("window (days)"),
}
# Properties whose elements have a name: “answer F”.
NAMED = frozenset({"choices", "columns", "forms", "units"})
WHOLE = frozenset({"amendment", "approval", "definitions", "logs", "dosing"})
TOLD_FIRST = ("type", "unit", "anchor", "day", "window", "severity", "violated", "met", "present")


@dataclass(frozen=True, slots=True)
class DetailLine:
    """One property in words."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One part in words: what happened to it, what it is called, where it stands in the file."""

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
    """Return the changes in words, by heading; headings without a change are left out."""
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
    details = [DetailLine(_property(each.name), each.before, each.after) for each in _told(change)]
    return ChangeLine(change.kind, str(words), tone, title_of(change), change.path, tuple(details))


def _told(change: ProtocolChange) -> Iterable[Detail]:
    """Of a part that came or went the file tells the rest."""
    if change.kind not in ("added", "removed") or change.section in WHOLE:
        return change.details
    by_name = {each.name: each for each in change.details}
    return [by_name[name] for name in TOLD_FIRST if name in by_name]


def title_of(change: ProtocolChange) -> str:
    """Return what a part is called."""
    if not isinstance(change.title, str):
        return change.title.in_language(get_language() or "en")
    return str(TABLES.get(change.path, change.title))


def _property(name: str) -> str:
    """Return a property in words: `choices.F.label.fr` as “answer F, label (fr)”."""
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
