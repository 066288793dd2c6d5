"""The page of the database lock: the checklist by patient, with links, and the lock."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.addresses import address_below
from accounts.sessions.kept_forms import sent_or_kept
from reports.closing.checklist import CASEBOOK, Counted, checklist, lock_trial
from reports.closing.counts import PatientRow, TrialRows
from reports.closing.open_rows import open_rows
from trials.access import Access, TrialRequest, trial_page
from trials.permissions import Permission as P

LONGEST = 2000


class NumberRow(NamedTuple):
    """One patient of the checklist: code, URL of the casebook, and (number, URL) for each point."""

    code: str
    url: str
    cells: list[tuple[int, str]]


@trial_page(see=P.SEE_TRIAL, change=P.LOCK)
def show(request: TrialRequest) -> HttpResponse:
    """Show the checklist. A data manager locks the trial, with a reason for each blocking point."""
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        try:
            _lock(request)
        except ValidationError as refused:
            errors = getattr(refused, "message_dict", None) or {"reason": refused.messages}
        else:
            messages.success(request, _("The trial is locked: nothing changes until it is unlocked."))
            return redirect(request.path)
    typed = sent_or_kept(request) or QueryDict()
    counted, patients = checklist(request.access)
    shown = [each for each in counted if each.total]
    chosen = [each for each in shown if each.point.code == request.GET.get("point")]
    shown = chosen or shown
    rows = open_rows(request.GET.get("point", ""), TrialRows(request.access), request.GET.get("patient", ""))
    context = {
        "listed": rows,
        "patient_code": request.GET.get("patient", ""),
        "points": [(each, each.point.url(request.trial.slug)) for each in counted],
        "blocks": [_override_field(typed, each, errors) for each in counted if each.blocks],
        "columns": [each.point.title for each in shown],
        "rows": _rows(shown, patients, request.access),
        "only": shown[0].point.title if chosen else "",
        "may_lock": request.access.may(P.LOCK) and not request.trial.locked_at,
        "errors": errors,
        "reason": typed.get("reason", ""),
    }
    return render(request, "reports/checklist.html", context, status=422 if errors else 200)


def _lock(request: TrialRequest) -> None:
    posted = request.POST
    names = (name for name in posted if name.startswith("override-"))
    overridden = {name.removeprefix("override-"): posted[name][:LONGEST] for name in names}
    lock_trial(
        access=request.access,
        reason=posted.get("reason", "")[:LONGEST],
        overridden=overridden,
        by=request.user,
    )


def _override_field(typed: QueryDict, each: Counted, errors: dict[str, list[str]]) -> dict[str, Any]:
    name = f"override-{each.point.code}"
    return {
        "name": name,
        "title": each.point.title,
        "count": each.total,
        "typed": typed.get(name, ""),
        "error": " ".join(errors.get(name, ())),
    }


def _rows(counted: list[Counted], patients: list[PatientRow], access: Access) -> list[NumberRow]:
    """Return the patients with any open point, with (number, URL) for each point; no URL behind a zero."""
    columns = [(each.by_patient, _behind(each, access)) for each in counted]
    casebook, found = address_below(CASEBOOK, access.trial.slug, more=1), []
    for patient in patients:
        numbers = [(by_patient.get(patient.pk, 0), url) for by_patient, url in columns]
        if any(number for number, _url in numbers):
            cells = [(number, url(patient.code) if number else "") for number, url in numbers]
            found.append(NumberRow(patient.code, casebook(patient.code), cells))
    return found


def _behind(each: Counted, access: Access) -> Callable[[str], str]:
    """Return the URLs behind the numbers. A user who may not sign gets the casebook instead of the signing page."""
    if each.point.page == "patients:sign-casebook" and not access.may(P.SIGN):
        return address_below(CASEBOOK, access.trial.slug, more=1)
    return each.point.urls(access.trial.slug)
