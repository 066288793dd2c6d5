"""Mistakes in the shape of a protocol file as readable messages, and the file without the parts that have them."""

import copy
import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from protocol.document.document import Protocol
from protocol.document.items import Form, Part

CODES: Final = ("name", "code", "id", "key", "arm", "group")
"""Keys that identify an element of a list."""
SILENT: Final = frozenset({"items", "groups"})
"""Lists left out of the path of an item: ``forms.vitals.sbp``, not ``forms.vitals.groups.0.items.2``."""

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The names declared in the file, including those of parts that have the wrong shape."""

    forms: frozenset[str]
    items: frozenset[str]
    arms: frozenset[str]

    @classmethod
    def in_file(cls, raw: Mapping[str, Any]) -> "Written":
        forms = raw.get("forms")
        every = forms.items() if isinstance(forms, dict) else ()
        tables = {code: form for code, form in every if isinstance(form, dict)}
        items = frozenset(written_items(raw))
        return cls(frozenset(tables), items, frozenset(code for code, _arm in _coded(raw.get("arms"))))


def written_items(raw: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the items of the file as they are written, by `form.item`."""
    forms = raw.get("forms")
    tables = forms.items() if isinstance(forms, dict) else ()
    return {
        f"{code}.{name}": item
        for code, form in tables
        if isinstance(form, dict)
        for name, item in _items_of(form)
    }


def _items_of(form: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from _coded(form.get("items"))
    groups = form.get("groups")
    for group in groups if isinstance(groups, list) else []:
        yield from _coded(group.get("items") if isinstance(group, dict) else None)


def _coded(elements: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for element in elements if isinstance(elements, list) else []:
        if code := _code(element):
            yield code, element


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake: its key in the file, and the message."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def repeated(path: str, codes: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each code that occurs more than once."""
    for code, times in Counter(codes).items():
        if times > 1:
            yield Problem(f"{path}.{code}", f"stands {times} times")


def shape_problems(error: ValidationError, raw: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes found by pydantic, with the codes of the file in their paths."""
    found = error.errors()
    places = [_place(each) for each in found]
    return [
        Problem(path_of(place, raw), _message(each))
        for place, each in zip(places, found, strict=True)
        if not _is_copied_code(each) and not _is_consequence(each, place, places)
    ]


def _is_consequence(error: ErrorDetails, place: Place, places: list[Place]) -> bool:
    """Return True for a second message about one mistake: of a list, or of the other type that a key may have."""
    inside = any(len(other) > len(place) and other[: len(place)] == place for other in places)
    if error["type"] in ("too_short", "int_type") and isinstance(error["input"], list | tuple):
        return inside
    return error["type"] == "tuple_type" and places.count(place) > 1


def path_of(place: Place, raw: Any) -> str:
    """Return ``("visits", 3, "window")`` as ``visits.D28.window``."""
    parts: list[str] = []
    here = raw
    for step in place:
        here = _inside(here, step)
        code = _code(here) if isinstance(step, int) else None
        if code is None:
            parts.append(str(step))
            continue
        if parts[0] == "forms" and len(parts) > 2 and parts[-1] in SILENT:
            parts = parts[:2]
        parts.append(code)
    return ".".join(parts) or "file"


def _code(element: Any) -> str | None:
    if not isinstance(element, dict):
        return None
    return next((element[key] for key in CODES if isinstance(element.get(key), str)), None)


def _inside(container: Any, step: str | int) -> Any:
    try:
        return container[step]
    except (KeyError, IndexError, TypeError):
        return None


def _place(error: ErrorDetails) -> Place:
    """Return the keys of the file that lead to the mistake, without pydantic's own steps."""
    return tuple(step for step in error["loc"] if isinstance(step, int) or not _is_internal(step))


def _is_internal(step: str) -> bool:
    # Steps that pydantic adds for keys of a mapping, branches of a union and validators.
    return step == "[key]" or step in ("int", "constrained-int") or "(" in step or "[" in step


def _is_copied_code(error: ErrorDetails) -> bool:
    """Return True for a form's own code: it copies the key of the form, which is reported already."""
    place = error["loc"]
    return len(place) == 3 and place[0] == "forms" and place[2] == "code"


_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "dict_type": "should be a table of keys, like {{ en = … }}",
    "model_type": "should be a table of keys",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "too_short": "needs at least one",
    "too_long": "has too many values",
    "string_too_short": "is empty",
    "bool_type": "should be true or false, without quotes",
    "int_type": "should be a whole number without quotes, like 20",
    "string_type": "should be a text in quotes",
    "greater_than_equal": "should be {ge} or more",
    "greater_than": "should be more than {gt}",
    "less_than_equal": "should be {le} or less",
    "less_than": "should be less than {lt}",
    "string_too_long": "has more than {max_length} characters",
}
"""Message by kind of mistake; in braces the bounds that pydantic names."""
_PATTERNS: Final[Mapping[str, str]] = {
    "^[a-z][a-z0-9]*(_[a-z0-9]+)*$": "use lower-case letters, digits and single underscores, like age_years",
    "^[A-Za-z0-9][A-Za-z0-9_.+-]*$": "use letters, digits, and _ . + - without spaces",
    "^(inclusion|infusion_[1-9])$": "a window is counted from inclusion, infusion_1, …",
    "^(inclusion|screening|infusion_[1-9])$": "unknown anchor: there are inclusion, screening, infusion_1, …",
    r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$": "write form.item, like vitals.weight",
    r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$": "write a month like 2020-06",
    "^[a-z0-9]+(-[a-z0-9]+)*$": "use lower-case letters, digits and single hyphens, like knee-7",
    "^[A-Za-z0-9]+$": "use letters and digits only, like D28",
    "^[A-Za-z0-9][A-Za-z0-9_.-]*$": "use letters, digits, and _ . - without spaces, like 1.0",
    r"^[0-9]{1,7}-[0-9]$": "write a LOINC code like 8480-6",
    "^[A-Z]{2}$": "use two capital letters",
    "^[A-Z][A-Z0-9 ,()/-]*$": "use the term of the codelist in capital letters, like PLASMA",
    r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$": "write a form or form.item, like cytokines or cytokines.il6",
    "^[a-z]{2}$": "use a language code of two letters, like fr",
}


def _message(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(_place(error))
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"should be {context['expected']}"
    if kind == "string_pattern_mismatch":
        hint = _PATTERNS.get(context["pattern"], f"does not fit {context['pattern']}")
        return f"{_shortened(error['input'])!r}: {hint}"
    if kind in _MESSAGES:
        return _MESSAGES[kind].format(**context)
    text = error["msg"].removeprefix("Input ")
    return text[:1].lower() + text[1:]


def _shortened(text: Any) -> Any:
    return f"{text[:60]}…" if isinstance(text, str) and len(text) > 60 else text


def _unknown_key(place: Place) -> str:
    """Return the message for an unknown key; it suggests only a key that exists at that place."""
    key, known = str(place[-1]), keys_at(place[:-1])
    close = difflib.get_close_matches(key[:100], known, n=1, cutoff=0.7)
    if close:
        return f"unknown key: did you mean {close[0]!r}?"
    if len(place) > 1 and key in Protocol.model_fields:
        return "unknown key here: it belongs at the top of the file, before the first [table]"
    return "unknown key"


def keys_at(place: Place) -> list[str]:
    """Return the keys that a table at a place of the file may have."""
    part: type[Part] = Protocol
    named = False
    for step in place:
        # A number counts the elements of a list; behind `forms`, `ratio` … the file chooses the key.
        if named or isinstance(step, int):
            named = False
            continue
        field = next((each for name, each in part.model_fields.items() if (each.alias or name) == step), None)
        if field is None:
            return []
        part, named = next(_parts_in(field.annotation), Part), _is_mapping(field.annotation)
    return keys_of(part)


def _parts_in(annotation: Any) -> Iterator[type[Part]]:
    """Yield the parts that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inside in get_args(annotation):
        yield from _parts_in(inside)


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict or any(map(_is_mapping, get_args(annotation)))


def keys_of(part: type[Part]) -> list[str]:
    """Return the keys of one part as written in the file; the code of a form is the key of its table."""
    names = [field.alias or name for name, field in part.model_fields.items()]
    return [name for name in names if not (part is Form and name == "code")]


def parts_of_schema(part: type[Part]) -> Iterator[type[Part]]:
    """Yield every part of the schema."""
    for each in part.__subclasses__():
        yield each
        yield from parts_of_schema(each)


_REMOVED: Final = object()
_NECESSARY: Final[Mapping[str, Any]] = {
    "trial": {
        "id": "unknown",
        "version": "0",
        "title": {"en": "unknown"},
        "short_title": "unknown",
        "masking": "open",
        "phase": "unknown",
        "target": 1,
        "subject_code": "{number}",
        "site": {"name": "unknown", "country": "XX", "time_zone": "UTC", "languages": ["en"]},
        "follow_up_days": 1,
    },
    "consent": {"types": ["patient", "legal_representative", "impartial_witness"], "versions": ["0"]},
    "safety": {"ctcae": "5.0", "follow_up_days": 1},
    "visits": [{"code": "S", "title": {"en": "S"}, "kind": "screening", "anchor": "screening", "day": 0}],
    "forms": {
        "unknown": {"title": {"en": "F"}, "items": [{"name": "i", "type": "text", "label": {"en": "I"}}]},
    },
}
"""Placeholder for a required table of the wrong shape, so that the other tables can be checked."""


def set_aside(error: ValidationError, raw: Mapping[str, Any]) -> Protocol | None:
    """Return the protocol without the parts of the wrong shape; None if too little is left of it."""
    left = copy.deepcopy(dict(raw))
    # Removing a part may leave its container invalid: validate and remove again, a limited number of times.
    for _ in range(12):
        for each in error.errors():
            _remove(left, _place(each))
        left = _swept(left)
        for table, stand_in in _NECESSARY.items():
            left.setdefault(table, stand_in)
        try:
            return Protocol.model_validate(left)
        except ValidationError as again:
            error = again
    return None


def _remove(left: dict[str, Any], place: Place) -> None:
    """Remove the key at ``place``, or the part that should have held it if the key is missing."""
    here: Any = left
    trail: list[tuple[Any, str | int]] = []
    for step in place:
        inside = _inside(here, step)
        if inside is _REMOVED:
            return
        if inside is None:
            break
        trail.append((here, step))
        here = inside
    if trail:
        container, step = trail[-1]
        container[step] = _REMOVED


def _swept(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _swept(each) for key, each in value.items() if each is not _REMOVED}
    if isinstance(value, list):
        return [_swept(each) for each in value if each is not _REMOVED]
    return value
