"""Checks of `[dosing]`: visits of the infusions, windows, doses of arms, groups and levels, and what a dose reads."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocol.checking.shape import Problem, Written, repeated
from protocol.document.design import ProtocolVisit
from protocol.document.document import Protocol
from protocol.document.dosing import Dosing
from protocol.document.items import Item

BODY_ITEMS: Final = ("weight_item", "height_item", "sex_item")
UNITS: Final = {"weight_item": ("weight", "kg"), "height_item": ("height", "cm")}
SEXES: Final = frozenset({"M", "F"})
"""Codes of the item that holds the sex: the predicted weight is defined for these."""


def dosing_problems(protocol: Protocol, written: Written, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes between `[dosing]`, the visits, the arms and the items."""
    # Nothing is said of infusions while another key of the table has the wrong shape.
    if protocol.dosing or "dosing" not in raw:
        yield from _visits_of_infusions(protocol, raw)
    if protocol.dosing:
        yield from _windows(protocol.dosing)
        yield from _doses(protocol, protocol.dosing, written, raw)
        yield from repeated("dosing.levels", (level.code for level in protocol.dosing.levels))
        yield from _body_is_known(protocol.dosing)
    yield from _arms(protocol)
    yield from _units(protocol, raw)


def body_items(protocol: Protocol, raw: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths of the items that a dose reads by key, even if another key of `dosing` has the wrong shape."""
    dosing: Any = protocol.dosing.model_dump() if protocol.dosing else raw.get("dosing")
    paths = {key: dosing.get(key) for key in BODY_ITEMS} if isinstance(dosing, dict) else {}
    return {key: path for key, path in paths.items() if isinstance(path, str) and "." in path}


def _visits_of_infusions(protocol: Protocol, raw: Mapping[str, Any]) -> Iterator[Problem]:
    planned = protocol.dosing.infusions if protocol.dosing else 0
    for visit in protocol.visits:
        yield from _infusion_of(visit, planned)
        yield from _after_infusion(visit, planned)
    # Counted in the raw file: a visit of the wrong shape is not also reported as missing.
    visits = raw.get("visits")
    written = [visit for visit in visits if isinstance(visit, dict)] if isinstance(visits, list) else []
    numbers = [visit.get("infusion") for visit in written]
    given = Counter(number for number in numbers if isinstance(number, int))
    for number in range(1, planned + 1):
        if given[number] != 1:
            yield Problem("visits", f"infusion {number} needs one visit, it has {given[number]}")
    if protocol.dosing and protocol.dosing.first_infusion_within_days[0] < 0:
        yield Problem("dosing.first_infusion_within_days", "the first infusion cannot precede inclusion")


def _infusion_of(visit: ProtocolVisit, planned: int) -> Iterator[Problem]:
    anchor = int(visit.anchor[-1]) if visit.anchor.startswith("infusion_") else 0
    if anchor > planned:
        yield Problem(f"visits.{visit.code}.anchor", f"there are {planned} infusions")
    if visit.infusion is None:
        return
    if visit.infusion > planned:
        yield Problem(f"visits.{visit.code}.infusion", f"there are {planned} infusions")
    if anchor >= visit.infusion:
        yield Problem(f"visits.{visit.code}.anchor", "an infusion is counted from an earlier one")


def _after_infusion(visit: ProtocolVisit, planned: int) -> Iterator[Problem]:
    """Yield the mistakes in the infusions after which forms of a visit are asked."""
    for entry in visit.forms:
        path, number = f"visits.{visit.code}.forms.{entry.form}.after_infusion", entry.after_infusion
        if number is None:
            continue
        if number > planned:
            yield Problem(path, f"there are {planned} infusions")
        elif visit.kind == "screening":
            yield Problem(path, "no infusion is given before a visit of screening: leave this key out")
        elif visit.infusion is not None and number > visit.infusion:
            yield Problem(path, f"infusion {number} is given after this visit")


def _windows(dosing: Dosing) -> Iterator[Problem]:
    yield from repeated("dosing.windows", (str(window.infusion) for window in dosing.windows))
    for window in dosing.windows:
        path = f"dosing.windows.{window.infusion}"
        if window.infusion > dosing.infusions:
            yield Problem(f"{path}.infusion", f"there are {dosing.infusions} infusions")
        if window.anchor_infusion >= window.infusion:
            yield Problem(f"{path}.after", "an infusion is counted from inclusion or from an earlier one")


def _doses(protocol: Protocol, dosing: Dosing, written: Written, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of doses by arm or by group: each patient who gets cells has exactly one."""
    if not dosing.doses:
        return
    arms, groups = ([getattr(each, of) for each in dosing.doses] for of in ("arm", "group"))
    if None in arms and None in groups:
        yield Problem("dosing.doses", "state the dose by arm or by group, not by both")
        return
    of, named = ("group", groups) if None in arms else ("arm", arms)
    known = {group.code for group in protocol.groups} if of == "group" else written.arms
    # A table with an element of the wrong shape says so itself: its codes are not all known.
    whole = len(raw.get(f"{of}s") or ()) == len(protocol.groups if of == "group" else protocol.arms)
    yield from repeated("dosing.doses", named)
    yield from (
        Problem(f"dosing.doses.{code}.{of}", f"unknown {of}") for code in named if whole and code not in known
    )
    without = {arm.code for arm in protocol.arms if not arm.cells} if of == "arm" else set()
    for code in named:
        if code in without:
            yield Problem(f"dosing.doses.{code}.arm", "this arm receives no cells: it has no dose")
    for code in sorted(known - without - set(named)) if whole else ():
        yield Problem("dosing.doses", f"the dose of {of} {code!r} is missing")


def _arms(protocol: Protocol) -> Iterator[Problem]:
    planned = protocol.dosing.infusions if protocol.dosing else 0
    for arm in protocol.arms:
        path = f"arms.{arm.code}.cell_infusions"
        if arm.cell_infusions is None:
            continue
        yield from repeated(path, map(str, arm.cell_infusions))
        if not arm.cells:
            yield Problem(path, "the arm receives no cells: leave this key out")
        elif protocol.dosing and max(arm.cell_infusions) > planned:
            yield Problem(path, f"there are {planned} infusions")


def _body_is_known(dosing: Dosing) -> Iterator[Problem]:
    """Yield each item that a dose needs and that the file does not name."""
    needed = {
        "weight_item": (dosing.needs_weight, "a dose or a limit per kg or m² needs the item with the weight"),
        "height_item": (
            dosing.needs_height,
            "a dose by predicted weight or per m² needs the item with the height",
        ),
        "sex_item": (dosing.needs_sex, "a dose by predicted weight needs the item with the sex"),
    }
    for key, (needs, told) in needed.items():
        if needs and getattr(dosing, key) is None:
            yield Problem(f"dosing.{key}", f"is required: {told}")


def _units(protocol: Protocol, raw: Mapping[str, Any]) -> Iterator[Problem]:
    for key, path in body_items(protocol, raw).items():
        item = _item(protocol, path)
        if item is None:
            continue
        measure, unit = UNITS.get(key, ("", ""))
        if unit and item.is_numeric and item.unit != unit:
            yield Problem(f"dosing.{key}", f"the {measure} must be in {unit}")
        elif key == "sex_item" and item.type == "choice" and not set(item.codes) >= SEXES:
            yield Problem(f"dosing.{key}", "the item with the sex needs the codes M and F")


def _item(protocol: Protocol, path: str) -> Item | None:
    form, _dot, name = path.partition(".")
    return protocol.form(form).item(name) if form in protocol.forms and name in protocol.form(form) else None
