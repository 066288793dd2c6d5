"""The page of report packs: those that this person may have, each with its button, and those asked for."""

from uuid import uuid4

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import sent_or_kept
from exports.document_requests import ask_for
from exports.models import Document
from reports.packs.forms import PackForm
from reports.packs.making import pack_choices
from reports.packs.registry import PACKS, packs_for
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

SHOWN = 20


# Each pack needs a right of its own, which `ask_for` checks.
@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def packs(request: TrialRequest) -> HttpResponse:
    """Show the packs that this person may have and those asked for. A POST asks for one."""
    code = request.POST.get("pack", "")
    form = PackForm(sent_or_kept(request), trial=request.trial, pack=PACKS.get(code))
    if request.method == "POST":
        if code not in PACKS:
            raise BadRequest(_("There is no such report. There are %(known)s.") % {"known": ", ".join(PACKS)})
        if form.is_valid():
            choices = pack_choices(code, form.cleaned_data["as_of"], form.interval)
            key = request.POST.get("save_key", "")
            row = ask_for(kind=Document.Kind.PACK, access=request.access, choices=choices, save_key=key)
            return redirect("documents:asked", request.trial.slug, row.pk)
    rows = Document.objects.readable_by(request.access).filter(kind=Document.Kind.PACK)
    masked = request.trial.masked
    context = {
        "form": form,
        "save_key": uuid4().hex,
        "packs": [(pack, masked and pack.by_arm(request.access)) for pack in packs_for(request.access)],
        "rows": list(rows.select_related("trial", "asked_by")[:SHOWN]),
        "masked": masked,
    }
    return render(request, "reports/packs.html", context, status=422 if request.method == "POST" else 200)
