"""Pages of unblinding: open the treatment of one patient, record an exposure, list both, open all after the lock."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.sessions.kept_forms import kept_data
from dosing.models import PlannedUnblinding, Unblinding
from dosing.unblinding.exposure import record_exposure
from dosing.unblinding.forms import ExposureForm, PlannedForm, SusarForm, UnblindForm, may_see_people
from dosing.unblinding.opening import unblind, unblind_susar
from dosing.unblinding.planned import open_treatment
from patients.models import Patient
from patients.views.participation import casebook_of, patient_of
from protocol.document.design import Arm
from trials.access import TrialRequest, trial_page
from trials.blinding.treatment_reads import show_treatment
from trials.forms import VerbForm
from trials.models import SponsorNotice
from trials.permissions import Permission as P
from trials.reader import reader_language
from trials.roles import ROLES
from trials.sponsor_notices import OF_SAFETY, about, contact_for


def masked_patient(request: TrialRequest, code: str) -> Patient:
    """Return the patient. Raises Http404 in an open trial, where nothing is to be opened."""
    patient = patient_of(request, code)
    if not request.trial.masked:
        raise Http404
    return patient


@sensitive_post_parameters("password")
@trial_page(see=P.UNBLIND, change=P.UNBLIND)
def emergency(request: TrialRequest, code: str) -> HttpResponse:
    """Open the treatment of one patient: the arm is on the answer to this step and nowhere else."""
    return _opening(request, code, UnblindForm, unblind, "dosing/unblind.html")


@sensitive_post_parameters("password")
@trial_page(see=P.UNBLIND_SUSAR, change=P.UNBLIND_SUSAR)
def susar(request: TrialRequest, code: str) -> HttpResponse:
    """Open the treatment of one patient for the report of a SUSAR."""
    return _opening(request, code, SusarForm, unblind_susar, "dosing/unblind_susar.html")


@sensitive_variables("opened")
def _opening(
    request: TrialRequest, code: str, form_class: type[VerbForm], verb: Callable[..., Any], template: str
) -> HttpResponse:
    patient = masked_patient(request, code)
    form = form_class(request.POST if request.method == "POST" else kept_data(request))
    status = 422 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        if form.run(verb, patient=patient, by=request.user, **form.cleaned_data):
            show_treatment(request, patient.pk)
            context = {
                "patient": patient,
                "opened": form.result,
                "arm": _words(form.result.arm),
                **_told(request.trial, patient),
            }
            return render(request, "dosing/treatment_shown.html", context)
        form = _once_more(form, form_class)
    context = {"form": form, "patient": patient, **_told(request.trial, patient)}
    return render(request, template, context | {"rows": _rows(request, patient)}, status=status)


def _words(arm: Arm) -> str:
    """Return the title of an arm in the reader's language."""
    return arm.title.in_language(reader_language())


def _once_more(form: VerbForm, form_class: type[VerbForm]) -> VerbForm:
    """Return the form with a new key if its page was used up, so that it can be sent again."""
    if not form.non_field_errors():
        return form
    data = {
        **{name: form.data.get(name, "") for name in form.fields},
        "save_key": form_class().fields["save_key"].initial,
    }
    again = form_class(data)
    again.full_clean()
    for error in form.non_field_errors():
        again.add_error(None, error)
    return again


@trial_page(see=P.REPORT_EXPOSURE, change=P.REPORT_EXPOSURE)
def exposure(request: TrialRequest, code: str) -> HttpResponse:
    """Record that somebody came to know the treatment of the patient by accident."""
    patient = masked_patient(request, code)
    form = ExposureForm(
        request.POST if request.method == "POST" else kept_data(request),
        patient=patient,
        by=request.user,
        sees_people=may_see_people(request.access),
    )
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(record_exposure, patient=patient, by=request.user, **form.facts())
    ):
        messages.success(request, _("It is recorded, and the sponsor is told without the treatment."))
        return redirect(casebook_of(patient))
    context = {"form": form, "patient": patient, "rows": _rows(request, patient)}
    return render(request, "dosing/exposure.html", context, status=422 if request.method == "POST" else 200)


@trial_page(see=P.SEE_TRAIL)
def unblindings(request: TrialRequest) -> HttpResponse:
    """List who came to know the treatment of whom, and the notices to the sponsor that wait. Names no arm."""
    rows = Unblinding.objects.visible_to(request.user).filter(patient__trial=request.trial)
    context = {
        "rows": rows.select_related("patient__trial", "known_to", "recorded_by").order_by("-pk"),
        "planned": PlannedUnblinding.objects.filter(trial=request.trial).select_related("opened_by").first(),
        "may_open": request.access.may(P.LOCK) and request.trial.opened_to is None,
        **_told(request.trial),
    }
    return render(request, "dosing/unblindings.html", context)


@sensitive_post_parameters("password")
@trial_page(see=P.LOCK, change=P.LOCK)
def planned(request: TrialRequest) -> HttpResponse:
    """Open the treatment of all patients after the lock, for the roles that the protocol names."""
    form = PlannedForm(request.POST if request.method == "POST" else kept_data(request))
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(open_treatment, trial=request.trial, by=request.user, **form.cleaned_data)
    ):
        messages.success(request, _("The treatment is open for the roles that the protocol names."))
        return redirect("dosing:unblindings", request.trial.slug)
    plan = request.trial.rules.unblinding
    context = {"form": form, "roles": [ROLES[code].title for code in plan.planned] if plan else []}
    status = 422 if request.method == "POST" else 200
    return render(request, "dosing/planned_unblinding.html", context, status=status)


def _rows(request: TrialRequest, patient: Patient) -> list[Unblinding]:
    """Return the records of the patient, newest first, each with its patient."""
    rows = list(
        Unblinding.objects.visible_to(request.user)
        .filter(patient=patient)
        .select_related("known_to", "recorded_by")
        .order_by("-pk")
    )
    for row in rows:
        row.patient = patient
    return rows


def _told(trial: Any, patient: Patient | None = None) -> dict[str, Any]:
    """Return the notices of safety that the sponsor has not received, and whom to call."""
    waiting = SponsorNotice.objects.filter(trial=trial, what__in=OF_SAFETY, sent_at=None)
    if patient is not None:
        waiting = waiting.filter(patient_id=patient.pk)
    pending = [(about(notice), notice) for notice in waiting.order_by("pk")]
    return {"pending": pending, "sponsor": contact_for(trial, "unblinded")}
