"""The data of every patient as they are now, in ODM 1.3.2."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from audit.models import Signature
from exports.odm.content import FormDataPlace, GroupKey
from exports.odm.odm1_data import DataNodes
from exports.odm.remarks import Annotation, Known, Remarks, valid
from exports.odm.study_sources import THREADS, StoredRow, StudySources, StudySubject
from exports.odm.xml_nodes import Element

OfForm = dict[tuple[GroupKey, str], list[Annotation]]


@dataclass
class _Patient:
    """The sources of the elements of one patient. rows: by version, then event, then form."""

    rows: dict[int, dict[tuple[str, str], dict[FormDataPlace, StoredRow]]] = field(default_factory=dict)
    on_items: dict[FormDataPlace, OfForm] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    on_forms: dict[FormDataPlace, list[Annotation]] = field(default_factory=lambda: defaultdict(list))
    signatures: dict[tuple[str, int, Any], Any] = field(default_factory=dict)


class EventPart(NamedTuple):
    """An event with its signature, and its forms, each made when it is written."""

    element: Element
    forms: Iterator[Element]


class SubjectPart(NamedTuple):
    """A subject with its signature and site, and its events."""

    element: Element
    events: Iterator[EventPart]


def snapshot_subjects(sources: StudySources, nodes: DataNodes) -> Iterator[tuple[int, SubjectPart]]:
    """Yield key of the version and parts of each patient: once for each version that defines a part of the data."""
    for subject, rows in sources.now():
        patient = _collected(sources, subject, rows)
        for version in patient.rows:
            element = nodes.subject(subject.code)
            _signature(nodes, element, patient, ("subject", version, None))
            nodes.site(element)
            yield version, SubjectPart(element, _events(sources, nodes, patient, version))
        # Before the next patients are read: a patient with many rows would be held twice.
        del rows, patient


def _collected(sources: StudySources, subject: StudySubject, rows: list[StoredRow]) -> _Patient:
    patient, known, remarks = _Patient(), Known(), Remarks(sources)
    for stored in rows:
        if stored.model in THREADS:
            known.thread(stored)
            continue
        place, version = sources.placed(stored, subject)
        known.learn(stored, place, version)
        events = patient.rows.setdefault(version, {})
        events.setdefault(place[:2], {})[place] = stored
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


def _sign(patient: _Patient, columns: Mapping[str, Any], remarks: Remarks, known: Known) -> None:
    """Keep the newest valid signature of each element; all of them are forms of their own."""
    signed = remarks.signed(columns, known)
    if signed is not None:
        level, place, version = signed
        where = {"subject": None, "event": place[:2], "form": place}[level]
        patient.signatures[level, version, where] = columns


def _events(sources: StudySources, nodes: DataNodes, patient: _Patient, version: int) -> Iterator[EventPart]:
    for key, forms in patient.rows[version].items():
        event = nodes.event(None, next(iter(forms)))
        _signature(nodes, event, patient, ("event", version, key))
        yield EventPart(event, _forms(sources, nodes, patient, version, forms))


def _forms(
    sources: StudySources,
    nodes: DataNodes,
    patient: _Patient,
    version: int,
    forms: dict[FormDataPlace, StoredRow],
) -> Iterator[Element]:
    for place, stored in forms.items():
        form = nodes.form(None, place)
        _signature(nodes, form, patient, ("form", version, place))
        for annotation in patient.on_forms.get(place, ()):
            nodes.annotation(form, annotation)
        nodes.content(form, sources.content(stored, version), patient.on_items.get(place, {}))
        yield form


def _signature(nodes: DataNodes, element: Element, patient: _Patient, key: tuple[str, int, Any]) -> None:
    if key in patient.signatures:
        nodes.signature(element, patient.signatures[key])
