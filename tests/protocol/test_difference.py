"""The list of an amendment's changes is complete: every property that differs, and nothing else (DAT-09)."""

import copy
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol.checking.differences import KEYS, Order, ProtocolChange, difference, form_difference, parts
from protocol.checking.loading import load
from protocol.checking.succession import succession_problems
from protocol.document.document import Protocol
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, THIRD, protocol

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
RAW = tomllib.loads(SMALL, parse_float=Decimal)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every key and element of a file."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


PLACES = list(places(RAW))


def inside(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def altered(raw: dict[str, Any], path: tuple[Any, ...], how: str) -> dict[str, Any]:
    """Return the file with the value at `path` removed, rotated, extended or changed."""
    changed = copy.deepcopy(raw)
    holder, key = inside(changed, path[:-1]), path[-1]
    value = holder[key]
    if how == "removed":
        del holder[key]
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | Decimal):
        holder[key] = value + 1
    elif isinstance(value, str):
        holder[key] = f"{value}x"
    elif isinstance(value, list):
        holder[key] = [*value[1:], *value[:1]]
    else:
        holder[key] = {**value, "zz": next(iter(value.values()))}
    return changed


def laid_out(protocol: Protocol) -> dict[str, dict[str, Any]]:
    return {part.path: dict(part.properties) for part in parts(protocol)}


def applied(before: Protocol, changes: list[ProtocolChange]) -> dict[str, dict[str, str]]:
    """Return the parts of a protocol with the listed changes applied; orders are left out."""
    found = texts(laid_out(before))
    for change in changes:
        if change.kind == "removed":
            del found[change.path]
            continue
        properties = found.setdefault(change.path, {})
        for detail in change.details:
            if detail.after:
                properties[detail.name] = detail.after
            else:
                properties.pop(detail.name, None)
    return found


def texts(layout: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    return {
        path: {name: each for name, each in properties.items() if not isinstance(each, Order)}
        for path, properties in layout.items()
    }


@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV, THIRD])
def test_a_protocol_does_not_differ_from_itself(slug: str) -> None:
    rules = protocol(slug)
    assert difference(rules, rules) == []
    assert succession_problems(rules, rules) == []


@given(path=st.sampled_from(PLACES), how=st.sampled_from(["removed", "written"]))
def test_any_change_of_the_file_appears_and_the_list_is_complete(path: tuple[Any, ...], how: str) -> None:
    try:
        before, after = Protocol.model_validate(RAW), Protocol.model_validate(altered(RAW, path, how))
    except ValidationError:
        assume(False)
        return
    found = difference(before, after)
    assert bool(found) == (before != after)
    orders = {
        change.path for change in found if any(d.name.endswith(("order", "checks")) for d in change.details)
    }
    wanted = texts(laid_out(after))
    assert {k: v for k, v in applied(before, found).items() if k not in orders} == {
        k: v for k, v in wanted.items() if k not in orders
    }


def renames_around(changed: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Return True if a change gives another name to that in which the other change lies."""
    return changed[-1] in KEYS and changed[:-1] == other[: len(changed) - 1]


@settings(max_examples=40)
@given(first=st.sampled_from(PLACES), second=st.sampled_from(PLACES))
def test_two_changes_are_both_shown(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    assume(first[: len(second)] != second and second[: len(first)] != first)
    # What gets another name is shown as new, whole: a second change in it has no line of its own.
    assume(not renames_around(first, second) and not renames_around(second, first))
    try:
        one = altered(RAW, first, "written")
        both = Protocol.model_validate(altered(one, second, "written"))
        before = Protocol.model_validate(RAW)
        alone = Protocol.model_validate(one)
    except (ValidationError, KeyError, IndexError):
        assume(False)
        return
    assume(alone not in (both, before))
    result = {(change.path, detail.name) for change in difference(before, both) for detail in change.details}
    assert {
        (change.path, detail.name) for change in difference(alone, both) for detail in change.details
    } <= result | {(c.path, d.name) for c in difference(before, alone) for d in c.details}


def told(text: str, against: str = SMALL) -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
    return {
        change.path: (change.kind, [(each.name, each.before, each.after) for each in change.details])
        for change in difference(load(against), load(text))
    }


def test_a_changed_item_shows_what_changed() -> None:
    text = SMALL.replace("soft = [35, 180]", "soft = [40, 180]").replace(
        "shown_when = \"sex == 'F'\"", "required = false"
    )
    assert told(text) == {
        "forms.body.pregnant": (
            "changed",
            [("required", "true", "false"), ("shown_when", "sex == 'F'", "")],
        ),
        "forms.body.weight": ("changed", [("soft", "35, 180", "40, 180")]),
    }


def test_a_moved_visit_is_distinguished_from_a_changed_one() -> None:
    found = told(
        SMALL.replace("day = 3\n", "day = 4\n")
        .replace(
            'forms = ["body"]\n[[visits]]\ncode = "INF1"',
            'forms = ["body", "notes"]\n[[visits]]\ncode = "INF1"',
        )
        .replace('logs = ["notes"]', "logs = []")
    )
    assert found["visits.INF2"] == ("moved", [("day", "3", "4")])
    assert found["visits.S"] == ("changed", [("forms.notes.when", "", "required")])
    assert found["logs"] == ("removed", [("logs", "notes", "")])


def test_an_added_item_and_a_removed_check_are_shown() -> None:
    item = '{ name = "waist", type = "integer", label = { en = "Waist" }, unit = "cm" },\n  { name = "bmi"'
    found = told(SMALL.replace('{ name = "bmi"', item, 1))
    assert found["forms.body.waist"][0] == "added"
    check = SMALL[SMALL.index("checks = [") : SMALL.index("]\n", SMALL.index("checks = [")) + 2]
    assert told(SMALL.replace(check, ""))["forms.body.checks.B1"][0] == "removed"


def test_the_grading_dictionary_never_changes_silently() -> None:
    """LAB-02: an upgrade of CTCAE is a change of the protocol that is shown."""
    found = told(SMALL.replace('ctcae = "5.0"', 'ctcae = "6.0"'))
    assert found == {"safety": ("changed", [("ctcae", "5.0", "6.0")])}


def test_two_versions_of_one_form_are_compared_alone() -> None:
    before, after = load(SMALL), load(SMALL.replace("soft = [35, 180]", "soft = [40, 180]"))
    (change,) = form_difference(before.form("body"), after.form("body"))
    assert (change.path, change.section) == ("forms.body.weight", "items")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('unit = "cm"', 'unit = "m"', "forms.body.height.unit: is cm in version 1.0"),
        ('"integer", label = { en = "Height" }, unit = "cm"', '"text", label = { en = "Height" }',
         "forms.body.height.type: is integer"),
        ('masking = "double_blind"', 'masking = "open"', "trial.masking: is double_blind in version 1.0"),
        ("ratio = { cells = 1, saline = 1 }", "ratio = { cells = 2, saline = 2 }", "allocation: is another"),
        ('{ name = "mg", type = "decimal", label = { en = "Dose" }, unit = "mg" },', "",
         "forms.notes.doses.mg: is missing"),
    ],
)  # fmt: skip
def test_what_answers_rest_on_cannot_change(old: str, new: str, problem: str) -> None:
    """A changed question gets another name; an amendment never changes the masking."""
    after = Protocol.model_validate(tomllib.loads(SMALL.replace(old, new, 1), parse_float=Decimal))
    (found,) = succession_problems(load(SMALL), after)
    assert str(found).startswith(problem)


def test_an_item_may_become_wider() -> None:
    after = load(SMALL.replace('name = "height", type = "integer"', 'name = "height", type = "decimal"'))
    assert succession_problems(load(SMALL), after) == []
