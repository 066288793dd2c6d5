"""Queries as annotations, and signatures: where they stand in an ODM file, and what they say."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from exports.odm import captured, oids
from exports.odm.content import FormDataPlace, GroupKey
from exports.odm.facts import FactForm, as_text
from exports.odm.study_sources import StoredRow, StudySources
from patients.casebook.facts import KINDS
from patients.models import Patient, Query, Record, Visit

# Number of the annotation that says why a value is missing; a query has the number after its own.
MISSING_NUMBER = 1
Key = tuple[str, Any]
"""Label of a model and key of a row."""


class QueryPlace(NamedTuple):
    """The element that a query is about: a form, or one item of a group in it."""

    place: FormDataPlace
    version: int
    group: GroupKey | None = None
    item: str = ""


class Annotation(NamedTuple):
    """A query with its thread. number: unique among the annotations of a patient."""

    number: int
    text: str
    state: str
    origin: str


@dataclass
class Known:
    """The rows of one patient read so far: places of rows by key, columns of forms, queries and their messages."""

    places: dict[Key, tuple[FormDataPlace, int]] = field(default_factory=dict)
    records: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    queries: dict[int, StoredRow] = field(default_factory=dict)
    messages: dict[int, dict[int, StoredRow]] = field(default_factory=lambda: defaultdict(dict))

    def learn(self, stored: StoredRow, place: FormDataPlace, version: int) -> None:
        """Keep the place of a row."""
        self.places[stored.model._meta.label_lower, stored.columns["id"]] = (place, version)
        if stored.model is Record:
            self.records[stored.columns["id"]] = stored.columns

    def thread(self, stored: StoredRow) -> int:
        """Keep a query or a message; return the key of the query."""
        if stored.model is Query:
            self.queries[stored.columns["id"]] = stored
            return int(stored.columns["id"])
        query = int(stored.columns["query_id"])
        self.messages[query][stored.columns["id"]] = stored
        return query


class Remarks:
    """Finds where queries and signatures of a patient stand."""

    def __init__(self, sources: StudySources) -> None:
        self.sources = sources

    def target(self, query: Mapping[str, Any], known: Known) -> QueryPlace | None:
        """Return the subject of a query; None if its row is not in the file."""
        if query["record_id"] is not None:
            return self._in_record(query, known)
        model = KINDS[query["target"]].model
        found = known.places.get((model._meta.label_lower, query["target_id"]))
        form = self.sources.facts.get(model)
        if found is None or form is None:
            return None
        item = oids.fact_item(form.tables[0].name, query["item"])
        if item not in _items_of(form):
            return QueryPlace(*found)
        return QueryPlace(*found, (oids.fact_group(form.tables[0].name), ""), item)

    def _in_record(self, query: Mapping[str, Any], known: Known) -> QueryPlace | None:
        found = known.places.get((Record._meta.label_lower, query["record_id"]))
        if found is None:
            return None
        code = known.records[query["record_id"]]["form"]
        form = self.sources.study.forms.form(found[1], code)
        if form is None or query["item"] not in form.items:
            return QueryPlace(*found)
        if not query["row"]:
            item = captured.first_oid(form, code, query["item"])
            return QueryPlace(*found, (oids.group(code), ""), item)
        group = (oids.group(code, query["item"]), query["row"])
        column = query["column"]
        if not column:
            return QueryPlace(*found, group, oids.item(code, query["item"], captured.ROW_NUMBER))
        return QueryPlace(*found, group, captured.first_oid(form, code, query["item"], column))

    def annotation(self, query: int, known: Known) -> Annotation:
        """Return a query with all that was said in its thread."""
        stored = known.queries[query]
        columns = stored.columns
        lines = [self._line(columns["opened_at"], stored, columns["text"])]
        for _key, message in sorted(known.messages[query].items()):
            lines.append(self._line(message.columns["at"], message, message.columns["text"]))
        if columns["closed_at"]:
            because = as_text(columns["closed_because"])
            lines.append(f"{_minute(columns['closed_at'])} closed{f': {because}' if because else ''}")
        if columns["check_id"]:
            lines.append(f"Check {columns['check_id']}")
        return Annotation(query + MISSING_NUMBER, "\n".join(lines), columns["state"], columns["origin"])

    def _line(self, at: datetime, stored: StoredRow, text: Any) -> str:
        role = stored.columns.get("author_role", "")
        by_check = stored.columns.get("origin") == Query.Origin.CHECK
        who = "check" if by_check else f"{self.sources.person(stored)}{f' ({role})' if role else ''}"
        return f"{_minute(at)} {who}: {as_text(text)}"

    def signed(self, signature: Mapping[str, Any], known: Known) -> tuple[str, FormDataPlace, int] | None:
        """Return the level that a signature stands on (subject, event, form), a place and a version; None if its row
        is not in the file."""
        label = signature["target_type"]
        found = known.places.get((label, signature["target_id"]))
        if found is None:
            return None
        levels = {Patient._meta.label_lower: "subject", Visit._meta.label_lower: "event"}
        return levels.get(label, "form"), *found


def valid(signature: Mapping[str, Any]) -> bool:
    """Return whether a signature holds."""
    return signature["invalidated_at"] is None


def _items_of(form: FactForm) -> frozenset[str]:
    return frozenset(column.item.oid for column in form.tables[0].columns)


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
