"""The page that raises queries in bulk: rows chosen in a listing, a preview of the queries, a confirmation."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.casebook.form_content import form_title
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Query, Record
from patients.participation.forms import StepForm
from patients.queries import bulk
from patients.queries.bulk import AT_ONCE, Target
from patients.queries.filters import RecordFilter
from patients.queries.threads import LONGEST, ORIGINS
from patients.views.records import records_of
from protocol.values.parsing import display
from trials.access import TrialRequest, trial_page
from trials.listing.selection import items_of
from trials.permissions import Permission as P
from trials.reader import reader_language

Chosen = Sequence[tuple[int, str]]


class AskForm(StepForm):
    """The text of the queries, and the item if a chosen row is a whole form."""

    text = forms.CharField(
        label=gettext_lazy("Your question"), max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, items: Sequence[tuple[str, Any]] = (), **kwargs: Any) -> None:
        self.items = items
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        """Add the choice of the item if a chosen row does not name one."""
        if self.items:
            choices = [("", _("Choose")), *self.items]
            self.fields["item"] = forms.ChoiceField(label=gettext_lazy("About which item"), choices=choices)
            self.order_fields(["item", "text"])


@dataclass(frozen=True)
class AskLine:
    """One row of the preview: item and current value; `refusal` is the message why no query is raised on it."""

    target: Target
    item: str
    value: str
    refusal: str = ""

    @property
    def token(self) -> str:
        """Return the row as sent by the page: `record:item`."""
        return f"{self.target.record.pk}:{self.target.item}"

    @property
    def patient_code(self) -> str:
        """Return the subject code."""
        return str(self.target.record.patient.code)

    @property
    def visit_key(self) -> str:
        """Return the visit, empty for a row of a log."""
        visit = self.target.record.visit
        return visit.key if visit else ""

    @property
    def form(self) -> str:
        """Return the title of the form."""
        return form_title(self.target.record)


@dataclass(frozen=True, slots=True)
class AskedInBulk:
    """How a page raises its queries: by `bulk.raise_queries`, or by a verb with further arguments.

    mark: how the batch of its queries begins. left_out: by key of the record, the message why it is left out.
    """

    verb: Callable[..., Any] = bulk.raise_queries
    arguments: Mapping[str, Any] = field(default_factory=dict)
    mark: str = ""
    left_out: Mapping[int, str] = field(default_factory=dict)


@dataclass
class Preview:
    """The queries to raise on the chosen rows, and the rows left out with their reasons.

    chosen: (record key, item). item: `form.item` for rows that are whole forms. refused: reasons by key of the record
    that are known before.
    """

    records: list[Record]
    chosen: Chosen
    item: str = ""
    refused: Mapping[int, str] = field(default_factory=dict)
    lines: list[AskLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        by_pk = {record.pk: record for record in self.records}
        form, _dot, name = self.item.partition(".")
        pairs = [
            (by_pk[pk], item or (name if by_pk[pk].form == form else ""))
            for pk, item in self.chosen
            if pk in by_pk
        ]
        targets = dict.fromkeys(Target(record, item) for record, item in pairs)
        refused = bulk.query_refusals([target for target in targets if target.item])
        self.lines = [_line(target, self._why_not(target, refused)) for target in targets]

    def _why_not(self, target: Target, refused: dict[Target, str]) -> str:
        if why := self.refused.get(target.record.pk):
            return why
        if not target.item:
            return _("The item belongs to another form.") if self.item else ""
        return refused.get(target, "")

    @property
    def raised(self) -> list[AskLine]:
        """Return the rows on which a query will be raised."""
        return [line for line in self.lines if not line.refusal]

    @property
    def left_out(self) -> list[AskLine]:
        """Return the rows left out, each with its reason."""
        return [line for line in self.lines if line.refusal]

    @property
    def items(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the items to choose from, grouped by form; empty if every row names its own item."""
        named = {pk for pk, item in self.chosen if not item}
        language, found = reader_language(), {}
        for record in self.records:
            if record.pk in named and record.form not in found:
                rules = record.protocol.rules.form(record.form)
                labels = [
                    (f"{record.form}.{each.name}", each.label.in_language(language)) for each in rules.items
                ]
                found[record.form] = (form_title(record), labels)
        return list(found.values())


def _line(target: Target, refusal: str) -> AskLine:
    form, language = target.record.protocol.rules.form(target.record.form), reader_language()
    if target.item not in form:
        return AskLine(target, target.item, "", refusal)
    item = form.item(target.item)
    value = "" if item.columns else display(target.record.values.get(item.name), item, language, _)
    return AskLine(target, item.label.in_language(language), value, refusal)


def ask_page(
    request: TrialRequest,
    chosen: Chosen,
    *,
    back: str,
    too_many: bool = False,
    asked: AskedInBulk = AskedInBulk(),
) -> HttpResponse:
    """Show the queries to raise on the chosen rows; raise them after the confirmation.

    chosen: (record key, item), an empty item is asked for on the page. back: address of the listing, or its URL name.
    """
    back = back if back.startswith("/") else reverse(back, args=[request.trial.slug])
    rows = records_of(request).select_related("patient__trial").filter(pk__in={pk for pk, _item in chosen})
    records = list(rows.order_by("patient_id", "pk"))
    typed = PageDraft(request, None)
    form = AskForm(typed.sent, trial=request.trial, items=Preview(records, chosen).items)
    if (kept := typed.answer(form)) is not None:
        return kept
    ready = form.is_valid()
    preview = Preview(records, chosen, form.cleaned_data.get("item", "") if ready else "", asked.left_out)
    if ready and "confirm" in request.POST and _raise_queries(request, form, preview, asked):
        return finished(typed, back)
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    context = {
        "form": form,
        "preview": preview,
        "chosen": [f"{pk}:{item}" if item else pk for pk, item in chosen],
        "ready": ready,
        "too_many": too_many,
        "most": AT_ONCE,
        "batch": f"{asked.mark}{uuid.uuid4().hex}"[:32],
        "back": back,
    }
    refused = request.method == "POST" and not (ready and form.is_valid())
    return render(request, "patients/ask.html", context, status=422 if refused else 200)


def _raise_queries(request: TrialRequest, form: AskForm, preview: Preview, asked: AskedInBulk) -> bool:
    role, batch = request.access.role.code, request.POST["confirm"]
    done = form.run(
        asked.verb,
        **asked.arguments,
        targets=[(line.target.record.pk, line.target.item) for line in preview.lines if line.target.item],
        text=form.cleaned_data["text"],
        origin=ORIGINS.get(role, Query.Origin.MONITOR),
        by=request.user,
        role=role,
        batch=(batch if batch.startswith(asked.mark) else f"{asked.mark}{batch}")[:32],
    )
    if done:
        messages.success(request, raised_words(len(form.result)))
    return done


def raised_words(number: int) -> str:
    """Return the message how many queries were raised."""
    message = ngettext("%(number)s query is raised.", "%(number)s queries are raised.", number)
    return message % {"number": number}


def ticked_rows(request: TrialRequest) -> Chosen:
    """Return the rows that were ticked in the listing, or sent again by this page."""
    return items_of((request.POST if request.method == "POST" else request.GET).getlist("row"))


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def ask_about_forms(request: TrialRequest) -> HttpResponse:
    """Raise queries on one item of several captured forms."""
    if request.method == "POST" or "all" not in request.GET:
        return ask_page(request, ticked_rows(request), back="patients:forms")
    # “All” sends the filter of the listing, not its keys. One row above the limit shows that there are more.
    rows = records_of(request).exclude(state=Record.State.STRUCK_OUT)
    filterset = RecordFilter(request.GET, queryset=rows, access=request.access)
    found = filterset.qs if filterset.is_valid() else rows.none()
    pks = list(found.order_by("patient_id", "pk").values_list("pk", flat=True)[: AT_ONCE + 1])
    return ask_page(request, without_items(pks), back="patients:forms", too_many=len(pks) > AT_ONCE)


def without_items(pks: Iterable[int]) -> Chosen:
    """Return at most AT_ONCE records as chosen rows without an item."""
    return [(pk, "") for pk in list(pks)[:AT_ONCE]]
