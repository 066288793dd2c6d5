"""Holds of the trial and of the treatment of patients: list, set, release, decide (CEL-16)."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from patients.models import TreatmentHold
from patients.participation.treatment.treatment_holds import decide_on_treatment
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.holds import SIDES, hold_trial, sign_release
from trials.models import HoldRelease, TrialHold
from trials.people.forms import password_field
from trials.people.steps import page, posted, zone
from trials.permissions import Permission as P
from trials.reader import reader_language


def _reason(help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=help_text,
    )


class HoldForm(VerbForm):
    """Why the trial is held."""

    reason = _reason(gettext_lazy("What happened, and what has to be known before the trial goes on."))


class ReleaseForm(VerbForm):
    """Why the trial may go on, and the password that signs it."""

    reason = _reason(gettext_lazy("What was learned, and who took part in the decision."))
    password = password_field()


class TreatmentDecisionForm(VerbForm):
    """Whether the treatment of a patient goes on, why, and the password that signs it."""

    decision = forms.ChoiceField(
        label=gettext_lazy("Decision"), choices=TreatmentHold.Decision.choices, widget=forms.RadioSelect
    )
    reason = _reason(gettext_lazy("On what the decision rests."))
    password = password_field()


@trial_page(see=P.SEE_TRIAL)
def holds(request: TrialRequest) -> HttpResponse:
    """List the holds of the trial and of the treatment of its patients, the newest first."""
    trial = request.trial
    rows = trial.holds.select_related("set_by").prefetch_related("releases__signed_by").order_by("-number")
    of_patients = TreatmentHold.objects.visible_to(request.user).filter(patient__trial=trial)
    of_patients = of_patients.select_related("patient", "decided_by").order_by("-pk")
    context = {
        "holds": [(row, _title(request, row)) for row in rows],
        "treatments": [(row, _title(request, row)) for row in of_patients],
        "may_hold": request.access.may(P.HOLD_TRIAL),
    }
    return render(request, "reports/holds.html", context)


@trial_page(see=P.HOLD_TRIAL, change=P.HOLD_TRIAL)
def hold_new(request: TrialRequest) -> HttpResponse:
    """Hold the trial."""
    form = HoldForm(posted(request), zone=zone(request))
    arguments = {"trial": request.trial, "by": request.user}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(hold_trial, **arguments, **form.cleaned_data)
    ):
        messages.success(request, _("The trial is on hold."))
        return redirect("reports:holds", slug=request.trial.slug)
    text = _(
        "From now on nobody is included, allocated or treated. Data of patients in follow-up are entered as before."
        " An investigator and a representative of the sponsor end the hold with their signatures."
    )
    words = {"title": _("Hold the trial"), "action": _("Hold the trial"), "text": text, "risk": True}
    return page(request, form, back="reports:holds", **words)


@sensitive_post_parameters("password")
@trial_page(see=P.SEE_TRIAL, change=P.HOLD_TRIAL)
def hold(request: TrialRequest, number: int) -> HttpResponse:
    """Show a hold; sign its release."""
    row = get_object_or_404(TrialHold.objects.select_related("set_by"), trial=request.trial, number=number)
    form = ReleaseForm(posted(request), zone=zone(request))
    role = request.access.role.code
    arguments = {"hold": row, "role": role, "by": request.user}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(sign_release, **arguments, **form.cleaned_data)
    ):
        messages.success(request, _("Your signature is recorded."))
        return redirect("reports:hold", slug=request.trial.slug, number=row.number)
    signed = list(HoldRelease.objects.filter(hold=row).select_related("signed_by").order_by("pk"))
    open_side = row.released_at is None and SIDES.get(role) not in {each.side for each in signed}
    may_sign = request.access.may(P.HOLD_TRIAL) and role in SIDES and open_side
    context = {
        "hold": row,
        "heading": _title(request, row),
        "releases": signed,
        "form": form if may_sign or form.errors else None,
    }
    return render(request, "reports/hold.html", context, status=422 if request.method == "POST" else 200)


@sensitive_post_parameters("password")
@trial_page(see=P.SEE_TRIAL, change=P.SIGN)
def treatment_hold(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the hold of a patient's treatment; decide on it with a signature."""
    rows = TreatmentHold.objects.visible_to(request.user).select_related(
        "patient__trial__protocol", "patient__protocol", "decided_by"
    )
    row = get_object_or_404(rows, patient__trial=request.trial, patient__code=code, number=number)
    form = TreatmentDecisionForm(posted(request), zone=zone(request))
    arguments = {"hold": row, "by": request.user}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(decide_on_treatment, **arguments, **form.cleaned_data)
    ):
        messages.success(request, _("Your decision is signed."))
        return redirect("reports:treatment-hold", slug=request.trial.slug, code=code, number=number)
    may_decide = request.access.may(P.SIGN) and not row.decision
    context = {
        "hold": row,
        "patient": row.patient,
        "heading": _title(request, row),
        "form": form if may_decide or form.errors else None,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "reports/treatment_hold.html", context, status=status)


def _title(request: TrialRequest, row: Any) -> str:
    """Return the title of the rule in the reader's language, as stored if the protocol has changed; else the reason."""
    for rule in request.trial.rules.stopping_rules:
        if rule.id == row.rule and str(rule.title) == row.title:
            return rule.title.in_language(reader_language())
    return row.title or row.reason
