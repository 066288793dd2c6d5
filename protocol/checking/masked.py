"""Checks of masked items: results that reveal the arm, entered and read by those who may know it (BLD-07)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocol.checking.shape import CODES, Problem, written_items
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.expressions.syntax import ExpressionError, Name, parse, walk

TYPES: Final = ("integer", "decimal", "text", "choice", "yes_no", "date", "partial_date")
# What a record does for its items: masked results are in no record.
NOT_MASKED: Final = (
    "calculate",
    "shown_when",
    "required_when",
    "known_from",
    "reference",
    "units",
    "columns",
)

# Words for people, and the names of items themselves: no references.
WORDS: Final = frozenset({"title", "label", "help", "message", "text", "name", "summary", "description"})


def masked_problems(protocol: Protocol, raw: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes about masked items: where they cannot be, and every rule that reads one."""
    return [*_places(protocol), *_readers(raw, masked_paths(raw))]


def masked_paths(raw: Mapping[str, Any]) -> frozenset[str]:
    """Return `form.item` of each item that the file masks."""
    return frozenset(path for path, item in written_items(raw).items() if item.get("masked") is True)


def _places(protocol: Protocol) -> Iterator[Problem]:
    beside = [*protocol.bedside.items, *(protocol.donors.items if protocol.donors else ())]
    for item in beside:
        if item.masked:
            yield Problem(f"items.{item.name}.masked", "is for items of forms")
    for form in protocol.forms.values():
        for column in (column for item in (*form.items, *form.masked_items) for column in item.columns):
            if column.masked:
                yield Problem(f"forms.{form.code}.{column.name}.masked", "columns of rows cannot be masked")
        if form.masked_items:
            yield from _form(protocol, form)


def _form(protocol: Protocol, form: Form) -> Iterator[Problem]:
    path = f"forms.{form.code}"
    if not protocol.trial.is_masked:
        yield Problem(path, "items are masked in a masked trial only: in an open one everybody reads them")
    if form.code in protocol.logs:
        yield Problem(path, "a log has no masked items: their results belong to a visit")
    if not form.items:
        yield Problem(path, "all items are masked: one has to tell everybody that the sample was taken")
    for item in form.masked_items:
        yield from _item(f"{path}.{item.name}", item)


def _item(path: str, item: Item) -> Iterator[Problem]:
    if item.type not in TYPES:
        yield Problem(f"{path}.masked", f"is for {', '.join(TYPES)}, this item is {item.type}")
    for key in NOT_MASKED:
        if key in item.model_fields_set:
            yield Problem(f"{path}.{key}", "a masked item does not have this key")


def _readers(raw: Mapping[str, Any], masked: frozenset[str]) -> Iterator[Problem]:
    """Yield each place of the file that names a masked item: whoever is blinded would read what follows from it."""
    if not masked:
        return
    owners = frozenset(name.partition(".")[0] for name in masked)
    for path, text, form in _texts(raw, "", "", owners):
        read = sorted(name for name in masked if _reads(text, name, form))
        for name in read:
            yield Problem(
                path, f"names the masked item {name!r}: nothing that blinded people see may depend on it"
            )


def _texts(value: Any, path: str, form: str, owners: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Yield every text of the file with its key, and the form with masked items below whose key it stands."""
    if isinstance(value, Mapping):
        if value.get("masked") is True:
            return
        for key, inner in value.items():
            if key in WORDS:
                continue
            below = f"{path}.{key}" if path else str(key)
            yield from _texts(inner, below, str(key) if str(key) in owners else form, owners)
    elif isinstance(value, list | tuple):
        for element in value:
            code = _code(element) if isinstance(element, Mapping) else ""
            yield from _texts(element, f"{path}.{code}" if code else path, form, owners)
    elif isinstance(value, str):
        yield path, value, form


def _code(element: Mapping[str, Any]) -> str:
    return next((str(element[key]) for key in CODES if key in element), "")


def _reads(text: str, name: str, form: str) -> bool:
    """Return True if a text of the file names `form.item`, or inside its own form the item alone."""
    own, _dot, item = name.partition(".")
    wanted = {name, item} if form == own else {name}
    if text in wanted:
        return True
    if not any(each in text for each in wanted):
        return False
    try:
        used = {node.path for node in walk(parse(text)) if isinstance(node, Name)}
    except ExpressionError:
        return False
    return bool(used & wanted)
