"""Forms that wait for a signature, and visits and casebooks whose signature was invalidated (SIG-02, SIG-03)."""

from dataclasses import dataclass
from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from audit.models import Signature
from audit.system_texts import actor_words
from patients.casebook.form_content import form_title
from patients.models import Patient, Record, Visit
from trials.access import Access
from trials.listing import Column

OF_RECORD = Signature.objects.filter(target_type="patients.record", target_id=OuterRef("pk"))


def with_last_signature(rows: "QuerySet[Record]") -> "QuerySet[Record]":
    """Annotate forms with their last signature: when, by whom, and when, by whom and why it was invalidated.

    All are null for a form never signed.
    """
    last = OF_RECORD.order_by("-pk")
    names = ("signed_at", "printed_name", "invalidated_at", "invalidated_by", "invalidated_reason")
    return rows.annotate(**{f"last_{name}": Subquery(last.values(name)[:1]) for name in names})


class ToSignFilter(django_filters.FilterSet):
    """Forms to sign by reason (never signed, changed since), patient and form."""

    why = django_filters.ChoiceFilter(
        label=gettext_lazy("Why"),
        choices=[
            ("never", gettext_lazy("Never signed")),
            ("invalidated", gettext_lazy("Changed since it was signed")),
        ],
        empty_label=gettext_lazy("Any"),
        method="because",
    )
    patient = django_filters.CharFilter(
        label=gettext_lazy("Patient"), field_name="patient__code", lookup_expr="iexact"
    )
    form_code = django_filters.CharFilter(label=gettext_lazy("Form"), field_name="form")

    class Meta:
        model = Record
        fields = ["why", "patient", "form_code"]

    def because(self, rows: "QuerySet[Record]", name: str, value: str) -> "QuerySet[Record]":
        """Keep forms that were never signed, or those signed before."""
        before = Exists(OF_RECORD)
        return rows.filter(before if value == "invalidated" else ~before)


def _why(row: Any) -> str:
    return "invalidated" if row.last_signed_at else "never"


def _why_words(row: Any) -> str:
    return _("Changed since it was signed") if row.last_signed_at else _("Never signed")


TO_SIGN_COLUMNS = (
    Column(
        name="patient",
        label=gettext_lazy("Patient"),
        value=lambda row: row.patient.code,
        css="code",
        sort=("patient_id",),
    ),
    Column(name="visit", label=gettext_lazy("Visit"), value=lambda row: row.visit.key if row.visit else ""),
    Column(
        name="form", label=gettext_lazy("Form"), value=lambda row: row.form, text=form_title, sort=("form",)
    ),
    Column(name="completed_at", label=gettext_lazy("Complete since"), value=lambda row: row.completed_at),
    Column(name="why", decides=True, label=gettext_lazy("Why"), value=_why, text=_why_words),
    Column(name="signed_at", label=pgettext_lazy("when", "Signed"), value=lambda row: row.last_signed_at),
    Column(name="signed_by", label=gettext_lazy("By"), value=lambda row: row.last_printed_name or ""),
    Column(
        name="changed_at", label=pgettext_lazy("when", "Changed"), value=lambda row: row.last_invalidated_at
    ),
    Column(
        name="changed_by",
        label=gettext_lazy("Changed by"),
        value=lambda row: actor_words(row.last_invalidated_by or ""),
    ),
    Column(
        name="reason",
        label=gettext_lazy("Reason"),
        value=lambda row: row.last_invalidated_reason or "",
        free_text=True,
    ),
)


@dataclass(frozen=True, slots=True)
class InvalidatedSignature:
    """A visit or a casebook whose last signature was invalidated."""

    title: str
    url: str
    signature: Signature
    patient: Patient


def invalidated_signatures(access: Access) -> list[InvalidatedSignature]:
    """Return the visits and casebooks whose last signature was invalidated, newest first. Three queries."""
    rows = Signature.objects.filter(
        trial_id=access.trial.pk, target_type__in=("patients.visit", "patients.patient")
    )
    last: dict[tuple[str, int], Signature] = {}
    for signature in rows.order_by("pk"):
        last[signature.target_type, signature.target_id] = signature
    fallen = [signature for signature in last.values() if signature.invalidated_at]
    visits = Visit.objects.in_bulk([s.target_id for s in fallen if s.target_type == "patients.visit"])
    patients = Patient.objects.visible_to(access.user).in_bulk([s.patient_id for s in fallen])
    for patient in patients.values():
        patient.trial = access.trial
    found = [_invalidated(signature, patients, visits, access.trial.slug) for signature in fallen]
    return sorted(found, key=lambda each: str(each.signature.invalidated_at), reverse=True)


def _invalidated(signature: Signature, patients: Any, visits: Any, slug: str) -> InvalidatedSignature:
    patient = patients[signature.patient_id]
    if signature.target_type == "patients.patient":
        title = _("Casebook of %(patient)s") % {"patient": patient.code}
        return InvalidatedSignature(
            title, reverse("patients:sign-casebook", args=[slug, patient.code]), signature, patient
        )
    visit = visits[signature.target_id]
    title = _("%(patient)s, visit %(visit)s") % {"patient": patient.code, "visit": visit.key}
    return InvalidatedSignature(
        title, reverse("patients:sign-visit", args=[slug, patient.code, visit.key]), signature, patient
    )
