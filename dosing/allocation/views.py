"""Pages around the allocation: its published hash, the upload of a sealed list, and the kit numbers."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.allocation.kits import find_kit
from dosing.allocation.lists import strata_of, upload_list
from dosing.models import AllocationCommitment, AllocationList, Infusion, Kit
from dosing.stock.labels.printed_labels import shown
from protocol.values.refusals import ValueRefused
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.permissions import Permission as P
from trials.reader import shown_sentence


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
    """List the kit number of each infusion; a scanned one leads to its infusion. Numbers tell nothing about the arm."""
    typed = request.GET.get("scan", "")
    found, problem = _scanned(request, typed) if typed.strip() else (None, "")
    if found is not None:
        return redirect(_infusion_of(request, found))
    rows = Kit.objects.visible_to(request.user).filter(trial=request.trial)
    rows = rows.select_related("patient", "infusion").order_by("patient__number", "infusion__number")
    lines = [(kit, _infusion_of(request, kit)) for kit in rows]
    context = {
        "lines": lines,
        "printable": any(kit.infusion.state == Infusion.State.PLANNED for kit, _address in lines),
        "scan": typed[:200],
        "problem": problem,
    }
    return render(request, "dosing/kits.html", context, status=422 if problem else 200)


def _scanned(request: TrialRequest, typed: str) -> tuple[Kit | None, str]:
    """Return the kit that was scanned, or why there is none."""
    try:
        found = find_kit(trial=request.trial, typed=typed)
    except ValueRefused as refused:
        return None, shown_sentence(refused)
    if found is None:
        return None, _("No infusion of this trial has the kit number “%(kit)s”.") % {"kit": shown(typed)}
    return found, ""


def _infusion_of(request: TrialRequest, kit: Kit) -> str:
    return reverse("dosing:infusion", args=[request.trial.slug, kit.patient.code, kit.infusion.number])
