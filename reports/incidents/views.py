"""Report a problem from any page; list the problems, look at them, close and review them (VAL-03)."""

import re
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import sent_or_kept
from audit.context import current_actor
from patients.queries.filters import ANY
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.incidents import close_problem, report_problem, review_due_on, review_problems, take_up_problem
from trials.listing import Column, Listing, choice_text
from trials.models import Incident, IncidentReview
from trials.permissions import Permission as P
from trials.roles import ROLES
from trials.titles.page_titles import page_title

PAGE_NAME = re.compile(r"[a-z-]{1,20}:[a-z-]{1,40}")


class ProblemForm(VerbForm):
    """The problem, in the words of the person who reports it."""

    text = forms.CharField(
        label=gettext_lazy("What happened, and what did you expect?"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy(
            "Name no patient, no value and no treatment: everybody in the trial reads it."
        ),
    )


class CloseProblemForm(VerbForm):
    """The action on a problem."""

    done = forms.CharField(
        label=gettext_lazy("What was done"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ProblemReviewForm(VerbForm):
    """The conclusion of a review of the problems."""

    conclusion = forms.CharField(
        label=gettext_lazy("Conclusion"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("What repeats, what has to change, and who sees to it."),
    )


class ProblemFilter(django_filters.FilterSet):
    """Filters of the list."""

    state = django_filters.ChoiceFilter(
        label=gettext_lazy("Status"), choices=Incident.State.choices, empty_label=ANY
    )

    class Meta:
        model = Incident
        fields = ["state"]


COLUMNS = (
    Column(name="number", label=gettext_lazy("No."), value=lambda row: row.number, sort=("number",), css="num"),
    Column(name="reported_at", label=gettext_lazy("Reported at"), value=lambda row: row.reported_at, css="nowrap"),
    Column(name="reported_by", label=gettext_lazy("Reported by"), value=lambda row: row.reported_by.full_name,
           free_text=True),
    Column(name="role", label=gettext_lazy("Role"), value=lambda row: row.role,
           text=lambda row: str(ROLES[row.role].title) if row.role in ROLES else row.role),
    Column(name="page", label=gettext_lazy("Page"), value=lambda row: row.page, text=lambda row: page_title(row.page)),
    Column(name="text", label=gettext_lazy("What happened"), value=lambda row: row.text, free_text=True, css="wide"),
    Column(name="state", label=gettext_lazy("Status"), value=lambda row: row.state,
           text=choice_text(Incident, "state"), decides=True),
    Column(name="done", label=gettext_lazy("What was done"), value=lambda row: row.done, free_text=True),
    Column(name="closed_at", label=gettext_lazy("Closed at"), value=lambda row: row.closed_at, css="nowrap"),
    Column(name="request", label=gettext_lazy("Request"), value=lambda row: row.request, on_page=False),
)  # fmt: skip


@trial_page(see=P.SEE_TRIAL)
def problems(request: TrialRequest) -> HttpResponseBase:
    """List the problems of the trial, with the day of the next review."""
    rows = Incident.objects.filter(trial=request.trial)
    page = Listing(
        request,
        queryset=rows.select_related("reported_by"),
        columns=COLUMNS,
        sort="-number",
        filterset=ProblemFilter(request.GET, queryset=rows),
        row_url=lambda row: reverse("reports:problem", args=[request.trial.slug, row.number]),
        name="problems",
        empty=gettext_lazy("Nobody has reported a problem."),
    )
    due = review_due_on(request.trial)
    reviews = IncidentReview.objects.filter(trial=request.trial).select_related("reviewed_by")
    context = {
        "due": due,
        "overdue": due is not None and due < request.trial.today,
        "may_handle": request.access.may(P.HANDLE_PROBLEMS),
        "reviews": reviews.order_by("-pk")[:20],
    }
    return page.response("reports/problems.html", context)


@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def problem_new(request: TrialRequest) -> HttpResponse:
    """Report a problem. `page` in the address names the page, without codes of patients."""
    form = ProblemForm(sent_or_kept(request))
    name = request.GET.get("page", "")
    actor = current_actor()
    about = {
        "trial": request.trial,
        "page": name if PAGE_NAME.fullmatch(name) else "",
        "request": actor.request_id if actor else "",
        "role": request.access.role.code,
        "by": request.user,
    }
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(report_problem, **about, **form.cleaned_data)
    ):
        messages.success(
            request, _("Thank you: problem %(number)s is recorded.") % {"number": form.result.number}
        )
        return redirect("reports:problems", request.trial.slug)
    return _form_page(request, form, "reports/problem_new.html", {"page": page_title(str(about["page"]))})


@trial_page(see=P.SEE_TRIAL, change=P.HANDLE_PROBLEMS)
def problem(request: TrialRequest, number: int) -> HttpResponse:
    """Show one problem; take it up, or close it with what was done."""
    rows = Incident.objects.select_related("reported_by", "handled_by")
    row = get_object_or_404(rows, trial=request.trial, number=number)
    form = CloseProblemForm(sent_or_kept(request))
    if request.method == "POST" and form.is_valid():
        steps: dict[bool, Any] = {True: take_up_problem, False: close_problem}
        taking_up = "take_up" in request.POST
        told = {} if taking_up else {"done": form.cleaned_data["done"]}
        if form.run(steps[taking_up], problem=row, by=request.user, **told):
            return redirect("reports:problems", request.trial.slug)
    may = request.access.may(P.HANDLE_PROBLEMS) and row.state != Incident.State.CLOSED
    role = ROLES[row.role].title if row.role in ROLES else row.role
    context = {"problem": row, "page": page_title(row.page), "may_handle": may, "role": role}
    return _form_page(request, form, "reports/problem.html", context)


@trial_page(see=P.HANDLE_PROBLEMS, change=P.HANDLE_PROBLEMS)
def problem_review(request: TrialRequest) -> HttpResponse:
    """Record the periodic review of the problems."""
    form = ProblemReviewForm(sent_or_kept(request))
    told = {"trial": request.trial, "by": request.user}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(review_problems, **told, **form.cleaned_data)
    ):
        messages.success(request, _("The review of the problems is recorded."))
        return redirect("reports:problems", request.trial.slug)
    return _form_page(request, form, "reports/problem_review.html", {})


def _form_page(request: TrialRequest, form: VerbForm, template: str, context: dict[str, Any]) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    return render(request, template, {"form": form, **context}, status=status)
