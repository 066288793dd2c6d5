"""Title and page of the object that an entry of the audit trail is about."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.change_labels import Reader
from audit.events import AccessKind
from audit.models import AccessEvent
from audit.reading import TrailEntry
from audit.trail import model_labelled, title_of
from dosing.models import ProductDeviation
from patients.casebook.navigation import form_address
from patients.casebook.row_words import asked_path
from patients.models import Deviation, Patient, Query, Record, Visit
from safety.models import AdverseEvent
from trials.models import ProtocolVersion


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
        if entry.of is None:
            return self._event(entry.row)
        return self.of_row(entry.of, entry.row)

    def of_row(self, model: type[models.Model], row: Any) -> TrailSubject:
        """Return the subject of a current row or a history row."""
        make = MAKERS.get(model._meta.label_lower)
        return make(self, row) if make else TrailSubject(title_of(model))

    def patient(self, key: int | None) -> Patient | None:
        """Return a loaded patient, or None."""
        return self.reader.find(Patient, key) if key else None

    def address(self, name: str, *args: Any) -> str:
        """Return the URL of a page of this trial; empty if there is no such page."""
        try:
            return reverse(name, args=[self.slug, *args])
        except NoReverseMatch:
            return ""

    def _event(self, row: Any) -> TrailSubject:
        if isinstance(row, AccessEvent):
            return TrailSubject(
                str(AccessKind(row.kind).label) if row.kind in AccessKind.values else row.kind
            )
        return TrailSubject(
            _("Review of the trail"),
            self.address("audit:trail") + (f"?{row.filters['query']}" if row.filters.get("query") else ""),
        )


def _of_patient(name: str, title: Callable[[Any], str]) -> Callable[[TrailSubjects, Any], TrailSubject]:
    """Return a maker for rows that are shown on one of their patient's pages."""

    def make(places: TrailSubjects, row: Any) -> TrailSubject:
        patient = places.patient(getattr(row, "patient_id", None))
        return TrailSubject(title(row), places.address(name, patient.code) if patient else "")

    return make


def _patient(places: TrailSubjects, row: Any) -> TrailSubject:
    return TrailSubject(
        _("Patient %(code)s") % {"code": row.code}, places.address("reports:casebook", row.code)
    )


def _visit(places: TrailSubjects, row: Any) -> TrailSubject:
    patient, key = places.patient(row.patient_id), Visit(code=row.code, number=row.number).key
    url = places.address("patients:visit", patient.code, key) if patient else ""
    return TrailSubject(_("Visit %(visit)s") % {"visit": key}, url)


def _record(places: TrailSubjects, row: Any) -> TrailSubject:
    reader, patient = places.reader, places.patient(row.patient_id)
    version, visit = reader.find(ProtocolVersion, row.protocol_id), reader.find(Visit, row.visit_id)
    form = version.rules.forms.get(row.form) if version else None
    name = form.title.in_language(reader.language) if form else row.form
    title = f"{name} · {visit.key}" if visit else f"{name} {row.repeat}"
    url = form_address(patient, row.form, visit, row.repeat, slug=places.slug) if patient else ""
    return TrailSubject(title, url)


def _query(places: TrailSubjects, row: Any) -> TrailSubject:
    title = _("Query on %(item)s") % {"item": asked_path(row)}
    return TrailSubject(title, places.address("patients:query", row.id))


def _message(places: TrailSubjects, row: Any) -> TrailSubject:
    query = places.reader.find(Query, row.query_id)
    title = (
        _("Message in the query on %(item)s") % {"item": asked_path(query)}
        if query
        else _("Message in a query")
    )
    return TrailSubject(title, places.address("patients:query", row.query_id))


def _infusion(places: TrailSubjects, row: Any) -> TrailSubject:
    patient = places.patient(row.patient_id)
    url = places.address("dosing:infusion", patient.code, row.number) if patient else ""
    return TrailSubject(_("Infusion %(number)s") % {"number": row.number}, url)


def _adverse_event(places: TrailSubjects, row: Any) -> TrailSubject:
    patient = places.patient(row.patient_id)
    url = places.address("safety:event", patient.code, row.number) if patient else ""
    return TrailSubject(f"AE {row.number} · {row.term}", url)


def _deviation(name: str, letter: str) -> Callable[[TrailSubjects, Any], TrailSubject]:
    def make(places: TrailSubjects, row: Any) -> TrailSubject:
        patient = places.patient(row.patient_id)
        url = places.address(name, patient.code, row.number) if patient else ""
        title = _("Deviation %(number)s") % {"number": f"{letter}-{row.number}"}
        return TrailSubject(title, url)

    return make


def _delegation(places: TrailSubjects, row: Any) -> TrailSubject:
    name = places.reader.name(User, row.user_id)
    return TrailSubject(
        _("Role of %(name)s") % {"name": name}, places.address("accounts:person", row.user_id)
    )


def _user(places: TrailSubjects, row: Any) -> TrailSubject:
    return TrailSubject(
        _("Account of %(name)s") % {"name": row.full_name}, places.address("accounts:person", row.id)
    )


def _signature(places: TrailSubjects, row: Any) -> TrailSubject:
    model = model_labelled(row.target_type)
    target = places.reader.find(model, row.target_id) if model else None
    signed = places.of_row(model, target) if model and target else TrailSubject(row.target_type)
    return TrailSubject(_("Signature on %(what)s") % {"what": signed.title}, signed.url)


def _version(places: TrailSubjects, row: Any) -> TrailSubject:
    return TrailSubject(_("Protocol version %(version)s") % {"version": row.version})


MAKERS: dict[str, Callable[[TrailSubjects, Any], TrailSubject]] = {
    "patients.patient": _patient,
    "patients.identity": _of_patient("patients:identity", lambda row: _("Identity")),
    "patients.consent": _of_patient(
        "patients:consent", lambda row: _("Consent %(version)s") % {"version": row.version}
    ),
    "patients.eligibilitydecision": _of_patient("patients:eligibility", lambda row: _("Eligibility")),
    "patients.contactattempt": _of_patient(
        "patients:patient-contacts", lambda row: _("Contact %(number)s") % {"number": row.number}
    ),
    "patients.prescreeningrow": lambda places, row: TrailSubject(
        _("Row %(number)s of the pre-screening log") % {"number": row.number},
        places.address("patients:prescreening"),
    ),
    "patients.visit": _visit,
    Record._meta.label_lower: _record,
    "patients.query": _query,
    "patients.querymessage": _message,
    "patients.deviation": _deviation("patients:deviation", Deviation.letter),
    "dosing.infusion": _infusion,
    "dosing.productdeviation": _deviation("dosing:product-deviation", ProductDeviation.letter),
    AdverseEvent._meta.label_lower: _adverse_event,
    "accounts.delegation": _delegation,
    "accounts.user": _user,
    "audit.signature": _signature,
    "trials.protocolversion": _version,
}
