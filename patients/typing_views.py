"""What the page of a form asks while a person types: what the rules say, and to keep what is typed."""

import json

from django.core.exceptions import BadRequest
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.access import TrialRequest, trial_page
from accounts.permissions import Permission as P
from patients import drafting
from patients.capture import calculated, reference
from patients.entry_page import EntryPage
from patients.entry_views import located, number_of
from patients.field_history import moment_words
from patients.navigation import address_of
from trials.items import NotOffered, typed
from trials.reference import laboratory_items

ECHOED = frozenset({"date", "datetime", "time", "integer", "decimal"})


@trial_page(see=None, change=P.ENTER_DATA)
def check(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Say what the rules say of what is typed so far. Stores nothing."""
    casebook, place = located(request, code, form, visit, repeat)
    page = EntryPage(request, casebook, place, may_enter=True, data=request.POST)
    try:
        judgement = page.judgement
    except NotOffered as unknown:
        raise BadRequest(unknown.sentence(_)) from unknown
    language = get_language() or "en"
    items = place.form.items
    around = page.form.surroundings
    context = {
        "paths": {path: page.results.get(path, ()) for path in paths_of(page)},
        "references": {
            item.name: reference(item, around, language)
            for item in laboratory_items(place.form)
            if not item.is_calculated
        },
        "calculated": [calculated(item, around, language) for item in items if item.is_calculated],
    }
    response = render(request, "patients/_check.html", context)
    told = {
        "hidden": sorted(judgement.hidden),
        "undecided": sorted(judgement.undecided - judgement.waiting),
        "required": sorted(judgement.required),
        "soft": sorted(page.answers.sent_path(finding.item) for finding in judgement.soft),
        "invalid": sorted(
            path for path, results in page.results.items() if any(each.blocks for each in results)
        ),
        "echo": {
            item.name: typed(page.answers.values[item.name], item, language).get("", "")
            for item in items
            if item.type in ECHOED and item.name in page.answers.values
        },
    }
    response["HX-Trigger"] = json.dumps({"stroma:judged": told})
    return response


def paths_of(page: EntryPage) -> list[str]:
    """Return every path that has a place for sentences on the page: items, and the cells that were sent."""
    cells = {name for name in page.request.POST if name.count("-") == 2 and not name.endswith("-remove")}
    return [*(item.name for item in page.place.form.items), *sorted(cells)]


@trial_page(see=None, change=P.ENTER_DATA)
def keep(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> JsonResponse:
    """Keep what is typed so far."""
    _casebook, place = located(request, code, form, visit, repeat)
    base = number_of(request, "_version")
    draft = drafting.keep_draft(place=place, posted=request.POST, base_version=base, by=request.user)
    zone = place.protocol.rules.trial.site.time_zone
    return JsonResponse({"kept": _("Kept %(when)s") % {"when": moment_words(draft.saved_at, zone)}})


@trial_page(see=None, change=P.ENTER_DATA)
def discard(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Forget what was typed and not saved."""
    _casebook, place = located(request, code, form, visit, repeat)
    drafting.discard(place=place, user=request.user)
    return redirect(address_of(place))
