"""Access in force between two days, as a page and as CSV, and its periodic review (ACC-03)."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from audit.export_register import Channel, Sending, sent
from trials.access import TrialRequest, trial_page
from trials.date_fields import DayField, on_clock_of
from trials.delegations.access_in_force import AccessLine, access_in_force, as_reviewed
from trials.delegations.access_review import due_on, first_day_to_review, review_access
from trials.forms import VerbForm
from trials.listing.lines import csv_lines, csv_text
from trials.models import AccessReview
from trials.people.forms import password_field
from trials.people.steps import page, zone
from trials.permissions import Permission as P
from trials.reader import in_english
from trials.typed_input import KeepsInput, typed_on

CSV_HEAD = (
    "user", "full_name", "role", "role_title", "from", "until", "stopped_at", "recorded_at", "recorded_later_because",
    "given_by", "rights", "approval", "approved_by", "approved_at", "tasks", "training_confirmed", "training_asked",
    "deactivated", "deactivated_by", "active_again",
)  # fmt: skip


class PeriodForm(forms.Form):
    """The two days between which access is listed."""

    since = DayField(label=gettext_lazy("Between"), help_text="", required=False)
    until = DayField(label=gettext_lazy("And"), help_text="", required=False)

    def __init__(self, data: Any, *, zone: str) -> None:
        super().__init__(data, label_suffix="")
        on_clock_of(self, zone)

    def clean(self) -> dict[str, Any]:
        """Refuse days in the wrong order."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day must not be before the first day."))
        return cleaned


class AccessReviewForm(KeepsInput, VerbForm):
    """The period that was reviewed, what came of it, and the password that signs it."""

    since = DayField(label=gettext_lazy("First day"))
    until = DayField(label=gettext_lazy("Last day"))
    conclusion = forms.CharField(
        label=gettext_lazy("Conclusion"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("What was compared, what was wrong, and what was done about it."),
    )
    password = password_field()


@trial_page(see=P.SEE_PEOPLE)
def access(request: TrialRequest) -> HttpResponseBase:
    """List who had access between two days, today without any, as a page or as CSV."""
    form = PeriodForm(request.GET or None, zone=zone(request))
    today = request.trial.today
    since = until = today
    if form.is_bound and form.is_valid():
        until = form.cleaned_data["until"] or today
        since = form.cleaned_data["since"] or min(until, today)
    valid = not form.is_bound or form.is_valid()
    lines = access_in_force(request.trial, since, until) if valid else []
    if valid and request.GET.get("format") == "csv":
        return _csv(request, lines, f"From: {since:%Y-%m-%d}; To: {until:%Y-%m-%d}")
    context = {"form": form, "lines": lines, "since": since, "until": until, "query": _query(request)}
    return render(request, "people/access.html", context, status=200 if valid else 400)


@trial_page(see=P.SEE_PEOPLE)
def reviews(request: TrialRequest) -> HttpResponse:
    """List the reviews of access, and when the next one is due."""
    rows = AccessReview.objects.filter(trial=request.trial).select_related("reviewed_by").order_by("-pk")
    due = due_on(request.trial)
    context = {
        "reviews": rows,
        "due": due,
        "overdue": due is not None and due < request.trial.today,
        "may_review": request.access.may(P.REVIEW_ACCESS),
    }
    return render(request, "people/access_reviews.html", context)


@trial_page(see=P.SEE_PEOPLE)
def review(request: TrialRequest, pk: int) -> HttpResponse:
    """Show one review with the access to which it attests."""
    row = get_object_or_404(AccessReview.objects.select_related("reviewed_by"), pk=pk, trial=request.trial)
    return render(request, "people/access_review.html", {"review": row, "rows": list(as_reviewed(row))})


@sensitive_post_parameters("password")
@trial_page(see=P.REVIEW_ACCESS, change=P.REVIEW_ACCESS)
def review_new(request: TrialRequest) -> HttpResponse:
    """Attest to the access of a period."""
    trial = request.trial
    initial = {"since": first_day_to_review(trial), "until": trial.today}
    typed = typed_on(request)
    form = AccessReviewForm(typed.sent, zone=zone(request), initial=initial)
    if (kept := typed.answer(form)) is not None:
        return kept
    arguments = {"trial": trial, "by": request.user}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(review_access, **arguments, **form.cleaned_data)
    ):
        messages.success(request, _("The review of access is recorded."))
        typed.forget()
        return redirect("accounts:access-reviews", slug=trial.slug)
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    return page(
        request,
        form,
        title=_("Review access"),
        action=_("Sign the review"),
        text=_(
            "Compare “Access in force” of these days with the people who work in the trial. The list is stored as it"
            " is now; with your password you attest that it is as it has to be, or say what is not."
        ),
    )


def _query(request: TrialRequest) -> str:
    query = request.GET.copy()
    query["format"] = "csv"
    return query.urlencode()


def _csv(request: TrialRequest, lines: list[AccessLine], period: str) -> StreamingHttpResponse:
    rows = in_english(lambda: _csv_rows(lines))
    response = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="access.csv"'
    sending = Sending(
        channel=Channel.ACCESS,
        trial_id=request.trial.pk,
        treatment=False,
        told={
            "listing": "access",
            "filters": request.GET.urlencode(),
            "filters in words": period,
            "rows": len(lines),
        },
    )
    return sent(response, sending, request=request)


def _csv_rows(lines: list[AccessLine]) -> Iterator[list[str]]:
    yield list(CSV_HEAD)
    for line in lines:
        row = line.delegation
        typed = {
            "full_name": row.user.full_name,
            "recorded_later_because": row.reason,
            "given_by": row.granted_by.full_name if row.granted_by else "",
            "approved_by": row.approved_by.full_name if row.approved_by else "",
            "deactivated_by": "; ".join(pause.by for pause in line.deactivations),
        }
        cells: dict[str, Any] = {
            "user": row.user.username,
            "role": row.role,
            "role_title": str(line.role.title),
            "from": row.starts_on,
            "until": row.ends_on,
            "stopped_at": row.stopped_at,
            "recorded_at": row.recorded_at,
            "rights": "; ".join(line.rights),
            "approval": line.approval,
            "approved_at": row.approved_at,
            "tasks": "; ".join(line.tasks),
            "training_confirmed": line.confirmed,
            "training_asked": line.asked,
            "deactivated": "; ".join(pause.since.isoformat() for pause in line.deactivations),
            "active_again": "; ".join(pause.until.isoformat() for pause in line.deactivations if pause.until),
            **typed,
        }
        yield [csv_text(cells[name], free_text=name in typed) for name in CSV_HEAD]
