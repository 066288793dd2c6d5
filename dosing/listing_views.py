"""The listings of infusions and, for readers who may know the treatment, of the allocation slots."""

from functools import partial

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy

from dosing.columns import attach_products, infusion_columns, slot_columns
from dosing.filters import InfusionFilter, SlotFilter
from dosing.models import AllocationList, AllocationSlot, Infusion, awaited
from patients.models import Query
from trials.access import TrialRequest, trial_page
from trials.listing import Listing, Selection
from trials.permissions import Permission as P
from trials.reader import shown_moment


@trial_page(see=P.SEE_TRIAL)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List the infusions of the trial, with their products only for readers who may know the treatment."""
    rows = Infusion.objects.visible_to(request.user).filter(patient__trial=request.trial)
    # Prefetched, not joined: a join would repeat the text of the protocol (170 kB) in every row.
    rows = rows.prefetch_related("patient__protocol").annotate(
        is_awaited=awaited(request.trial.rules.profile.died_on)
    )
    sees = request.access.sees_treatment
    asking = Selection(
        url=reverse("patients:facts-ask", args=[request.trial.slug, Query.Target.INFUSION]),
        label=gettext_lazy("Raise queries"),
        allowed=lambda row: row.state != Infusion.State.PLANNED,
    )
    page = Listing(
        request,
        queryset=rows,
        columns=infusion_columns(request.trial, with_product=sees),
        sort="patient",
        filterset=InfusionFilter(request.GET, queryset=rows, trial=request.trial),
        row_url=lambda row: reverse(
            "dosing:infusion", args=[request.trial.slug, row.patient.code, row.number]
        ),
        selection=asking if request.access.may(P.RAISE_QUERY) else None,
        prepare=partial(attach_products, user=request.user) if sees else None,
        name="infusions",
        empty=gettext_lazy("No infusion is planned yet: they are planned when a patient is included."),
    )
    randomises = request.trial.rules.allocation is not None
    context = {
        "with_list": sees and randomises,
        "with_product": sees,
        "with_masked": sees and bool(request.trial.rules.masked_forms),
        "randomises": randomises,
    }
    return page.response("dosing/listing.html", context)


@trial_page(see=P.SEE_TREATMENT)
def allocation(request: TrialRequest) -> HttpResponseBase:
    """Show how the allocation list was generated, and its slots with their patients."""
    plan = request.trial.rules.allocation
    made = AllocationList.objects.visible_to(request.user).filter(trial=request.trial).first()
    if plan is None or made is None:
        context = {"plan": plan, "may_upload": request.access.may(P.UPLOAD_ALLOCATION)}
        return render(request, "dosing/allocation.html", context)
    rows = AllocationSlot.objects.visible_to(request.user).filter(trial=request.trial)
    page = Listing(
        request,
        queryset=rows.select_related("patient"),
        columns=slot_columns(request.trial.rules, recruits=request.trial.locked_at is None),
        sort="place",
        filterset=SlotFilter(request.GET, queryset=rows),
        name="allocation",
        empty=gettext_lazy("The list has no place."),
    )
    made_at = shown_moment(made.generated_at, request.trial.zone)
    return page.response("dosing/allocation.html", {"plan": plan, "made": made, "made_at": made_at})
