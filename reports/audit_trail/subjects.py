"""Title and page of the object that an entry of the audit trail is about."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.urls import NoReverseMatch, reverse

from audit.models import AccessEvent
from audit.trail import model_labelled
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.reading import TrailEntry
from dosing.models import Infusion
from patients.casebook.navigation import form_address
from patients.models import Patient, Record, Visit


@dataclass(frozen=True)
class TrailSubject:
    """Title and URL of the object of an entry; `url` is empty if it has no page."""

    title: str
    url: str = ""


@dataclass(frozen=True)
class TrailSubjects:
    """Titles and URLs for one trial, made from the rows that the reader has already loaded. No queries."""

    slug: str
    reader: Reader

    def of(self, entry: TrailEntry) -> TrailSubject:
        """Return the subject of an entry."""
        title = entry.title
        if entry.of is not None:
            return TrailSubject(title, self.page_of(entry.of, entry.row))
        if isinstance(entry.row, AccessEvent):
            return TrailSubject(title)
        query = entry.row.filters.get("query")
        return TrailSubject(title, self.address("audit:trail") + (f"?{query}" if query else ""))

    def page_of(self, model: type[models.Model], row: Any) -> str:
        """Return the URL of the page that shows a current row or a history row; empty if there is none."""
        find = PAGES.get(model._meta.label_lower)
        return find(self, row) if find else ""

    def patient(self, key: int | None) -> Patient | None:
        """Return a loaded patient, or None."""
        return self.reader.find(Patient, key) if key else None

    def address(self, name: str, *args: Any) -> str:
        """Return the URL of a page of this trial; empty if there is no such page."""
        try:
            return reverse(name, args=[self.slug, *args])
        except NoReverseMatch:
            return ""


Finder = Callable[[TrailSubjects, Any], str]


def _of_patient(name: str, *columns: str) -> Finder:
    """Return a finder for rows that are shown on one of their patient's pages; columns: the rest of its address."""

    def find(places: TrailSubjects, row: Any) -> str:
        patient = places.patient(getattr(row, "patient_id", None))
        return (
            places.address(name, patient.code, *(getattr(row, each) for each in columns)) if patient else ""
        )

    return find


def _at_bedside(places: TrailSubjects, row: Any) -> str:
    infusion = places.reader.find(Infusion, row.infusion_id)
    patient = places.patient(infusion.patient_id) if infusion else None
    return places.address("dosing:bedside", patient.code, infusion.number) if patient and infusion else ""


def _of_infusion(name: str) -> Finder:
    """Return a finder for rows that are shown on a page of their infusion."""

    def find(places: TrailSubjects, row: Any) -> str:
        patient = places.patient(row.patient_id)
        model = model_labelled("dosing.infusion")
        infusion = places.reader.find(model, row.infusion_id) if model else None
        return places.address(name, patient.code, infusion.number) if patient and infusion else ""

    return find


def _of_event(name: str) -> Finder:
    """Return a finder for rows that are shown on a page of their adverse event."""

    def find(places: TrailSubjects, row: Any) -> str:
        patient = places.patient(row.patient_id)
        model = model_labelled("safety.adverseevent")
        event = places.reader.find(model, row.event_id) if model else None
        return places.address(name, patient.code, event.number) if patient and event else ""

    return find


def _visit(places: TrailSubjects, row: Any) -> str:
    patient, key = places.patient(row.patient_id), Visit(code=row.code, number=row.number).key
    return places.address("patients:visit", patient.code, key) if patient else ""


def _record(places: TrailSubjects, row: Any) -> str:
    patient, visit = places.patient(row.patient_id), places.reader.find(Visit, row.visit_id)
    return form_address(patient, row.form, visit, row.repeat, slug=places.slug) if patient else ""


def _of_record(places: TrailSubjects, row: Any) -> str:
    record = places.reader.find(Record, row.record_id)
    return _record(places, record) if record is not None else ""


def _locked(places: TrailSubjects, row: Any) -> str:
    if row.record_id:
        return _of_record(places, row)
    visit = places.reader.find(Visit, row.visit_id) if row.visit_id else None
    if visit is not None:
        return _visit(places, visit)
    patient = places.patient(row.patient_id)
    return places.address("reports:casebook", patient.code) if patient else ""


def _signature(places: TrailSubjects, row: Any) -> str:
    model = model_labelled(row.target_type)
    target = places.reader.find(model, row.target_id) if model else None
    return places.page_of(model, target) if model and target is not None else ""


PAGES: dict[str, Finder] = {
    "patients.patient": lambda places, row: places.address("reports:casebook", row.code),
    "patients.identity": _of_patient("patients:identity"),
    "patients.consent": _of_patient("patients:consent"),
    "patients.eligibilitydecision": _of_patient("patients:eligibility"),
    "patients.contactattempt": _of_patient("patients:patient-contacts"),
    "patients.prescreeningrow": lambda places, row: places.address("patients:prescreening"),
    "patients.visit": _visit,
    "patients.record": _record,
    "patients.mark": _of_record,
    "patients.datalock": _locked,
    "patients.query": lambda places, row: places.address("patients:query", row.id),
    "patients.querymessage": lambda places, row: places.address("patients:query", row.query_id),
    "patients.deviation": _of_patient("patients:deviation", "number"),
    "patients.sample": _of_patient("patients:sample", "number"),
    "patients.aliquot": _of_patient("patients:patient-samples"),
    "patients.samplemovement": _of_patient("patients:patient-samples"),
    "patients.storageexcursion": lambda places, row: places.address("patients:storage-excursion", row.number),
    "patients.shipment": lambda places, row: places.address("patients:shipment", row.number),
    "dosing.infusion": _of_patient("dosing:infusion", "number"),
    "dosing.allocationcommitment": lambda places, row: places.address("dosing:allocation-commitment"),
    "dosing.kit": lambda places, row: places.address("dosing:kits"),
    "dosing.worksheetstep": _of_infusion("dosing:worksheet"),
    "dosing.kitcheck": _of_infusion("dosing:kit-check"),
    "dosing.lateinfusion": _of_infusion("dosing:kit-check"),
    "dosing.stopoverride": _of_infusion("dosing:override"),
    "dosing.envelope": lambda places, row: places.address("dosing:envelopes"),
    "dosing.envelopecheck": lambda places, row: places.address("dosing:envelopes"),
    "dosing.reserveenvelope": lambda places, row: places.address("dosing:reserves"),
    "dosing.reservecheck": lambda places, row: places.address("dosing:reserves"),
    "dosing.maskedresult": lambda places, row: places.address("dosing:masked-results"),
    "dosing.exceptionalstep": _of_infusion("dosing:exceptional-uses"),
    "dosing.plannedunblinding": lambda places, row: places.address("dosing:unblindings"),
    "dosing.unblinding": lambda places, row: places.address("dosing:unblindings"),
    **dict.fromkeys(
        (
            "dosing.bedsidegap",
            "dosing.bedsideobservation",
            "dosing.givebefore",
            "dosing.infusioneventcheck",
            "dosing.infusionstep",
            "dosing.stopdecision",
        ),
        _at_bedside,
    ),
    "dosing.productquery": lambda places, row: places.address("dosing:product-query", row.id),
    "dosing.productquerymessage": lambda places, row: places.address("dosing:product-query", row.query_id),
    "dosing.productmark": _of_patient("dosing:product-verify"),
    "dosing.productdeviation": _of_patient("dosing:product-deviation", "number"),
    "safety.adverseevent": _of_patient("safety:event", "number"),
    "safety.saereport": _of_event("safety:sae-reports"),
    "safety.authoritycase": _of_event("safety:authority"),
    "safety.caseterm": _of_event("safety:authority"),
    "safety.authorityreport": _of_event("safety:authority"),
    "trials.delegation": lambda places, row: places.address("accounts:person", row.user_id),
    "accounts.user": lambda places, row: places.address("accounts:person", row.id),
    "audit.signature": _signature,
}
