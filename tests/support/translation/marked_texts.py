"""The texts that are marked for translation, read from the source apart from gettext's own tools.

Python is read as a syntax tree, so that a text under an alias or made of parts is noticed; templates as Django's
own preparation for xgettext leaves them.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize

from tests.support.project.syntax import nodes, tree

ROOT = Path(__file__).resolve().parents[3]
ROOMS = (
    "accounts", "audit", "config", "demo", "dosing", "exports", "operation", "outcomes", "patients", "protocol",
    "reports", "safety", "trials",
)  # fmt: skip
# For each function, which of its arguments are the context, the text and the plural.
PLACES = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
_CALL = re.compile(r"(?<![\w.])(npgettext|ngettext|pgettext|gettext|_)\(")
_LITERAL = re.compile(r"""\s*,?\s*u?('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""", re.DOTALL)


class Marked(NamedTuple):
    """One text as a catalogue knows it."""

    text: str
    context: str = ""
    plural: str = ""


def python_files() -> Iterator[Path]:
    """Yield every module of the project that may hold texts."""
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def templates() -> Iterator[Path]:
    """Yield every template."""
    for folder in (ROOT / "templates", *(ROOT / room for room in ROOMS)):
        yield from sorted(path for path in folder.rglob("*") if path.suffix in {".html", ".txt"})


def name_of(node: ast.AST) -> str:
    """Return the name of a gettext function that is called, else ""."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACES:
        return node.func.id
    return ""


@cache
def marked() -> frozenset[Marked]:
    """Return every marked text of the project."""
    found = {each for path in python_files() for each in _in_python(path)}
    return frozenset(found | {each for path in templates() for each in _in_template(path)})


def _in_python(path: Path) -> Iterator[Marked]:
    for node in nodes(tree(path)):
        if not (name := name_of(node)):
            continue
        assert isinstance(node, ast.Call)
        parts = [_literal(node, place) for place in PLACES[name]]
        if parts[1]:
            yield Marked(parts[1], parts[0], parts[2])


def _literal(call: ast.Call, place: int | None) -> str:
    argument = call.args[place] if place is not None and place < len(call.args) else None
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def _in_template(path: Path) -> Iterator[Marked]:
    prepared = templatize(path.read_text(encoding="utf-8"))
    for call in _CALL.finditer(prepared):
        strings, at = [], call.end()
        while literal := _LITERAL.match(prepared, at):
            strings.append(ast.literal_eval(literal[1]))
            at = literal.end()
        context, text, plural = (
            strings[place] if place is not None and place < len(strings) else "" for place in PLACES[call[1]]
        )
        if text:
            yield Marked(text, context, plural)
