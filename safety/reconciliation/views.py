"""Pages of the reconciliation: the findings, one action on several of them, the sponsor's list (SAF-13)."""

import re
from collections.abc import Sequence

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.views.participation import step
from safety.reconciliation import finding_actions
from safety.reconciliation.columns import columns
from safety.reconciliation.filters import FindingFilter, that_pass
from safety.reconciliation.findings import TITLES
from safety.reconciliation.forms import ASK, SETTLE, FindingsForm, SafetyListForm
from safety.reconciliation.list_files import ListRefused
from safety.reconciliation.models import ReconciliationSettlement
from safety.reconciliation.reconciling import ReconciledFinding, lines_of, newest_list
from trials.access import TrialRequest, trial_page
from trials.listing import Selection
from trials.listing.computed import ComputedListing
from trials.permissions import Permission as P

KEY = re.compile(r"[0-9a-f]{24}", re.ASCII)
LISTING = "safety:reconciliation"


@trial_page(see=P.RAISE_QUERY)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List what events, deaths, stays, medication, deviations, results and the sponsor's list say differently."""
    none = ReconciliationSettlement.objects.none()
    acting = Selection(
        url=reverse("safety:reconciliation-act", args=[request.trial.slug]),
        label=gettext_lazy("Ask, settle or open again"),
    )
    shown = columns(request.trial.rules.trial.site.time_zone)
    page = ComputedListing(
        request,
        queryset=none,
        columns=shown,
        sort=shown[0].name,
        filterset=FindingFilter(request.GET, queryset=none),
        row_url=lambda line: line.finding.url,
        name="reconciliation",
        empty=gettext_lazy("Nothing disagrees."),
        every=lines_of(request.trial),
        keep=that_pass,
        selection=acting,
    )
    return page.response("safety/reconciliation/listing.html", {"newest": newest_list(request.trial)})


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def act(request: TrialRequest) -> HttpResponse:
    """Show the ticked findings; raise queries on them, settle them with a reason, or open them again."""
    keys = _keys(request)
    now = {line.pk: line for line in lines_of(request.trial)}
    chosen = [now[key] for key in keys if key in now]

    def do(form: FindingsForm) -> bool:
        given = {"trial": request.trial, "keys": keys, "text": form.cleaned_data["text"], "by": request.user}
        action = form.cleaned_data["action"]
        if action == ASK:
            return form.run(finding_actions.ask, role=request.access.role.code, **given)
        return form.run(finding_actions.settle if action == SETTLE else finding_actions.reopen, **given)

    def done(form: FindingsForm) -> str:
        messages.success(request, _done(form.cleaned_data["action"], form.result))
        return reverse(LISTING, args=[request.trial.slug])

    return step(
        request,
        FindingsForm,
        "safety/reconciliation/act.html",
        do,
        done,
        lines=[_shown(line) for line in chosen],
        keys=keys,
        gone=len(keys) - len(chosen),
    )


def _shown(line: ReconciledFinding) -> tuple[str, str, str, str]:
    finding = line.finding
    settled = _("Settled: %(reason)s") % {"reason": line.settlement.reason} if line.settlement else ""
    asked = _("A query is open already.") if line.is_asked else finding_actions.left_out(finding)
    return line.patient_code, str(TITLES[finding.kind]), finding.text, settled or asked


def _done(action: str, number: int) -> str:
    if action == ASK:
        text = ngettext("%(number)s query is raised.", "%(number)s queries are raised.", number)
    elif action == SETTLE:
        text = ngettext("%(number)s finding is settled.", "%(number)s findings are settled.", number)
    else:
        text = ngettext("%(number)s finding is open again.", "%(number)s findings are open again.", number)
    return text % {"number": number}


def _keys(request: TrialRequest) -> Sequence[str]:
    """Return the ticked rows. Raises BadRequest for texts that the listing does not send."""
    sent = (request.POST if request.method == "POST" else request.GET).getlist("row")
    keys = list(dict.fromkeys(sent))
    if not all(KEY.fullmatch(key) for key in keys) or len(keys) > finding_actions.AT_ONCE:
        raise BadRequest(_("These rows were not chosen in the listing. Choose them there."))
    return keys


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def upload(request: TrialRequest) -> HttpResponse:
    """Upload the sponsor's list of serious events; a file with a mistake stores nothing."""
    posted = request.method == "POST"
    form = SafetyListForm(*((request.POST, request.FILES) if posted else ()), trial=request.trial)
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            kept = finding_actions.keep_list(
                trial=request.trial, name=file.name, data=file.read(), by=request.user
            )
        except ListRefused as refused:
            form.add_mistakes(refused)
        else:
            words = ngettext("%(number)s line is compared.", "%(number)s lines are compared.", kept.lines)
            messages.success(request, words % {"number": kept.lines})
            return redirect(LISTING, request.trial.slug)
    context = {"form": form, "newest": newest_list(request.trial)}
    return render(request, "safety/reconciliation/upload.html", context, status=422 if posted else 200)
