"""The glossary names what exists: every module of the rooms has a term, and no term names what is gone."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.urls import get_resolver

from tests.support.pages.addresses import routes
from tests.support.project.syntax import tree

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "protocol", "audit", "accounts", "trials", "patients", "dosing", "safety", "outcomes", "reports", "exports", "demo",
    "operation",
)  # fmt: skip
# Django's own names say what they hold in every Django project.
DJANGO = frozenset(
    {
        "__init__",
        "models",
        "views",
        "forms",
        "urls",
        "filters",
        "apps",
        "management",
        "commands",
        "templatetags",
    }
)


def rows() -> Iterator[list[str]]:
    """Yield the cells of every row of the glossary: term, meaning, modules, classes, page."""
    for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 5 and cells[0] not in {"Term", "---"}:
            yield cells


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def modules() -> set[str]:
    """Every module and package of the rooms, as paths from the root."""
    files = {path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts}
    found = {path.relative_to(ROOT) for path in files if not DJANGO & {path.stem}}
    packages = {path.parent.relative_to(ROOT) for path in files}
    return {str(path) for path in found} | {str(path) for path in packages if path.name not in DJANGO}


@cache
def classes_of(module: str) -> set[str]:
    """The classes that a module, or any module of a package, defines at its top."""
    path = ROOT / module
    files = path.rglob("*.py") if path.is_dir() else [path]
    return {node.name for file in files for node in tree(file).body if isinstance(node, ast.ClassDef)}


def test_every_module_of_the_rooms_has_a_term():
    assert modules() - {module for row in rows() for module in named(row[2])} == set()


def test_every_module_that_a_term_names_exists():
    missing = [module for row in rows() for module in named(row[2]) if not (ROOT / module).exists()]
    assert missing == []


def test_every_class_that_a_term_names_is_defined_in_its_room():
    """Models stand in `models.py`, so a class may be anywhere in the room of the term's modules."""
    wrong = []
    for row in rows():
        room = {part for module in named(row[2]) for part in classes_of(module.split("/")[0])}
        wrong += [(row[0], name) for name in named(row[3]) if name not in room]
    assert wrong == []


def test_every_page_that_a_term_names_has_an_address():
    known = {name for name, _parts in routes(get_resolver())}
    assert [page for row in rows() for page in named(row[4]) if page not in known] == []


def test_no_term_is_defined_twice():
    terms, meanings = [row[0] for row in rows()], [row[1] for row in rows()]
    assert sorted(set(terms)) == sorted(terms)
    assert sorted(set(meanings)) == sorted(meanings), "two terms for one thing"
    assert all(row[1].endswith(".") for row in rows()), "a meaning is a sentence"


def test_one_class_name_means_one_thing():
    """Classes of commands and database backends are named by Django; no two others share a name, private or not."""
    names: dict[str, set[str]] = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if {"migrations", "commands", "backends"} & set(path.parts):
                continue
            for node in tree(path).body:
                if isinstance(node, ast.ClassDef):
                    names.setdefault(node.name, set()).add(str(path.relative_to(ROOT)))
    assert {name: places for name, places in names.items() if len(places) > 1} == {}
