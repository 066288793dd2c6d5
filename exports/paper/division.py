"""Divide the casebook of one patient into pieces, so that memory is not that of all its pages.

A piece has some of the sections, or some rows of one: consents, forms, infusions, entries of the trail. What the whole
casebook prints, its pieces print in the same order, each thing once.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

Part = dict[str, Any]
# As the template prints them.
SECTIONS: Final = (
    "consents", "decisions", "plan", "visits", "logs", "infusions", "events", "deviations", "samples", "contacts",
    "queries", "signatures", "trail",
)  # fmt: skip


def pieces(part: Part, most_bytes: int) -> list[Part]:
    """Return the casebook in pieces of about so many bytes of JSON; a larger form or row has a piece of its own.

    The first piece has the facts of the patient; it counts the entries of the trail (`entries`). Each other one is
    `continued`: by the name of the section in which it begins, or blank where it begins with a new section or visit.
    """
    first = {name: inner for name, inner in part.items() if name not in SECTIONS}
    found = [{**first, "entries": len(part["trail"])}]
    size, begun = _size(found[0]), ""
    for section in SECTIONS:
        if not part[section]:
            found[-1][section] = []
        for row in _rows(part, section):
            more = _size(row)
            if size + more > most_bytes and begun:
                goes_on = row.get("continued", False) if section == "visits" else section == begun
                head = {"code": part["code"], "version": part["version"]}
                found.append({**head, "continued": section if goes_on else ""})
                size = _size(found[-1])
            _add(row, section, found[-1])
            size, begun = size + more, section
    return found


def _rows(part: Part, section: str) -> Iterator[Any]:
    """Yield the rows of a section; of a visit one form or infusion at a time, the first with the facts of the visit."""
    if section != "visits":
        yield from part[section]
        return
    for visit in part["visits"]:
        bare = {**visit, "forms": [], "infusions": []}
        for kind in ("forms", "infusions"):
            for row in visit[kind]:
                yield {**bare, kind: [row]}
                bare = {**bare, "facts": [], "past": [], "continued": True}
        if "continued" not in bare:
            yield bare


def _add(row: Any, section: str, piece: Part) -> None:
    rows = piece.setdefault(section, [])
    if section == "visits" and rows and row.get("continued", False):
        # The visit stands in this piece already. Lists of its own, because those of the row may be shared.
        rows[-1] = {**rows[-1], **{kind: rows[-1][kind] + row[kind] for kind in ("forms", "infusions")}}
    else:
        rows.append(row)


def _size(row: Any) -> int:
    return len(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace"))
