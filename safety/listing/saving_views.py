"""Save the filters and columns of the adverse event listing under a name, and offer a saved view no longer (SAF-14)."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import sent_or_kept
from audit.models import SavedView
from patients.participation.forms import StepForm
from safety.listing.filters import AdverseEventFilter
from safety.models import AdverseEvent
from trials.access import TrialRequest, trial_page
from trials.listing.saved_views import query_of, retire_view, save_listing_view
from trials.permissions import Permission as P

LISTING = "adverse-events"


class ListingViewForm(StepForm):
    """The name of a view."""

    keeps_draft = False
    name = forms.CharField(label=gettext_lazy("Name of the view"), max_length=80)


@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def save_view(request: TrialRequest) -> HttpResponse:
    """Save the filters of the address under a name that all members of the trial see."""
    filters = AdverseEventFilter(request.GET, queryset=AdverseEvent.objects.none(), trial=request.trial)
    posted = request.method == "POST"
    form = ListingViewForm(sent_or_kept(request), trial=request.trial)
    query = query_of(request.GET)
    valid = filters.is_valid()
    if posted and form.is_valid() and valid:
        given = {"trial": request.trial, "listing": LISTING, "query": query, "by": request.user}
        if form.run(save_listing_view, name=form.cleaned_data["name"], **given):
            messages.success(request, _("Saved: view “%(name)s”.") % {"name": form.result.name})
            return redirect(f"{reverse('safety:listing', args=[request.trial.slug])}?{query}")
    context = {"form": form, "query": query, "valid": valid}
    status = 422 if posted else 200 if valid else 400
    return render(request, "safety/save_view.html", context, status=status)


@trial_page(see=None, change=P.SEE_TRIAL)
def retire(request: TrialRequest, number: int) -> HttpResponse:
    """Offer a view no longer."""
    rows = SavedView.objects.filter(trial_id=request.trial.pk, listing=LISTING, retired_at=None)
    view = get_object_or_404(rows, pk=number)
    retire_view(view=view)
    messages.success(request, _("The view “%(name)s” is no longer offered.") % {"name": view.name})
    return redirect("safety:listing", request.trial.slug)
