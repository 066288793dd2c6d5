"""How the data came about, in ODM 1.3.2: each row of the histories is a transaction with its audit record.

Applied in their order, the transactions give the snapshot. The rows of one patient follow each other by their time;
those of one table always in the order in which they were written.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from typing import Any

from audit.models import Signature
from exports.odm.content import Content, FormDataPlace
from exports.odm.odm1_data import DataNodes
from exports.odm.remarks import Annotation, Known, QueryPlace, Remarks
from exports.odm.study_sources import THREADS, Change, StoredRow, StudySources, StudySubject
from exports.odm.xml_nodes import Element

INSERT, UPDATE, REMOVE, CONTEXT = "Insert", "Update", "Remove", "Context"


@dataclass
class _State:
    """What the transactions of one patient have told so far.

    left: how many entries of each row are still to come. rows: those of which one is, as they were told; what they say
    is made again then, because it takes many times the memory of its place in the file of rows.
    """

    subject: StudySubject
    left: Counter[tuple[str, Any]]
    known: Known = field(default_factory=Known)
    rows: dict[tuple[str, Any], StoredRow] = field(default_factory=dict)
    events: set[tuple[str, str]] = field(default_factory=set)
    annotated: dict[int, Annotation] = field(default_factory=dict)
    told: bool = False


class _Opened:
    """The elements down to a form that one transaction is made in."""

    def __init__(self, nodes: DataNodes, state: _State, place: FormDataPlace, kind: str) -> None:
        self.nodes = nodes
        self.subject = nodes.subject(state.subject.code, kind=CONTEXT if state.told else INSERT)
        nodes.site(self.subject)
        known = place[:2] in state.events
        self.event = nodes.event(self.subject, place, kind=CONTEXT if known else INSERT)
        self.form = nodes.form(self.event, place, kind=kind)
        state.told = True
        state.events.add(place[:2])


def transactions(sources: StudySources, nodes: DataNodes) -> Iterator[tuple[int, Element]]:
    """Yield key of the version and element of each transaction, patient by patient."""
    for subject, rows in sources.history():
        yield from _of_patient(sources, nodes, subject, rows)
        # Before the next patients are read: a patient with many rows would be held twice.
        del rows


def _of_patient(
    sources: StudySources, nodes: DataNodes, subject: StudySubject, rows: list[StoredRow]
) -> Iterator[tuple[int, Element]]:
    state, remarks = _State(subject, Counter(_key(stored) for stored in rows)), Remarks(sources)
    streams = [list(each) for _model, each in groupby(rows, key=lambda stored: stored.model)]
    # A stream keeps its own order even if the clock was set back between two rows.
    early = list[tuple[int, StoredRow]]()
    for stored in merge(*streams, key=_time):
        if stored.model in THREADS:
            query = state.known.thread(stored)
            told = list(_query(nodes, remarks, state, query, stored))
            early += [] if told else [(query, stored)]
            yield from told
        else:
            yield from _row(sources, nodes, state, stored)
        if stored.model is Signature:
            yield from _signature(nodes, remarks, state, stored)
    # After the clock was set back, a query may be older than the row that it is about.
    for query, stored in early:
        yield from _query(nodes, remarks, state, query, stored)


def _time(stored: StoredRow) -> Any:
    return _change(stored).at


def _change(stored: StoredRow) -> Change:
    if stored.change is None:
        raise ValueError("a row of a history says who changed it")
    return stored.change


def _source(stored: StoredRow) -> str:
    """Return the entry of the trail: table, key of the row, number of the change, where it came from."""
    change = _change(stored)
    return f"{stored.model._meta.label_lower}/{stored.columns['id']}/{change.number}/{change.origin}"


def _key(stored: StoredRow) -> tuple[str, Any]:
    return stored.model._meta.label_lower, stored.columns["id"]


def _row(
    sources: StudySources, nodes: DataNodes, state: _State, stored: StoredRow
) -> Iterator[tuple[int, Element]]:
    key = _key(stored)
    state.left[key] -= 1
    told, change, source = state.rows.pop(key, None), _change(stored), _source(stored)
    before = sources.row(told, state.subject) if told is not None else None
    now = sources.row(stored, state.subject) if change.kind != "-" else None
    if before is not None and (now is None or now.place != before.place):
        opened = _Opened(nodes, state, before.place, REMOVE)
        nodes.audit(opened.form, change, source)
        yield before.version, opened.subject
        before = None
    if now is None:
        return
    if state.left[key]:
        state.rows[key] = stored
    state.known.learn(stored, now.place, now.version)
    earlier = before.content if before is not None else {}
    if before is not None and earlier == now.content:
        return
    opened = _Opened(nodes, state, now.place, INSERT if before is None else CONTEXT)
    if before is None:
        nodes.audit(opened.form, change, source)
    _groups(nodes, opened.form, earlier, now.content, change, source)
    yield now.version, opened.subject


def _groups(
    nodes: DataNodes, form: Element, before: Content, now: Content, change: Change, source: str
) -> None:
    for key in {**before, **now}:
        old, new = before.get(key, {}), now.get(key, {})
        if old == new:
            continue
        if key not in now:
            nodes.audit(nodes.group(form, key, kind=REMOVE), change, source)
            continue
        group = nodes.group(form, key, kind=CONTEXT if key in before else INSERT)
        for oid in {**old, **new}:
            was, datum = old.get(oid), new.get(oid)
            if was != datum:
                kind = INSERT if was is None else REMOVE if datum is None else UPDATE
                nodes.item(group, oid, datum, kind=kind, change=change, source=source)


def _query(
    nodes: DataNodes, remarks: Remarks, state: _State, query: int, stored: StoredRow
) -> Iterator[tuple[int, Element]]:
    """Yield the annotation of a query if its row or its thread changed. stored: the entry that changed it."""
    if query not in state.known.queries:
        return
    target = remarks.target(state.known.queries[query].columns, state.known)
    annotation = remarks.annotation(query, state.known)
    before = state.annotated.get(query)
    if target is None or before == annotation:
        return
    state.annotated[query] = annotation
    yield target.version, _annotated(nodes, state, stored, target, annotation, known=before is not None)


def _annotated(
    nodes: DataNodes,
    state: _State,
    stored: StoredRow,
    target: QueryPlace,
    annotation: Annotation,
    *,
    known: bool,
) -> Element:
    opened = _Opened(nodes, state, target.place, CONTEXT)
    parent = opened.form
    if target.group is not None:
        group = nodes.group(opened.form, target.group, kind=CONTEXT)
        nodes.item(group, target.item, None, kind=CONTEXT)
        parent = group[0]
    nodes.audit(parent, _change(stored), _source(stored))
    nodes.annotation(parent, annotation, kind=UPDATE if known else INSERT)
    return opened.subject


def _signature(
    nodes: DataNodes, remarks: Remarks, state: _State, stored: StoredRow
) -> Iterator[tuple[int, Element]]:
    """Yield a signature on the element that was signed. That it ended is told by its own form."""
    signed = remarks.signed(stored.columns, state.known)
    if signed is None or _change(stored).kind != "+":
        return
    level, place, version = signed
    if level == "subject":
        subject = nodes.subject(state.subject.code, kind=CONTEXT)
        nodes.audit(subject, _change(stored), _source(stored))
        nodes.signature(subject, stored.columns)
        nodes.site(subject)
        yield version, subject
        return
    subject = nodes.subject(state.subject.code, kind=CONTEXT)
    nodes.site(subject)
    element = nodes.event(subject, place, kind=CONTEXT)
    if level == "form":
        element = nodes.form(element, place, kind=CONTEXT)
    nodes.audit(element, _change(stored), _source(stored))
    nodes.signature(element, stored.columns)
    yield version, subject
