"""Pages of the reserve envelopes: print them, print their codes, transcribe paper allocations (BKP-02)."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import sent_or_kept
from dosing.envelopes.making import reconciled
from dosing.envelopes.reserve_forms import ReserveForm, ReserveNumberForm, reserve_words
from dosing.envelopes.reserve_order import passed_over
from dosing.envelopes.reserves import make_reserves, print_reserve_codes, record_reserve, uses_of
from dosing.models import ReserveEnvelope
from dosing.unblinding.forms import may_see_people
from protocol.values.moments import Moment
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_moment


@trial_page(see=P.SEE_TRIAL, change=P.REPORT_EXPOSURE)
def reserves(request: TrialRequest) -> HttpResponse:
    """List the reserve envelopes with what became of each; record what was found or done. Names no arm."""
    posted = request.method == "POST"
    form = ReserveForm(
        sent_or_kept(request),
        trial=request.trial,
        by=request.user,
        sees_people=may_see_people(request.access),
    )
    if posted and form.is_valid() and form.run(record_reserve, by=request.user, **form.facts()):
        messages.success(request, _("It is recorded."))
        return redirect("dosing:reserves", request.trial.slug)
    visible = ReserveEnvelope.objects.visible_to(request.user).filter(trial=request.trial)
    people = ("checks__recorded_by", "checks__opened_by", "checks__patient")
    rows = list(visible.select_related("made_by", "codes_by").prefetch_related(*people))
    late = passed_over(uses_of(rows))
    context = {
        "lines": [
            (row, _checks(row, request.trial.time_zone), _order_words(late.get(row.number, ())))
            for row in rows
        ],
        "counts": reconciled(rows),
        "findings": len(late),
        "randomises": request.trial.rules.allocation is not None,
        "form": form if request.access.may(P.REPORT_EXPOSURE) and rows else None,
        "may_print": request.access.may(P.PREPARE_PRODUCT),
    }
    return render(request, "dosing/reserves.html", context, status=422 if posted else 200)


def _order_words(skipped: tuple[int, ...]) -> str:
    """Return the finding of an envelope that was opened out of order, "" without one."""
    if not skipped:
        return ""
    return _("Opened out of order: %(envelopes)s came before it and was not used.") % {
        "envelopes": ", ".join(f"R-{number}" for number in skipped)
    }


def _checks(row: ReserveEnvelope, zone: str) -> list[tuple[str, str, str, str, str]]:
    """Return finding, patient, moment, person who did or recorded it, and note of each check."""
    return [
        (
            each.get_finding_display(),
            each.patient.code if each.patient else "",
            shown_moment(Moment.from_iso(each.happened, zone)),
            each.opened_by_name or (each.opened_by or each.recorded_by).full_name,
            each.note,
        )
        for each in row.checks.all()
    ]


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def make(request: TrialRequest) -> HttpResponse:
    """Print envelopes of the next slots of each stratum: the answer to this step, shown once."""
    posted = request.method == "POST"
    form = ReserveNumberForm(sent_or_kept(request))
    context: dict[str, Any] = {"form": form, "randomises": request.trial.rules.allocation is not None}
    if (
        posted
        and form.is_valid()
        and form.run(make_reserves, trial=request.trial, by=request.user, **form.cleaned_data)
    ):
        titles = {arm.code: arm.title.in_language(reader_language()) for arm in request.trial.rules.arms}
        context |= {"made_at": shown_moment(timezone.now(), request.trial.time_zone), "sheets": []}
        for each in form.result:
            lines = [(line.number, line.check, titles.get(line.arm, line.arm)) for line in each.sheet.lines]
            context["sheets"].append((each.envelope, reserve_words(each.envelope), lines))
        return render(request, "dosing/reserves_print.html", context)
    return render(request, "dosing/reserves_print.html", context, status=422 if posted else 200)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def codes(request: TrialRequest) -> HttpResponse:
    """Print the codes of envelopes that another person printed: the answer to this step, shown once."""
    context: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            context["codes"] = print_reserve_codes(trial=request.trial, by=request.user)
            context["made_at"] = shown_moment(timezone.now(), request.trial.time_zone)
        except ValidationError as refused:
            context["problems"], status = refused.messages, 422
    return render(request, "dosing/reserve_codes.html", context, status=status)
