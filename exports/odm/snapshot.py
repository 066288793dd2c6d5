"""The data of every patient as they are now, in ODM 1.3.2."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.models import Signature
from exports.odm.content import Content, FormPlace, GroupKey
from exports.odm.odm1_data import DataNodes
from exports.odm.remarks import Annotation, Known, Remarks, valid
from exports.odm.study_sources import THREADS, Stored, StudySources, StudySubject
from exports.odm.xml_nodes import Element

OfForm = dict[tuple[GroupKey, str], list[Annotation]]


@dataclass
class _Patient:
    """What the elements of one patient are made of."""

    # By version, then event, then form.
    rows: dict[int, dict[tuple[str, str], dict[FormPlace, Content]]] = field(default_factory=dict)
    on_items: dict[FormPlace, OfForm] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    on_forms: dict[FormPlace, list[Annotation]] = field(default_factory=lambda: defaultdict(list))
    signatures: dict[tuple[str, int, Any], Any] = field(default_factory=dict)


def snapshot_subjects(sources: StudySources, nodes: DataNodes) -> Iterator[tuple[int, Element]]:
    """Yield key of the version and element of each patient: one for each version that defines a part of the data."""
    for chunk in sources.chunks():
        rows = sources.now(chunk)
        for subject in chunk:
            patient = _collected(sources, subject, rows.pop(subject.pk, []))
            for version, events in patient.rows.items():
                yield version, _element(nodes, subject, patient, version, events)


def _collected(sources: StudySources, subject: StudySubject, rows: list[Stored]) -> _Patient:
    patient, known, remarks = _Patient(), Known(), Remarks(sources)
    for stored in rows:
        if stored.model in THREADS:
            known.thread(stored)
            continue
        row = sources.row(stored, subject)
        known.learn(stored, row.place, row.version)
        events = patient.rows.setdefault(row.version, {})
        events.setdefault(row.place[:2], {})[row.place] = row.content
    for key, query in known.queries.items():
        target = remarks.target(query.columns, known)
        if target is not None and target.group is not None:
            patient.on_items[target.place][target.group, target.item].append(remarks.annotation(key, known))
        elif target is not None:
            patient.on_forms[target.place].append(remarks.annotation(key, known))
    for stored in rows:
        if stored.model is Signature and valid(stored.columns):
            _sign(patient, stored.columns, remarks, known)
    return patient


def _sign(patient: _Patient, columns: dict[str, Any], remarks: Remarks, known: Known) -> None:
    """Keep the newest valid signature of each element; all of them are forms of their own."""
    signed = remarks.signed(columns, known)
    if signed is not None:
        level, place, version = signed
        where = {"subject": None, "event": place[:2], "form": place}[level]
        patient.signatures[level, version, where] = columns


def _element(
    nodes: DataNodes,
    subject: StudySubject,
    patient: _Patient,
    version: int,
    events: dict[tuple[str, str], dict[FormPlace, Content]],
) -> Element:
    made = nodes.subject(subject.code)
    _signature(nodes, made, patient, ("subject", version, None))
    nodes.site(made)
    for key, forms in events.items():
        event = nodes.event(made, next(iter(forms)))
        _signature(nodes, event, patient, ("event", version, key))
        for place, content in forms.items():
            form = nodes.form(event, place)
            _signature(nodes, form, patient, ("form", version, place))
            for annotation in patient.on_forms.get(place, ()):
                nodes.annotation(form, annotation)
            nodes.content(form, content, patient.on_items.get(place, {}))
    return made


def _signature(nodes: DataNodes, element: Element, patient: _Patient, key: tuple[str, int, Any]) -> None:
    if key in patient.signatures:
        nodes.signature(element, patient.signatures[key])
