"""Pages of the pre-screening log: the listing with its totals, and the steps on one row."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import kept_data
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import PrescreeningRow
from patients.participation.logs import prescreening as log
from patients.participation.logs.prescreening_forms import (
    CorrectPrescreeningForm,
    PrescreeningFilter,
    PrescreeningForm,
    StrikeRowForm,
)
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, choice_text
from trials.permissions import Permission as P

Outcome, Reason = PrescreeningRow.Outcome, PrescreeningRow.Reason
COLUMNS = (
    Column(name="number", label=gettext_lazy("No."), value=lambda row: row.number, sort=("number",)),
    Column(name="considered_on", label=gettext_lazy("Considered on"), value=lambda row: row.considered_on,
           sort=("considered_on",), css="nowrap"),
    Column(name="people", label=gettext_lazy("People"), value=lambda row: row.people, sort=("people",)),
    Column(name="outcome", decides=True, label=gettext_lazy("Outcome"), value=lambda row: row.outcome,
           text=choice_text(PrescreeningRow, "outcome"), sort=("outcome",)),
    Column(name="reason", label=gettext_lazy("Reason"), value=lambda row: row.reason,
           text=choice_text(PrescreeningRow, "reason"), sort=("reason",)),
    Column(name="note", label=gettext_lazy("Note"), value=lambda row: row.note, free_text=True),
    Column(name="struck_out_reason", label=gettext_lazy("Struck out because"),
           value=lambda row: row.struck_out_reason, free_text=True),
)  # fmt: skip


@trial_page(see=P.SEE_TRIAL)
def prescreening(request: TrialRequest) -> HttpResponseBase:
    """List who was considered and not screened, with the totals."""
    rows = PrescreeningRow.objects.visible_to(request.user).filter(trial=request.trial)
    may = request.access.may(P.SCREEN)
    page = Listing(
        request,
        queryset=rows,
        columns=COLUMNS,
        sort="-number",
        filterset=PrescreeningFilter(request.GET, queryset=rows),
        row_url=partial(_address, request, "correct") if may else None,
        name="prescreening",
        empty=_("Nobody is in the log yet. Who is screened is in the list of patients."),
    )
    if page.wants_csv:
        return page.csv()
    counts = log.flow_counts(request.trial)
    return page.response(
        "patients/prescreening.html", {"counts": counts, "reasons": _reasons(counts), "may": may}
    )


def _reasons(counts: log.FlowCounts) -> list[tuple[Any, int, list[tuple[Any, int]]]]:
    """Return the outcomes with their totals and reasons, in words."""
    return [
        (
            Outcome(outcome).label,
            sum(found.values()),
            [(Reason(code).label, number) for code, number in found.items()],
        )
        for outcome, found in counts.reasons.items()
    ]


def _address(request: TrialRequest, step: str, row: PrescreeningRow) -> str:
    return reverse(f"patients:prescreening-{step}", args=[request.trial.slug, row.number])


@trial_page(see=P.SCREEN, change=P.SCREEN)
def add(request: TrialRequest) -> HttpResponse:
    """Enter people who were considered and not screened."""
    typed = PageDraft(request, None)
    form = PrescreeningForm(typed.sent, trial=request.trial)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        given = {"trial": request.trial, "facts": form.facts(), "save_key": form.cleaned_data["save_key"]}
        if form.run(log.add_prescreening, by=request.user, **given):
            messages.success(request, _("Row %(number)s is recorded.") % {"number": form.result.number})
            return finished(typed, reverse("patients:prescreening", args=[request.trial.slug]))
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    context = {"form": form, "title": _("Who was considered and not screened"), "action": _("Record it")}
    status = 422 if request.method == "POST" else 200
    return render(request, "patients/prescreening_step.html", context, status=status)


@trial_page(see=P.SCREEN, change=P.SCREEN)
def correct(request: TrialRequest, number: int) -> HttpResponse:
    """Correct a row with a reason."""
    row = _row(request, number)
    form, typed = _step_form(request, CorrectPrescreeningForm, row), PageDraft(request, None)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        verb = partial(log.correct_prescreening, facts=form.facts())
        if _run(request, form, verb):
            return finished(typed, reverse("patients:prescreening", args=[request.trial.slug]))
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    title = _("Correct row %(number)s") % {"number": number}
    strike = "" if row.struck_out else _address(request, "strike", row)
    return _shown(request, form, row, title=title, action=_("Save the change"), strike_url=strike)


@trial_page(see=P.SCREEN, change=P.SCREEN)
def strike_out(request: TrialRequest, number: int) -> HttpResponse:
    """Strike out a row with a reason."""
    row = _row(request, number)
    form = _step_form(request, StrikeRowForm, row)
    if request.method == "POST" and form.is_valid() and _run(request, form, log.strike_out_prescreening):
        return redirect("patients:prescreening", request.trial.slug)
    title = _("Strike out row %(number)s") % {"number": number}
    return _shown(request, form, row, title=title, action=_("Strike out the row"), danger=True)


def _row(request: TrialRequest, number: int) -> PrescreeningRow:
    rows = PrescreeningRow.objects.visible_to(request.user)
    row: PrescreeningRow = get_object_or_404(rows, trial=request.trial, number=number)
    row.trial = request.trial
    return row


def _step_form(request: TrialRequest, form_class: Any, row: PrescreeningRow) -> Any:
    posted = request.POST if request.method == "POST" else kept_data(request)
    return form_class(posted, trial=request.trial, row=row)


def _run(request: TrialRequest, form: Any, verb: Any) -> bool:
    given = {name: form.cleaned_data[name] for name in ("change_reason", "version")}
    return bool(form.run(verb, row=form.row, by=request.user, **given))


def _shown(request: TrialRequest, form: Any, row: PrescreeningRow, **context: Any) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    return render(
        request, "patients/prescreening_step.html", {"form": form, "row": row, **context}, status=status
    )
