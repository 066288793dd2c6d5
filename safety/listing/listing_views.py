"""The adverse event listing, and the page that signs the review of several events."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from patients.models import Query
from safety import reporting
from safety.drafts.event_drafts import open_drafts
from safety.event_questions import PatientBackground, backgrounds_of
from safety.forms import EventReviewForm
from safety.labels import Wording, draft_clock_tag, event_count_text, finding_words
from safety.listing.columns import event_columns
from safety.listing.filters import AdverseEventFilter
from safety.listing.infusion_days import attach_infusions
from safety.listing.reviews import TONES, attach_reviews, review_state
from safety.listing.saving_views import LISTING
from safety.models import AdverseEvent
from trials.access import TrialRequest, trial_page
from trials.listing import Selection
from trials.listing.column_selection import SelectionListing
from trials.listing.saved_views import saved_views
from trials.permissions import Permission as P
from trials.reader import shown_moment

AT_ONCE = 100


def events_of(request: TrialRequest) -> QuerySet[AdverseEvent]:
    """Return the events of this trial with their patients."""
    # Prefetched, not joined: a join lets the planner start from the patients and sort every event.
    return AdverseEvent.objects.of(request.access).prefetch_related("patient")


@trial_page(see=P.SEE_TRIAL)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List the adverse events of the trial. An investigator selects events to review and sign."""
    rows = events_of(request)
    slug = request.trial.slug
    selection = Selection(
        url=reverse("safety:sign", args=[slug]),
        label=gettext_lazy("Review and sign"),
        name="event",
        allowed=lambda event: not event.in_error,
    )
    asking = Selection(
        url=reverse("patients:facts-ask", args=[slug, Query.Target.ADVERSE_EVENT]),
        label=gettext_lazy("Raise queries"),
        allowed=lambda event: not event.in_error,
    )
    page = SelectionListing(
        request,
        queryset=rows,
        columns=event_columns(Wording(request.trial.rules)),
        sort="-onset",
        filterset=AdverseEventFilter(request.GET, queryset=rows, trial=request.trial),
        name=LISTING,
        row_url=lambda event: reverse("safety:event", args=[slug, event.patient.code, event.number]),
        prepare=attach_related,
        selection=chosen_selection(request, selection, asking),
        empty=gettext_lazy(
            "No adverse event is reported yet. Events are reported from a patient's casebook."
        ),
    )
    drafts = [
        (draft, draft_clock_tag(draft), shown_moment(draft.first_saved_at, request.trial.zone))
        for draft in open_drafts(request.trial)
    ]
    context = {
        "drafts": drafts,
        "may_report": request.access.may(P.REPORT_EVENT),
        "views": saved_views(request.trial, LISTING),
    }
    return page.response("safety/listing.html", context)


def attach_related(events: Sequence[AdverseEvent]) -> None:
    """Set the signatures of each event, and the infusions of its patient. Two queries for all of them."""
    attach_reviews(events)
    attach_infusions(events)


def chosen_selection(request: TrialRequest, signing: Selection, asking: Selection) -> Selection | None:
    """Return the actions of the reader on ticked events: sign them, or raise queries on them."""
    if request.access.may(P.SIGN):
        return signing
    return asking if request.access.may(P.RAISE_QUERY) else None


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def sign(request: TrialRequest) -> HttpResponse:
    """Show the selected events and sign all of them with one password, or none."""
    chosen = _chosen(request)
    rows = _found(request, chosen)
    reviewable = [event for event in rows if not reporting.not_reviewable(event)]
    form = EventReviewForm(request.POST if request.method == "POST" else None, trial=request.trial)
    if request.method == "POST" and form.is_valid():
        given = {"events": rows, "versions": chosen, "by": request.user, **form.cleaned_data}
        if form.run(reporting.review_events, **given):
            messages.success(request, _("%(events)s signed.") % {"events": event_count_text(form.result)})
            return redirect("safety:listing", slug=request.trial.slug)
    wording, known = Wording(request.trial.rules), backgrounds_of(reviewable, request.trial.rules)
    context = {
        "form": form,
        "events": [_shown(event, wording, known[event.pk]) for event in reviewable],
        "left_out": [(event, reporting.not_reviewable(event)) for event in rows if event not in reviewable],
        "counted": event_count_text(len(reviewable)),
    }
    return render(request, "safety/sign.html", context, status=422 if request.method == "POST" else 200)


def _shown(event: AdverseEvent, wording: Wording, known: PatientBackground) -> tuple[Any, ...]:
    state = review_state(event)
    return event, wording.facts(event), finding_words(event, known), state, TONES[state]


def _chosen(request: TrialRequest) -> dict[int, int]:
    """Return the shown version of each selected event by id; 0 before the page has shown it."""
    texts = (request.POST if request.method == "POST" else request.GET).getlist("event")
    try:
        pairs = [text.partition(":")[::2] for text in texts]
        chosen = {int(pk): int(version or 0) for pk, version in pairs}
    except ValueError as problem:
        raise BadRequest(_("These are no adverse events.")) from problem
    if len(chosen) > AT_ONCE:
        raise BadRequest(_("Sign at most %(number)s events at once.") % {"number": AT_ONCE})
    return chosen


def _found(request: TrialRequest, chosen: dict[int, int]) -> list[AdverseEvent]:
    # The database has no such key: SQLite raises OverflowError for one.
    if any(abs(pk) >= 2**63 for pk in chosen):
        raise Http404
    rows = list(events_of(request).filter(pk__in=list(chosen)).order_by("patient_id", "number"))
    # An event that the user may not see refuses all: none is left out silently.
    if len(rows) != len(chosen):
        raise Http404
    attach_reviews(rows)
    return rows
