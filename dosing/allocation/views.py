"""Pages around the allocation: its published hash, the upload of a sealed list, and the kit numbers."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.allocation.lists import strata_of, upload_list
from dosing.models import AllocationCommitment, AllocationList, Kit
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.permissions import Permission as P


class UploadForm(VerbForm):
    """A sealed list as a CSV file."""

    file = forms.FileField(
        label=gettext_lazy("File (CSV, UTF-8)"),
        help_text=gettext_lazy("Columns: stratum, position, arm and, if the kits are numbered already, kit."),
    )


@trial_page(see=P.SEE_TRIAL)
def commitment(request: TrialRequest) -> HttpResponse:
    """Show the hash of the sealed allocation list, the same to every role."""
    found = AllocationCommitment.objects.filter(trial=request.trial).first()
    context = {"commitment": found, "randomises": request.trial.rules.allocation is not None}
    return render(request, "dosing/commitment.html", context)


@trial_page(see=P.UPLOAD_ALLOCATION, change=P.UPLOAD_ALLOCATION)
def upload(request: TrialRequest) -> HttpResponse:
    """Upload a sealed list instead of a generated one, before the first allocation."""
    form = (
        UploadForm(request.POST or None, request.FILES or None) if request.method == "POST" else UploadForm()
    )
    rules = request.trial.rules
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"].read()
        if form.run(upload_list, trial=request.trial, data=data, by=request.user):
            messages.success(request, _("The sealed list is stored, and its hash is published."))
            return redirect("dosing:allocation", request.trial.slug)
    plan = rules.allocation
    context = {
        "form": form,
        "plan": plan,
        "strata": strata_of(rules) if plan else [],
        "exists": AllocationList.objects.visible_to(request.user).filter(trial=request.trial).exists(),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "dosing/allocation_upload.html", context, status=status)


@trial_page(see=P.SEE_TRIAL)
def kits(request: TrialRequest) -> HttpResponse:
    """List the kit number of each infusion. A number tells nothing about the arm."""
    rows = Kit.objects.visible_to(request.user).filter(trial=request.trial)
    rows = rows.select_related("patient", "infusion").order_by("patient__number", "infusion__number")
    lines = [
        (
            kit,
            reverse("dosing:infusion", args=[request.trial.slug, kit.patient.code, kit.infusion.number]),
        )
        for kit in rows
    ]
    return render(request, "dosing/kits.html", {"lines": lines})
