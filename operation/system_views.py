"""The page System: how this installation is kept, and a verification of the trail on request."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from operation.system_record import system_record
from operation.trail_verification import ask_for_verification
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.SEE_SYSTEM, change=P.SEE_SYSTEM)
def system(request: TrialRequest) -> HttpResponse:
    """Show how the installation is kept. A POST asks the worker to verify the trail."""
    if request.method == "POST":
        ask_for_verification(trial=request.trial, by=request.user)
        messages.success(request, _("The verification is asked for. Its result will stand here."))
        return redirect("system:page", request.trial.slug)
    return render(request, "operation/system.html", system_record(request.trial, request.access.permissions))
