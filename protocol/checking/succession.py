"""Parts of a protocol that a new version may not change: the meaning of values captured under earlier versions.

Everything else may change; `protocol.checking.differences` lists the changes. No Django.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from protocol.checking.samples import sample_succession
from protocol.checking.shape import Problem
from protocol.document.document import Protocol
from protocol.document.items import Form, Item

WIDER = frozenset({("integer", "decimal"), ("date", "partial_date"), ("yes_no", "choice")})
"""Changes of type after which every stored value is still valid."""


def succession_problems(before: Protocol, after: Protocol) -> list[Problem]:
    """Return the reasons why ``after`` cannot follow ``before`` in one trial, each with its key."""
    return [*_design(before, after), *sample_succession(before, after), *_items(before, after)]


def _design(before: Protocol, after: Protocol) -> Iterator[Problem]:
    version = before.trial.version
    if before.trial.masking != after.trial.masking:
        yield Problem(
            "trial.masking", f"is {before.trial.masking} in version {version}: an amendment keeps the blind"
        )
    if before.trial.site.time_zone != after.trial.site.time_zone:
        zone = before.trial.site.time_zone
        yield Problem("trial.site.time_zone", f"is {zone} in version {version}: stored days are days there")
    if before.trial.subject_code != after.trial.subject_code:
        pattern = before.trial.subject_code
        yield Problem(
            "trial.subject_code", f"is {pattern!r} in version {version}: two patients could get one code"
        )
    if _arms(before) != _arms(after) and not _names_the_only_arm(before, after):
        yield Problem("arms", f"are others than in version {version}: patients are allocated to those")
    if before.allocation != after.allocation:
        yield Problem("allocation", f"is another than in version {version}: the list is drawn by that")
    if before.dosing and not after.dosing:
        yield Problem("dosing", f"is missing and version {version} has it: infusions are planned by it")
    yield from _levels(before, after)


def _arms(protocol: Protocol) -> frozenset[tuple[str, bool, tuple[int, ...]]]:
    return frozenset((arm.code, arm.cells, arm.cell_infusions or ()) for arm in protocol.arms)


def _levels(before: Protocol, after: Protocol) -> Iterator[Problem]:
    """Patients are included at a dose level: levels may be added, those that exist stay."""
    old, new = (tuple(each.dosing.levels) if each.dosing else () for each in (before, after))
    if bool(old) != bool(new) and before.dosing and after.dosing:
        told = "has" if old else "has no"
        yield Problem(
            "dosing.levels", f"version {before.trial.version} {told} dose levels: patients keep theirs"
        )
        return
    for level in old if new else ():
        if level.code not in {each.code for each in new}:
            told = f"is missing and version {before.trial.version} has it: patients are included at it"
            yield Problem(f"dosing.levels.{level.code}", told)


def _names_the_only_arm(before: Protocol, after: Protocol) -> bool:
    """Return True if every patient received the product before, and the new version only names that arm."""
    return (
        not before.arms
        and before.allocation is None
        and [arm.cells and arm.cell_infusions is None for arm in after.arms] == [True]
    )


def _items(before: Protocol, after: Protocol) -> Iterator[Problem]:
    for code, form in after.forms.items():
        if code in before.forms:
            known = {item.name: item for item in before.forms[code].items}
            yield from _same_questions(f"forms.{code}", known, form.items, before.trial.version)
            masked = {item.name: item for item in before.forms[code].masked_items}
            yield from _same_questions(f"forms.{code}", masked, form.masked_items, before.trial.version)
            yield from _still_masked(form, known.keys(), masked.keys(), before.trial.version)


def _still_masked(
    form: Form, asked: AbstractSet[str], masked: AbstractSet[str], version: str
) -> Iterator[Problem]:
    """Refuse to mask or unmask an item: its answers are stored where only those who may know the arm read them."""
    for item in form.items:
        if item.name in masked:
            yield Problem(
                f"forms.{form.code}.{item.name}.masked",
                f"version {version} masks it: its results are opened by the planned unblinding",
            )
    for item in form.masked_items:
        if item.name in asked:
            told = f"version {version} asks it of everybody: give the masked question another name"
            yield Problem(f"forms.{form.code}.{item.name}.masked", told)


def _same_questions(
    path: str, before: Mapping[str, Item], after: Iterable[Item], version: str
) -> Iterator[Problem]:
    for item in after:
        old, here = before.get(item.name), f"{path}.{item.name}"
        if old is None:
            continue
        if old.type != item.type and (old.type, item.type) not in WIDER:
            yield Problem(f"{here}.type", _change_words(old.type, version))
        elif old.unit != item.unit:
            yield Problem(f"{here}.unit", _change_words(old.unit or "without a unit", version))
        if old.comparators and not item.comparators and item.is_numeric and old.unit == item.unit:
            yield Problem(
                f"{here}.comparators", f"version {version} takes results beyond a limit, whose answers stay"
            )
        if item.type == "choices":
            yield from _same_codes(here, old, item, version)
        columns = {column.name: column for column in old.columns}
        for name in columns.keys() - {column.name for column in item.columns}:
            yield Problem(
                f"{here}.{name}", f"is missing and version {version} has it: the rows of a table stay whole"
            )
        yield from _same_questions(here, columns, item.columns, version)


def _same_codes(path: str, before: Item, after: Item, version: str) -> Iterator[Problem]:
    """Refuse a code spelled in another case: each is a column, and a data file has the columns of all versions."""
    known = {code.casefold(): code for code in before.codes}
    for code in after.codes:
        if (old := known.get(code.casefold(), code)) != code:
            yield Problem(f"{path}.choices.{code}", f"is {old} in version {version}: keep that spelling")


def _change_words(was: str, version: str) -> str:
    return f"is {was} in version {version}, whose answers stay: give the changed question another name"
