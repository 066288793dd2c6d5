"""What the page of a form asks while a person types: what the rules say, and to keep what is typed."""

import json
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from patients.casebook.item_history import moment_words
from patients.casebook.navigation import address_of
from patients.entry import drafts, not_done
from patients.entry.attachments import file_items
from patients.entry.capture_form import calculated, group_tools, reference
from patients.entry.page import EntryPage
from patients.views.entry import base_version, located, marked
from protocol.document.items import path
from protocol.values.labels import converted_words, file_words, typed
from protocol.values.parsing import NotOffered
from protocol.values.reference_ranges import laboratory_items
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language

ECHOED = frozenset({"date", "partial_date", "datetime", "time", "integer", "decimal"})
NOT_ECHOED = frozenset({"unit", "missing", "reason"})


@trial_page(see=None, change=P.ENTER_DATA)
def check(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Say what the rules say of what is typed so far, or mark a group. Stores nothing."""
    casebook, place = located(request, code, form, visit, repeat)
    page = EntryPage(request, casebook, place, may_enter=True, data=request.POST)
    put: dict[str, str] = {}
    try:
        if not_done.is_marking(action := request.POST.get("_action", "")):
            page, put = marked(page, action)
        told = {**judged(page), "put": put}
    except NotOffered as unknown:
        raise BadRequest(unknown.sentence(_)) from unknown
    response = render(request, "patients/_check.html", said(page))
    response["HX-Trigger"] = json.dumps({"stroma:judged": told})
    return response


def judged(page: EntryPage) -> dict[str, Any]:
    """Return what the script of the page changes around the inputs, by item."""
    judgement, answers = page.judgement, page.answers
    echoed = [item for item in page.place.form.items if item.type in ECHOED and item.name in answers.values]
    language = reader_language()
    return {
        "hidden": sorted(judgement.hidden),
        "undecided": sorted(judgement.undecided - judgement.waiting),
        "required": sorted(judgement.required),
        "soft": sorted(answers.sent_path(finding.item) for finding in judgement.soft),
        "invalid": sorted(
            path for path, results in page.results.items() if any(each.blocks for each in results)
        ),
        "taken": page.taken,
        "echo": {
            f"{item.name}-{part}" if part else item.name: text
            for item in echoed
            if item.name not in page.taken
            for part, text in typed(answers.values[item.name], item, language).items()
            if part not in NOT_ECHOED
        },
    }


def said(page: EntryPage) -> dict[str, Any]:
    """Return what is written beside the fields."""
    language, form = reader_language(), page.place.form
    around = page.form.surroundings
    acted = group_tools(page.form, form.groups[page.acted], page.acted) if page.acted >= 0 else None
    return {
        "page": page,
        "paths": {path: page.results.get(path, ()) for path in paths_of(page)},
        "references": {
            item.name: reference(item, around, language)
            for item in laboratory_items(form)
            if not item.is_calculated
        },
        "calculated": [calculated(item, around, language) for item in form.items if item.is_calculated],
        "converted": dict(conversions(page, language)),
        "group": acted,
    }


def conversions(page: EntryPage, language: str) -> Iterator[tuple[str, str]]:
    """Yield by path what a number typed in another unit is in the item's own; empty where nothing is."""
    values = page.typed.values
    for item in page.place.form.items:
        if item.units and not item.is_calculated:
            yield item.name, converted_words(values.get(item.name), item, language, _)
        if item.type == "rows":
            rows = values.get(item.name)
            stored = rows if isinstance(rows, list) else []
            sent = page.typed.rows.get(item.name, [])
            for column in (column for column in item.columns if column.units and not column.is_calculated):
                for number, cells in zip(sent, stored, strict=False):
                    words = converted_words(cells.get(column.name), column, language, _)
                    yield path(item.name, number, column.name), words


def paths_of(page: EntryPage) -> list[str]:
    """Return every path that has a place for sentences on the page: items, and the cells that were sent."""
    cells = {name for name in page.request.POST if name.count("-") == 2 and not name.endswith("-remove")}
    return [*(item.name for item in page.place.form.items), *sorted(cells)]


@trial_page(see=None, change=P.ENTER_DATA)
def keep(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> JsonResponse:
    """Keep what is typed so far, as it is typed. What no page sends is kept nowhere."""
    casebook, place = located(request, code, form, visit, repeat)
    page = EntryPage(request, casebook, place, may_enter=True, data=request.POST)
    try:
        page.answers  # noqa: B018  reads what was typed
    except NotOffered as unknown:
        raise BadRequest(unknown.sentence(_)) from unknown
    base = base_version(page)
    draft = drafts.keep_draft(place=place, posted=request.POST, base_version=base, by=request.user)
    zone = place.protocol.rules.trial.site.time_zone
    told = {"kept": _("Kept %(when)s") % {"when": moment_words(draft.saved_at, zone)}}
    return JsonResponse({**told, "files": _files(page)} if page.has_files else told)


def _files(page: EntryPage) -> dict[str, dict[str, str]]:
    """Return by item the file that is kept, or why the one that was sent is not."""
    found = {}
    for item in file_items(page.place.form):
        value, refused = page.answers.values.get(item.name), page.answers.refused.get(item.name)
        if refused is not None:
            found[item.name] = {"refused": refused.sentence(_)}
        elif value and "file" in value:
            found[item.name] = {"key": value["file"], "words": f"{value['name']} ({file_words(value)})"}
    return found


@trial_page(see=None, change=P.ENTER_DATA)
def discard(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Forget what was typed and not saved."""
    _casebook, place = located(request, code, form, visit, repeat)
    drafts.discard(place=place, user=request.user)
    return redirect(address_of(place))
