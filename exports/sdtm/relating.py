"""Data sets about other records: SUPP-- (supplemental qualifiers), CO (comments), RELREC (relations). No Django."""

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any

from exports.sdtm.observations import COMMENT_PARTS, Observation, Relation, Remark, pieces


def supplements(row: Observation) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the supplemental qualifiers of a record with their sources; a long value in several, numbered."""
    for each in row.supplements:
        for number, text in enumerate(pieces(each.value)):
            yield (
                {
                    "RDOMAIN": row.domain,
                    **_pointer(row),
                    "QNAM": f"{each.name[:7]}{number}" if number else each.name,
                    "QLABEL": f"{each.label[:37]} {number}" if number else each.label,
                    "QVAL": text,
                    "QORIG": each.origin,
                },
                each.source,
            )


def _pointer(row: Observation) -> dict[str, Any]:
    if not row.sequence:
        return {"IDVAR": None, "IDVARVAL": None}
    return {"IDVAR": row.name("SEQ"), "IDVARVAL": str(row.sequence)}


def comments(rows: Sequence[Observation], remarks: Sequence[Remark]) -> Iterator[dict[str, Any]]:
    """Yield the comments on records, then those on a form as a whole."""
    numbers = count(1)
    for row in rows:
        for text in row.comments:
            for values in _parts(text):
                yield {"COSEQ": next(numbers), "RDOMAIN": row.domain, **_pointer(row), **values}
    for remark in remarks:
        for values in _parts(remark.text):
            yield {
                "COSEQ": next(numbers), "COREF": remark.reference[:200], "CODTC": remark.date or None, **values,
            }  # fmt: skip


def _parts(text: str) -> Iterator[dict[str, str]]:
    found = pieces(text)
    while parts := list(islice(found, COMMENT_PARTS)):
        yield {f"COVAL{number or ''}": part for number, part in enumerate(parts)}


def related_records(relations: Sequence[Relation]) -> Iterator[dict[str, Any]]:
    """Yield the members of each relation under one number."""
    for number, relation in enumerate(relations, start=1):
        for row in relation.observations:
            if row.sequence:
                yield {
                    "RDOMAIN": row.domain, **_pointer(row), "RELTYPE": None, "RELID": f"R{number}",
                }  # fmt: skip
