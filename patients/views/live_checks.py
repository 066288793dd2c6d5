"""The requests that the page of a form sends while a person types: check the answers, keep or discard the draft."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from patients.casebook.item_history import moment_words
from patients.casebook.navigation import address_of
from patients.entry import drafts
from patients.entry.answers import REMOVE
from patients.entry.capture_form import group_tools
from patients.entry.files.attachments import file_items
from patients.entry.form_page.field_context import sentences_html
from patients.entry.form_page.page import EntryPage, Refused
from patients.entry.posted import PostedPage
from patients.views.entry import (
    mark_group,
    open_casebook,
    page_of,
    place_of,
    read_posted,
    refuse_future_version,
    with_checks,
)
from protocol.document.items import path
from protocol.values.labels import converted_words, file_words, typed
from protocol.values.row_ids import ROW_ID, row_id, rows_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_sentence

ECHOED = frozenset({"date", "partial_date", "datetime", "time", "integer", "decimal"})
NOT_ECHOED = frozenset({"unit", "missing", "reason"})


@trial_page(see=None, change=P.ENTER_DATA)
def check(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Check the answers typed so far, or mark a group as not done. Stores nothing."""
    casebook = open_casebook(request, code)
    posted = read_posted(request, casebook, form, visit, repeat)
    marking = mark_group(casebook, posted)
    page = page_of(request, casebook, marking.posted if marking else posted, Refused())
    page = with_checks(replace(page, marking=marking))
    response = render(request, "patients/_check.html", field_texts(page))
    response["HX-Trigger"] = json.dumps({"stroma:checked": input_changes(page)})
    return response


def input_changes(page: EntryPage) -> dict[str, Any]:
    """Return the changes that the script of the page makes to the inputs, by item."""
    context, answers = page.form.field_context, page.answers
    echoed = [item for item in page.place.form.items if item.type in ECHOED and item.name in answers.values]
    language = reader_language()
    return {
        "hidden": sorted(context.hidden),
        "undecided": sorted(context.undecided),
        "required": sorted(context.required or ()),
        "soft": sorted(answers.sent_path(path) for path in context.soft),
        "invalid": sorted(
            path for path, results in page.results.items() if any(each.blocks for each in results)
        ),
        "stored_chosen": page.stored_chosen,
        "echo": {
            f"{item.name}-{part}" if part else item.name: text
            for item in echoed
            if item.name not in page.stored_chosen
            for part, text in typed(answers.values[item.name], item, language).items()
            if part not in NOT_ECHOED
        },
        "marks": page.marking.inputs if page.marking else {},
    }


def field_texts(page: EntryPage) -> dict[str, Any]:
    """Return the template context of the texts at the fields: messages, calculated values, reference ranges."""
    form = page.place.form
    acted = (
        group_tools(page.form, form.groups[page.marking.group], page.marking.group) if page.marking else None
    )
    return {
        "page": page,
        "fields": page.form.field_renderer(has_links=not page.listed).live(),
        "cells": {path: sentences_html(page.results.get(path, ())) for path in cells_of(page)},
        "converted": dict(conversions(page, reader_language())),
        "group": acted,
    }


def conversions(page: EntryPage, language: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each number converted to the item's own unit; the text is empty if none was converted."""
    read = page.posted.typed if page.posted else page.answers
    for item in page.place.form.items:
        if item.units and not item.is_calculated:
            yield item.name, converted_words(read.values.get(item.name), item, language, _)
        if item.type == "rows":
            for column in (column for column in item.columns if column.units and not column.is_calculated):
                for row in rows_of(read.values.get(item.name)):
                    words = converted_words(row.get(column.name), column, language, _)
                    yield read.sent_path(path(item.name, row_id(row), column.name)), words


def is_no_cell(name: str) -> bool:
    """Return True for an input of a table that is no cell, such as the id of a row, and for a choice in a conflict."""
    return name.startswith("_") or name.endswith((f"-{REMOVE}", f"-{ROW_ID}"))


def cells_of(page: EntryPage) -> list[str]:
    """Return the paths of the cells that were sent: each shows its messages."""
    return sorted({name for name in page.inputs or () if name.count("-") == 2 and not is_no_cell(name)})


@trial_page(see=None, change=P.ENTER_DATA)
def keep(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> JsonResponse:
    """Keep the inputs typed so far as a draft. Answers 400 for inputs that our page does not send."""
    casebook = open_casebook(request, code)
    posted = read_posted(request, casebook, form, visit, repeat, button=False)
    refuse_future_version(casebook, posted)
    place = posted.place
    draft = drafts.keep_draft(
        place=place, inputs=posted.inputs, base_version=posted.base_version, by=request.user
    )
    zone = place.protocol.rules.trial.site.time_zone
    answer = {"kept": _("Kept %(when)s") % {"when": moment_words(draft.saved_at, zone)}}
    return JsonResponse({**answer, "files": _files(posted)} if place.form.takes_files else answer)


def _files(posted: PostedPage) -> dict[str, dict[str, str]]:
    """Return by item the stored file, or why the sent file was refused."""
    found = {}
    for item in file_items(posted.place.form):
        value, refused = posted.typed.values.get(item.name), posted.refused.get(item.name)
        if refused is not None:
            found[item.name] = {"refused": shown_sentence(refused)}
        elif value and "file" in value:
            words = f"{value['name']} ({file_words(value, reader_language())})"
            found[item.name] = {"key": value["file"], "words": words}
    return found


@trial_page(see=None, change=P.ENTER_DATA)
def discard(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Delete this person's draft of the form."""
    place = place_of(open_casebook(request, code), form, visit, repeat)
    drafts.discard(place=place, user=request.user)
    return redirect(address_of(place))
