"""The chapters of the annotated forms: one for each form, and one for each page that is no form. No Django models.

A form that several protocol versions have alike is one chapter.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from exports.paper.crf import item_part
from exports.sdtm.annotations import annotated_form, annotated_forms
from exports.sdtm.observations import domain_of
from exports.sdtm.pages import AnnotationRow, annotated_pages
from exports.tables.study_columns import TITLES
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.document.tabulation import FINDINGS

Part = dict[str, Any]
WITH_RESULT = ("ORRESU", "STAT", "REASND", "DTC")
WITH_OCCURRENCE = ("STAT", "REASND", "DTC", "STDTC", "ENDTC", "TERM", "TRT")
"""Variables of a domain that are collected with each result, or with each occurrence, and are not annotated again."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One form or page: the rows that annotate it, and its questions as they are printed.

    versions: the protocol versions that have it so; none for a page that every version has. visits: codes and titles
    of the visits at which it is asked.
    """

    code: str
    title: str
    versions: tuple[str, ...]
    visits: tuple[tuple[str, str], ...]
    groups: tuple[Part, ...]
    rows: tuple[AnnotationRow, ...]

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Return the data sets that its answers go to, each once."""
        return tuple(dict.fromkeys(row.data_set for row in self.rows if row.data_set))

    def named(self, data_set: str) -> set[str]:
        """Return the variables that its annotations name before their condition."""
        return {name for row in self.rows if row.data_set == data_set for name in self.named_in(row)}

    def named_in(self, row: AnnotationRow) -> set[str]:
        """Return the variables that an annotation names before its condition; none if it is not submitted."""
        if not row.data_set:
            return set()
        words = row.words.partition(" when ")[0]
        return set(re.findall(r"\w+", words)) & domain_of(row.data_set).names

    def beside(self, data_set: str) -> list[str]:
        """Return the collected variables that go with each of its results or occurrences in a data set."""
        topics = {f"{data_set}ORRES", f"{data_set}OCCUR"} & self.named(data_set)
        if not topics:
            return []
        parts = WITH_RESULT if data_set in FINDINGS | {"BS", "IE"} else WITH_OCCURRENCE
        names = {f"{data_set}{part}" for part in parts} - self.named(data_set)
        return [
            each.name
            for each in domain_of(data_set).variables
            if each.name in names and each.origin == "Collected"
        ]


def chapters(versions: Sequence[Protocol], *, with_masked: bool) -> list[Chapter]:
    """Return the chapters in the order of the forms, the other pages last. with_masked: also what tells the arm."""
    found: list[Chapter] = []
    for rules in versions:
        for form in annotated_forms(rules):
            made = _of_form(rules, form, with_masked=with_masked)
            place = next((n for n, each in enumerate(found) if _alike(each, made)), None)
            if place is None:
                found.append(made)
            else:
                found[place] = replace(found[place], versions=found[place].versions + made.versions)
    order = {code: number for number, code in enumerate(dict.fromkeys(each.code for each in found))}
    found.sort(key=lambda each: order[each.code])
    pages = groupby(annotated_pages(with_treatment=with_masked), key=lambda row: row.form)
    return [each for each in found if each.rows] + [_of_page(table, rows) for table, rows in pages]


def _alike(one: Chapter, other: Chapter) -> bool:
    """Return True if two versions have the form alike."""
    same = ("code", "title", "visits", "groups")
    rows = [[row._replace(version="") for row in each.rows] for each in (one, other)]
    return rows[0] == rows[1] and all(getattr(one, name) == getattr(other, name) for name in same)


def _of_form(rules: Protocol, form: Form, *, with_masked: bool) -> Chapter:
    groups = [(group.title.in_language("en") if group.title else "", group.items) for group in form.groups]
    if with_masked and form.masked_items:
        groups.append(("Results that tell the arm", form.masked_items))
    visits = [visit for visit in rules.visits if form.code in visit.form_codes]
    return Chapter(
        code=form.code,
        title=form.title.in_language("en"),
        versions=(rules.trial.version,),
        visits=tuple((visit.code, visit.title.in_language("en")) for visit in visits),
        groups=tuple({"title": title, "items": _items(items, form, rules)} for title, items in groups),
        rows=tuple(annotated_form(rules, form, with_masked=with_masked)),
    )


def _items(items: Iterable[Item], form: Form, rules: Protocol) -> list[Part]:
    return [item_part(item, form, rules, "en", annotated=False) for item in items]


def _of_page(table: str, rows: Iterator[AnnotationRow]) -> Chapter:
    kept = tuple(rows)
    items = [
        {"name": name, "label": label} for name, label in dict.fromkeys((row.item, row.label) for row in kept)
    ]
    return Chapter(table, TITLES[table], (), (), ({"title": "", "items": items},), kept)
