"""Pages of the saved views of the trail: save filters, plan their review, review a sample of them (AUD-11)."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import sent_or_kept
from audit.models import SavedView, TrailReview
from patients.entry.form_page.page_drafts import PageDraft, finished
from reports.audit_trail import sampling
from reports.audit_trail.lines import seen_words
from reports.audit_trail.page import TrailPage
from reports.audit_trail.reviewing import record_review
from reports.audit_trail.saved_views import change_plan, due_on, save_view
from reports.audit_trail.view_forms import PlanForm, SampleReviewForm, ViewForm
from trials.access import TrialRequest, trial_page
from trials.listing.saved_views import retire_view
from trials.permissions import Permission as P


@trial_page(see=P.REVIEW_TRAIL, change=P.REVIEW_TRAIL)
def new(request: TrialRequest) -> HttpResponse:
    """Save the filters of the address under a name."""
    page = TrailPage(request)
    form = ViewForm(sent_or_kept(request), trial=request.trial)
    if request.method == "POST" and form.is_valid() and page.valid and _saved(request, page, form):
        return redirect("audit:trail", request.trial.slug)
    refused = not page.valid or (request.method == "POST" and bool(form.errors))
    context = {"form": form, "query": page.query, "words": page.filter_words(page.query)}
    return render(request, "reports/trail_view_new.html", context, status=400 if refused else 200)


def _saved(request: TrialRequest, page: TrailPage, form: ViewForm) -> bool:
    cleaned = form.cleaned_data
    try:
        view = save_view(
            trial=request.trial,
            name=cleaned["name"],
            query=page.query,
            purpose=cleaned["purpose"],
            plan=form.plan,
            by=request.user,
        )
    except ValidationError as refused:
        form.add_error(None, refused.messages)
        return False
    messages.success(request, _("Saved: view “%(name)s”.") % {"name": view.name})
    return True


@trial_page(see=P.REVIEW_TRAIL, change=P.REVIEW_TRAIL)
def show(request: TrialRequest, key: int) -> HttpResponse:
    """Show a view with its plan and its reviews; change the plan."""
    view = _view(request, key)
    form = PlanForm(sent_or_kept(request), trial=request.trial, initial=PlanForm.initial_of(view))
    if request.method == "POST" and form.is_valid() and _planned(request, view, form):
        messages.success(request, _("Saved: view “%(name)s”.") % {"name": view.name})
        return redirect("audit:view", request.trial.slug, view.pk)
    page = TrailPage(request, QueryDict(view.query))
    reviews = TrailReview.objects.filter(view_id=view.pk).order_by("-pk")[:50]
    refused = request.method == "POST" and bool(form.errors)
    context = {
        "view": view,
        "form": form,
        "words": page.filter_words(view.query),
        "due_on": due_on(view, request.trial),
        "reviews": [(review, _seen(review, page)) for review in reviews],
    }
    return render(request, "reports/trail_view.html", context, status=400 if refused else 200)


def _seen(review: TrailReview, page: TrailPage) -> str:
    """Return the entries seen in a review; nothing for readers who must not know."""
    return seen_words(review.seen) if review.seen and review.see in {"", *page.may} else ""


def _planned(request: TrialRequest, view: SavedView, form: PlanForm) -> bool:
    seen = request.POST.get("version", "")
    try:
        change_plan(view=view, purpose=form.cleaned_data["purpose"], plan=form.plan, seen=seen)
    except ValidationError as refused:
        form.add_error(None, refused.messages)
        return False
    return True


@trial_page(see=None, change=P.REVIEW_TRAIL)
def retire(request: TrialRequest, key: int) -> HttpResponse:
    """Offer a view no longer."""
    view = _view(request, key)
    retire_view(view=view)
    messages.success(request, _("The view “%(name)s” is no longer offered.") % {"name": view.name})
    return redirect("audit:trail", request.trial.slug)


@trial_page(see=P.REVIEW_TRAIL, change=P.REVIEW_TRAIL)
def sample(request: TrialRequest, key: int) -> HttpResponse:
    """Draw the sample of a view and show all facts of its entries; record the review of it."""
    began = timezone.now()
    view = _view(request, key)
    page = TrailPage(request, QueryDict(view.query))
    typed = PageDraft(request, None)
    form = SampleReviewForm(typed.sent)
    if (kept := typed.answer(form)) is not None:
        return kept
    drawn = sampling.read(request.POST.get("drawn", ""), view) if request.method == "POST" else None
    if drawn is not None and form.is_valid() and page.shows:
        record_review(
            page=page,
            conclusion=form.cleaned_data["conclusion"],
            finding=form.cleaned_data["finding"],
            seen=drawn.seen,
            since=drawn.at,
            by=request.user,
            view=view,
            query=view.query,
        )
        messages.success(request, _("The review is recorded in the trail."))
        return finished(typed, reverse("audit:view", args=[request.trial.slug, view.pk]))
    if drawn is None and request.method == "POST":
        form.add_error(None, _("The sample could not be read. Another one was drawn: review it."))
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    if kept_sample := typed.also_typed("drawn"):
        drawn = sampling.read(kept_sample[0], view)
    drawn = drawn or (sampling.draw(page, view, began) if page.shows else sampling.nothing(began))
    context: dict[str, Any] = {
        "view": view,
        "listing": page,
        "drawn": drawn,
        "token": sampling.written(drawn, view),
        "lines": page.lines_of(sampling.entries(drawn, page)),
        "form": form,
        "words": page.filter_words(view.query),
    }
    refused = not page.valid or (request.method == "POST" and bool(form.errors))
    status = 503 if not page.complete else 400 if refused else 200
    return render(request, "reports/trail_sample.html", context, status=status)


def _view(request: TrialRequest, key: int) -> SavedView:
    return get_object_or_404(SavedView, pk=key, trial_id=request.trial.pk, listing="", retired_at=None)
