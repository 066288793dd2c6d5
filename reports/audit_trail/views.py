"""The audit trail page: filters, entries as text, CSV, and the record of a review (AUD-11)."""

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from audit.export_register import Channel, Sending, sent
from patients.entry.form_page.page_drafts import PageDraft, filtered_page, finished
from reports.audit_trail import viewing
from reports.audit_trail.csv_file import trail_csv
from reports.audit_trail.forms import TrailReviewForm
from reports.audit_trail.page import TrailPage
from reports.audit_trail.reviewing import record_review
from reports.audit_trail.saved_views import offered_views
from trials.access import TrialRequest, trial_page
from trials.blinding.unblinded_files import holds_treatment, marked_name
from trials.listing import filters_in_english
from trials.permissions import Permission as P


@trial_page(see=P.SEE_TRAIL, change=P.REVIEW_TRAIL)
def trail(request: TrialRequest) -> HttpResponseBase:
    """Show the trail, send it as CSV, or record a review of the filtered entries."""
    page = TrailPage(request)
    typed = filtered_page(request, page.query)
    form = TrailReviewForm(typed.sent)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST":
        return _review(request, page, form, typed)
    if request.GET.get("format") == "csv" and page.shows:
        return _csv(request, page)
    return _show(request, page, form, typed)


def _show(request: TrialRequest, page: TrailPage, form: TrailReviewForm, typed: PageDraft) -> HttpResponse:
    reviews = request.access.may(P.REVIEW_TRAIL)
    if reviews:
        typed.show(form)
    if reviews and page.valid:
        viewing.note(request, page)
    context = {
        "listing": page,
        "review": form if reviews else None,
        "views": offered_views(page.trial, reviews=reviews),
        "may_save": reviews,
        "may_mask": request.access.may(P.REDACT),
    }
    status = 503 if page.valid and not page.complete else 200 if page.valid and not form.errors else 400
    return render(request, "reports/trail.html", context, status=status)


def _review(request: TrialRequest, page: TrailPage, form: TrailReviewForm, typed: PageDraft) -> HttpResponse:
    if not form.is_valid() or not page.shows:
        typed.keep(form)
        return _show(request, page, form, typed)
    record_review(
        page=page,
        conclusion=form.cleaned_data["conclusion"],
        finding=form.cleaned_data["finding"],
        seen=viewing.seen(request, page),
        since=viewing.since(request, page),
        by=request.user,
    )
    viewing.forget(request, page)
    messages.success(request, _("The review is recorded in the trail."))
    return finished(typed, page.url())


def _csv(request: TrialRequest, page: TrailPage) -> StreamingHttpResponse:
    counts = {"entries": 0}
    marked = holds_treatment(request.access)
    lines = trail_csv(page, counts, marked=marked)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{marked_name("trail.csv", marked=marked)}"'
    sending = Sending(
        channel=Channel.TRAIL,
        trial_id=page.trial.pk,
        treatment=request.access.sees_treatment,
        see=request.access.see_of_files,
        told={
            "listing": "trail",
            "filters": page.query,
            "filters in words": filters_in_english(lambda: page.chips),
        },
        counts=counts,
    )
    return sent(response, sending, request=request)
