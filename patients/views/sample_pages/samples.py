"""Pages of samples: the tubes of the trial, the samples of one patient by visit, one sample with its ledger, labels."""

from typing import Any

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Aliquot, Patient, Query, Sample, SampleMovement, Visit
from patients.review.source_verification import versions_of
from patients.samples.expected import expected_samples, rules_of, with_overdue
from patients.samples.filters import AliquotFilter
from patients.samples.forms import place_key, place_title
from patients.samples.identifiers import CodeRefused, normal_code, read_code
from patients.samples.label_sending import send_labels
from patients.samples.label_sheet import Label
from patients.samples.ledger import in_force_of
from patients.samples.sample_deviations import minutes_to_freezing
from patients.samples.shipment_forms import refused_words
from patients.samples.storage import excursions_of
from patients.views.fact_links import links_of
from patients.views.participation import patient_of
from patients.views.visits import title_of
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, choice_text
from trials.permissions import Permission as P
from trials.reader import reader_language

COLUMNS = (
    Column(name="tube", label=gettext_lazy("Tube"), value=lambda row: row.code, sort=("code",), css="code"),
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code,
           sort=("patient", "code")),
    Column(name="visit", label=gettext_lazy("Visit"), value=lambda row: row.sample.visit.key),
    Column(name="sample", label=gettext_lazy("Sample"), value=lambda row: row.sample.plan),
    Column(name="specimen", label=gettext_lazy("Specimen"), value=lambda row: row.sample.specimen),
    Column(name="volume_ml", label=gettext_lazy("Volume (mL)"), value=lambda row: row.volume_ml),
    Column(name="collected", label=gettext_lazy("Collected"), value=lambda row: row.sample.collected_at, css="nowrap"),
    Column(name="status", decides=True, label=gettext_lazy("Status"), value=lambda row: row.state,
           text=choice_text(Aliquot, "state"), sort=("state", "code")),
    Column(name="place", label=gettext_lazy("Place"), value=lambda row: row.place, free_text=True),
)  # fmt: skip
MOST_OVERDUE = 100


@trial_page(see=P.SEE_TRIAL)
def samples(request: TrialRequest) -> HttpResponseBase:
    """List the samples that are overdue, and every tube of the trial."""
    rows = Aliquot.objects.visible_to(request.user).filter(patient__trial=request.trial).in_force()
    slug = request.trial.slug
    page = Listing(
        request,
        queryset=rows.select_related("patient", "sample__visit"),
        columns=COLUMNS,
        sort="-tube",
        filterset=AliquotFilter(request.GET, queryset=rows, trial=request.trial),
        row_url=lambda row: reverse("patients:sample", args=[slug, row.patient.code, row.sample.number]),
        name="samples",
        empty=_("No sample is recorded."),
    )
    if page.wants_csv:
        return page.csv()
    context = {
        "overdue": _overdue(request),
        "to_destroy": rows.to_destroy().count(),
        "may": request.access.may(P.ENTER_DATA),
    }
    return page.response("patients/samples.html", context)


def _overdue(request: TrialRequest) -> list[tuple[Visit, str]]:
    """Return held visits with required samples that nobody recorded, the longest ago first, each with its title."""
    rules = {version.pk: version.rules for version in versions_of(request.trial)}
    visits = Visit.objects.visible_to(request.user).filter(patient__trial=request.trial)
    held = with_overdue(visits, rules)
    if held is None:
        return []
    rows = held.filter(overdue__gt=0).select_related("patient__protocol", "protocol")
    rows = rows.defer("patient__protocol__text", "protocol__text").order_by("held_on", "patient__number")
    return [(visit, title_of(visit, visit.patient)) for visit in rows[:MOST_OVERDUE]]


@trial_page(see=P.SEE_TRIAL)
def of_patient(request: TrialRequest, code: str) -> HttpResponse:
    """Show the samples of one patient: expected against collected and received, by visit."""
    patient = patient_of(request, code)
    expected = expected_samples(patient)
    lines = [(each, place_title(each, patient.protocol), place_key(each)) for each in expected]
    context = {
        "patient": patient,
        "lines": lines,
        "to_destroy": Aliquot.objects.filter(patient=patient).to_destroy().count(),
        "struck": Sample.objects.filter(patient=patient).exclude(struck_out_reason="").order_by("number"),
        "may": _may_enter(request, patient),
    }
    return render(request, "patients/samples_of_patient.html", context)


@trial_page(see=P.SEE_TRIAL)
def sample(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show one sample: what is known of it, its tubes, and every row of their ledger."""
    patient, row = sample_of(request, code, number)
    tubes = list(row.aliquots.order_by("number"))
    ledger = in_force_of(tubes)
    movements = SampleMovement.objects.filter(aliquot__in=tubes).select_related("aliquot", "shipment")
    plan = next((each for each in rules_of(patient, row.visit).samples if each.code == row.plan), None)
    last = {rows[-1].pk for rows in ledger.values()}
    context = {
        "patient": patient,
        "sample": row,
        "plan": plan,
        "title": plan.title.in_language(reader_language()) if plan else row.plan,
        "visit_title": title_of(row.visit, patient),
        "tubes": [(tube, minutes_to_freezing(row, ledger[tube.pk])) for tube in tubes],
        "movements": list(movements.order_by("-pk")),
        "excursions": excursions_of(patient.trial, ledger),
        "asked": links_of(request.access, Query.Target.SAMPLE, row),
        "last": last,
        "may": _may_enter(request, patient) and not row.struck_out,
        "may_handle": request.access.may(P.ENTER_DATA) and not row.struck_out and not patient.locked_at,
    }
    return render(request, "patients/sample.html", context)


@trial_page(see=P.SEE_TRIAL)
def labels(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Send the labels of a sample's tubes as a PDF sheet. They name trial, patient, visit and tube, and no person."""
    patient, row = sample_of(request, code, number)
    tubes = list(row.aliquots.order_by("number"))
    if not tubes or row.struck_out:
        raise Http404
    labels = [label_of(tube, row, patient) for tube in tubes]
    return send_labels(request, labels, row.code, patient_id=patient.pk)


def label_of(tube: Aliquot, row: Sample, patient: Patient) -> Label:
    """Return the label of a tube."""
    day = f"{row.collected_at.astimezone(patient.trial.zone):%Y-%m-%d %H:%M}" if row.collected_at else ""
    amount = f"{row.specimen} {tube.volume_ml.normalize():f} mL"
    short = patient.trial.rules.trial.short_title
    return Label(tube.code, (short, patient.code, f"{row.visit.key} {row.plan}", amount, day))


@trial_page(see=P.SEE_TRIAL)
def scan(request: TrialRequest) -> HttpResponse:
    """Open the sample that a scanned or typed code names; say why if there is none in this trial."""
    scanned = request.GET.get("code", "")
    rows = Sample.objects.visible_to(request.user).filter(patient__trial=request.trial).in_force()
    try:
        named = read_code(scanned)
    except CodeRefused as refused:
        return _not_found(request, scanned, refused_words(scanned, refused))
    code = normal_code(scanned)
    wanted = {"aliquots__code": code} if named.aliquot is not None else {"code": code}
    row = rows.filter(**wanted).select_related("patient").first()
    if row is None:
        told = _("%(code)s: this trial has no such sample.") % {"code": code}
        return _not_found(request, scanned, told)
    return redirect("patients:sample", request.trial.slug, row.patient.code, row.number)


def _not_found(request: TrialRequest, scanned: str, told: str) -> HttpResponse:
    context = {"scanned": scanned[:60], "refusal": told}
    return render(request, "patients/sample_scan.html", context, status=422 if scanned else 200)


def sample_of(request: TrialRequest, code: str, number: int) -> tuple[Patient, Sample]:
    """Return a patient and one of the patient's samples. Raises Http404."""
    patient = patient_of(request, code)
    rows = Sample.objects.select_related("visit__protocol")
    row: Sample = get_object_or_404(rows, patient=patient, number=number)
    row.patient = row.visit.patient = patient
    return patient, row


def _may_enter(request: TrialRequest, patient: Patient) -> bool:
    trial = request.trial
    closed: Any = patient.locked_at or patient.frozen_at or trial.locked_at or trial.frozen_at
    return request.access.may(P.ENTER_DATA) and not closed
