"""The page of the bedside: one screen for the nurse, as plain forms; a script sends the same forms in order."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import kept_data
from dosing.bedside import posted
from dosing.bedside.screen import bedside_context
from dosing.infusions.bedside_views import infusion_address, infusion_of
from dosing.models import Infusion
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

TEMPLATE = "dosing/bedside.html"
Store = Callable[..., str]


@trial_page(see=P.SEE_TRIAL, change=P.RECORD_INFUSION)
def bedside(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the course of an infusion with what is due; record a step, an observation or a checklist."""
    row = infusion_of(request, code, number)
    if request.method != "POST":
        kept = kept_data(request)
        typed = {name: str(kept[name]) for name in kept} if kept else None
        return render(request, TEMPLATE, bedside_context(request, row, typed))
    return answered(request, row, posted.store)


@trial_page(see=None, change=P.SIGN)
def decide(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record what a physician decided on a proposed stop."""
    return answered(request, infusion_of(request, code, number), posted.decide)


@trial_page(see=None, change=P.PREPARE_PRODUCT)
def give_before(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record until when a kit is given."""
    return answered(request, infusion_of(request, code, number), posted.give_before)


def answered(request: TrialRequest, row: Infusion, store: Store) -> HttpResponse:
    """Store what was sent and redirect to the page, or show it again with the refusal (422).

    A script that asks for JSON gets `{"stored": words}`, or `{"sentences": […]}` with 422.
    """
    sent = request.POST.dict()
    by_script = "application/json" in request.headers.get("Accept", "")
    try:
        words = store(sent, infusion=row, by=request.user)
    except ValidationError as refused:
        errors = _by_field(refused)
        if by_script:
            return JsonResponse(
                {"sentences": [text for texts in errors.values() for text in texts]}, status=422
            )
        return render(request, TEMPLATE, bedside_context(request, row, sent, errors), status=422)
    if by_script:
        return JsonResponse({"stored": words})
    messages.success(request, _("Recorded: %(what)s.") % {"what": words})
    return redirect(infusion_address(row, "dosing:bedside"))


def _by_field(refused: ValidationError) -> dict[str, list[str]]:
    return refused.message_dict if hasattr(refused, "error_dict") else {NON_FIELD_ERRORS: refused.messages}
