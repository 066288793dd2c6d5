"""Steps on samples: collected, not collected, corrected, struck out; steps of their tubes, and the reversal of one."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from patients.models import Patient, Sample, SampleMovement
from patients.participation.logs.prescreening_forms import StrikeRowForm
from patients.samples import collection, handling
from patients.samples.forms import (
    CollectForm,
    CorrectSampleForm,
    HandleForm,
    NotCollectedForm,
    ReverseForm,
)
from patients.views.participation import patient_of, step
from patients.views.sample_pages.samples import sample_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

TEMPLATE = "patients/sample_step.html"


def page_of_sample(sample: Sample) -> str:
    """Return the address of a sample."""
    patient = sample.patient
    return reverse("patients:sample", args=[patient.trial.slug, patient.code, sample.number])


def _samples_of(patient: Patient) -> str:
    return reverse("patients:patient-samples", args=[patient.trial.slug, patient.code])


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def add(request: TrialRequest, code: str) -> HttpResponse:
    """Record that a sample was collected."""
    patient = patient_of(request, code)

    def do(form: Any) -> bool:
        given = {**form.chosen(), "aliquots": form.cleaned_data["aliquots"], "facts": form.facts()}
        return bool(form.run(collection.collect_sample, by=request.user, confirmed=form.confirmed, **given))

    return step(
        request,
        partial(CollectForm, initial=_asked(request)),  # type: ignore[arg-type]
        TEMPLATE,
        do,
        lambda form: page_of_sample(form.result),
        patient=patient,
        title=_("Record a collected sample"),
        action=_("Record it"),
        back=_samples_of(patient),
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def not_collected(request: TrialRequest, code: str) -> HttpResponse:
    """Record that a sample was not collected, with the reason."""
    patient = patient_of(request, code)

    def do(form: Any) -> bool:
        given = {**form.chosen(), "reason": form.cleaned_data["reason"]}
        return bool(form.run(collection.record_not_collected, by=request.user, **given))

    return step(
        request,
        partial(NotCollectedForm, initial=_asked(request)),  # type: ignore[arg-type]
        TEMPLATE,
        do,
        lambda form: _samples_of(patient),
        patient=patient,
        title=_("Record that a sample was not collected"),
        action=_("Record it"),
        back=_samples_of(patient),
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def correct(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Correct when and by whom a sample was collected, with a reason."""
    _patient, row = sample_of(request, code, number)

    def do(form: Any) -> bool:
        given = {"facts": form.facts(), "confirmed": form.confirmed, **_reason(form)}
        return bool(form.run(collection.correct_sample, sample=row, by=request.user, **given))

    return _step_on(request, row, partial(CorrectSampleForm, row=row), do, _("Correct the collection"))


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def strike_out(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Strike out a sample that was entered in error, with a reason."""
    _patient, row = sample_of(request, code, number)

    def do(form: Any) -> bool:
        return bool(form.run(collection.strike_out_sample, sample=row, by=request.user, **_reason(form)))

    return _step_on(
        request, row, partial(StrikeRowForm, row=row), do, _("Strike the sample out"), danger=True
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def handle(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record a step of the tubes of a sample."""
    _patient, row = sample_of(request, code, number)
    tubes = list(row.aliquots.order_by("number"))

    def do(form: Any) -> bool:
        given = {"aliquots": form.cleaned_data["aliquots"], "facts": form.facts()}
        return bool(form.run(handling.handle_aliquots, sample=row, by=request.user, **given))

    asked = {"kind": request.GET.get("kind", "")}
    return _step_on(
        request,
        row,
        partial(HandleForm, sample=row, tubes=tubes, initial=asked),
        do,
        _("Record a step of the tubes"),
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def reverse_step(request: TrialRequest, code: str, number: int, movement: int) -> HttpResponse:
    """Reverse a step of a tube that was recorded in error, with a reason."""
    patient, row = sample_of(request, code, number)
    rows = SampleMovement.objects.select_related("aliquot__sample")
    wrong = get_object_or_404(rows, pk=movement, patient=patient, aliquot__sample=row)
    wrong.aliquot.sample.patient = patient

    def do(form: Any) -> bool:
        given = {"movement": wrong, "reason": form.cleaned_data["reason"]}
        return bool(form.run(handling.reverse_movement, by=request.user, **given))

    words = {"tube": wrong.aliquot.code, "kind": wrong.get_kind_display()}
    title = _("Reverse “%(kind)s” of %(tube)s") % words
    return _step_on(request, row, ReverseForm, do, title, danger=True)


def _step_on(
    request: TrialRequest, row: Sample, form_class: Any, do: Any, title: str, *, danger: bool = False
) -> HttpResponse:
    def done(form: Any) -> str:
        messages.success(request, _("The change is recorded."))
        return page_of_sample(row)

    return step(
        request,
        form_class,
        TEMPLATE,
        do,
        done,
        patient=row.patient,
        title=title,
        action=_("Record it"),
        back=page_of_sample(row),
        danger=danger,
    )


def _reason(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("change_reason", "version")}


def _asked(request: TrialRequest) -> dict[str, str]:
    """Return the visit and sample that the link to the page named."""
    return {"place": request.GET.get("place", "")}
