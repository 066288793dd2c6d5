"""`acrf.pdf`: every form with its questions and where their answers go, made from the protocol files alone.

The same versions give the same bytes: the document states no moment of its making and nobody who made it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.utils import translation

from exports.paper import labels
from exports.paper.typesetting import Making, typeset_placed
from exports.sdtm.acrf.chapters import Chapter, chapters
from exports.sdtm.acrf.references import PageReferences
from exports.sdtm.observations import domain_of
from exports.sdtm.pages import AnnotationRow
from exports.sdtm.standard.tables import SUPPLEMENT, domains
from exports.sdtm.study import Study

NOTES = (
    "Beside each question of a form stands the variable of the SDTM data sets that holds the answer.",
    "An item marked [NOT SUBMITTED] goes nowhere; the reason stands beside it.",
    "Under the title of a form: its data sets, and the variables that are collected with each of its results.",
    "Pages that are no forms of the protocol file follow the forms, with the columns that are submitted.",
)
WORDS = {
    "with_each": "with each record", "versions": "Protocol versions", "by_visit": "Forms by visit",
    "at_any_time": "Logs and pages that belong to no visit", "every_version": "Every protocol version",
}  # fmt: skip


@dataclass(frozen=True)
class AnnotatedForms:
    """The PDF, and on which of its pages each variable stands."""

    pdf: bytes
    references: PageReferences


def annotated_forms(study: Study, *, version: str) -> AnnotatedForms:
    """Return the annotated forms of a study, as its reader may know them. version: of this program.

    Raises NotPrinted if the document cannot be set.
    """
    rules = [each.rules for each in study.versions.values()]
    with translation.override("en"):
        found = chapters(rules, with_masked=not study.hides_arms)
        marks: list[tuple[Chapter, AnnotationRow | str]] = []
        parts = [_part(number, chapter, marks) for number, chapter in enumerate(found)]
        newest = max(each.effective_from for each in study.versions.values())
        pdf, places = typeset_placed(
            template="acrf",
            head=_head(study, found),
            parts=parts,
            making=Making(at=datetime.combine(newest, time(12), UTC), at_words="", by="Stroma"),
            version=version,
        )
    return AnnotatedForms(pdf, _references(marks, places))


def _references(
    marks: Sequence[tuple[Chapter, AnnotationRow | str]], places: Sequence[tuple[int, int]]
) -> PageReferences:
    """Return where the marked annotations stand. A mark: a row, or a data set whose variables the head names."""
    found = PageReferences()
    for mark, page in places:
        chapter, what = marks[mark]
        if isinstance(what, str):
            for name in chapter.beside(what):
                found.put(what, name, page)
        elif what.data_set:
            found.add(what, chapter.named_in(what), page)
    return found


def _head(study: Study, found: Sequence[Chapter]) -> dict[str, Any]:
    facts, versions = study.rules.trial, [each.version for each in study.versions.values()]
    words = {**labels.COMMON, **labels.CRF}
    visits = dict.fromkeys(visit for chapter in found for visit in chapter.visits)
    return {
        "language": "en",
        "title": "Annotated case report form",
        "kind": "Case report form",
        "annotated": True,
        "trial": {
            "id": facts.id, "title": facts.title.in_language("en"), "version": ", ".join(versions), "unblinded": "",
        },
        "facts": [
            ("Trial", facts.id), ("Sponsor", facts.sponsor or ""), (WORDS["versions"], ", ".join(versions)),
        ],
        "notes": NOTES,
        "words": {**{name: str(each) for name, each in words.items()}, **WORDS},
        "footed": "Made from the protocol files alone",
        "visits": [
            {"code": code, "title": title, "chapters": _at(found, (code, title))} for code, title in visits
        ],
        "elsewhere": [number for number, chapter in enumerate(found) if not chapter.visits],
        "titles": [_title(chapter, found) for chapter in found],
    }  # fmt: skip


def _at(found: Sequence[Chapter], visit: tuple[str, str]) -> list[int]:
    return [number for number, chapter in enumerate(found) if visit in chapter.visits]


def _title(chapter: Chapter, found: Sequence[Chapter]) -> str:
    """Return the title, with the versions where others have the form otherwise."""
    several = sum(each.code == chapter.code and bool(each.versions) for each in found) > 1
    return (
        f"{chapter.title} ({', '.join(chapter.versions)})" if several and chapter.versions else chapter.title
    )


def _part(number: int, chapter: Chapter, marks: list[tuple[Chapter, AnnotationRow | str]]) -> dict[str, Any]:
    """Return a chapter as it is printed, and note its marks: their numbers are their places in the list."""
    data_sets = []
    for name in chapter.data_sets:
        data_sets.append([len(marks), name, _label(name), chapter.beside(name)])
        marks.append((chapter, name))
    rows: dict[str, list[tuple[int, str, str]]] = {}
    for row in chapter.rows:
        rows.setdefault(row.item, []).append((len(marks), row.data_set, row.words))
        marks.append((chapter, row))
    return {
        "number": number,
        "code": chapter.code,
        "versions": ", ".join(chapter.versions),
        "visits": [title for _code, title in chapter.visits],
        "data_sets": data_sets,
        "groups": chapter.groups,
        "annotations": rows,
    }


def _label(data_set: str) -> str:
    label = domain_of(data_set).label
    if data_set.startswith("SUPP"):
        return f"{domains()[SUPPLEMENT].label}{data_set.removeprefix('SUPP')}"
    return label
