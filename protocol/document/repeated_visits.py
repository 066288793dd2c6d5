"""Repeated visits of a protocol file: `every = 7, times = 52` is written out as 52 visits before the file is read."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MOST_TIMES: Final = 200
NUMBER: Final = "{number}"
_CODE = re.compile(r"[A-Za-z0-9]{1,17}")


def written_out(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file with each repeated visit as visits of its own, `W1` to `W52`.

    A visit whose keys of repetition have mistakes stays as it is: they are reported at it.
    """
    visits = raw.get("visits")
    if not isinstance(visits, list):
        return dict(raw)
    return {**raw, "visits": [visit for written in visits for visit in _visits(written)]}


def repetition_mistake(visit: Mapping[str, Any]) -> str:
    """Return the mistake in `every` and `times` of a visit as written; empty if there is none."""
    every, times = visit.get("every"), visit.get("times")
    if every is None and times is None:
        return ""
    if every is None or times is None:
        return "a repeated visit has both: every = 7 and times = 52"
    if not _is_count(every) or not _is_count(times) or times > MOST_TIMES:
        return f"every and times are whole numbers from 1, and times is at most {MOST_TIMES}"
    if visit.get("kind") != "follow_up":
        return "only a visit of kind follow_up is repeated"
    if not isinstance(visit.get("day"), int) or not _CODE.fullmatch(str(visit.get("code"))):
        return "a repeated visit has a day, and a code of at most 17 letters and digits"
    return ""


def _visits(written: Any) -> Iterator[Any]:
    if not isinstance(written, dict) or "every" not in written or repetition_mistake(written):
        yield written
        return
    once = {key: value for key, value in written.items() if key not in ("every", "times")}
    for number in range(1, written["times"] + 1):
        yield {
            **once,
            "code": f"{written['code']}{number}",
            "title": _numbered(written.get("title"), number),
            "day": written["day"] + (number - 1) * written["every"],
        }


def _numbered(title: Any, number: int) -> Any:
    if not isinstance(title, dict):
        return title
    return {
        language: _with_number(text, number) if isinstance(text, str) else text
        for language, text in title.items()
    }


def _with_number(text: str, number: int) -> str:
    return text.replace(NUMBER, str(number)) if NUMBER in text else f"{text} {number}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
