"""Laboratories of a trial and their reference ranges: readable by every role, changed by data managers."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import kept_data
from audit.export_register import Channel, Sending, sent
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.laboratories import ranges as verbs
from trials.laboratories.forms import (
    CorrectionForm,
    EndRangeForm,
    ErrorForm,
    ImportForm,
    LaboratoryChangeForm,
    LaboratoryForm,
    RangeForm,
)
from trials.laboratories.range_files import FileRefused, import_ranges, template
from trials.laboratories.ranges import items_with_ranges
from trials.listing import Column, Listing
from trials.models import Laboratory, ReferenceRange
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_number

MOST_SHOWN = 50


class RangeFilter(django_filters.FilterSet):
    """Filter of ranges by item, sex and state (in force today, past, entered in error)."""

    path = django_filters.ChoiceFilter(
        label=gettext_lazy("Item"), method="by_path", empty_label=gettext_lazy("Any")
    )
    sex = django_filters.ChoiceFilter(
        label=gettext_lazy("Sex"),
        choices=ReferenceRange.Sex.choices,
        method="for_sex",
        empty_label=gettext_lazy("Any"),
    )
    state = django_filters.ChoiceFilter(
        label=gettext_lazy("Status"),
        choices=[
            ("now", gettext_lazy("In force today")),
            ("past", gettext_lazy("Past")),
            ("error", gettext_lazy("Entered in error")),
        ],
        method="in_state",
        empty_label=gettext_lazy("Any"),
    )

    class Meta:
        model = ReferenceRange
        fields: list[str] = []

    def __init__(self, *args: Any, request: TrialRequest, **kwargs: Any) -> None:
        super().__init__(*args, request=request, **kwargs)
        language = reader_language()
        items = items_with_ranges(request.trial.rules)
        self.filters["path"].extra["choices"] = [
            (path, f"{item.label.in_language(language)} ({path})") for path, item in items.items()
        ]

    def by_path(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep the ranges of one item."""
        form, _dot, item = value.partition(".")
        return rows.filter(form=form, item=item)

    def for_sex(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep the ranges that apply to a sex."""
        return rows.filter(sex__in=["", value])

    def in_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep ranges in force today, past ranges, or ranges entered in error."""
        if value == "error":
            return rows.exclude(in_error_reason="")
        today = self.request.trial.today
        rows = rows.filter(in_error_reason="")
        if value == "past":
            return rows.filter(effective_to__lt=today)
        return rows.filter(Q(effective_to=None) | Q(effective_to__gte=today), effective_from__lte=today)


def _number(name: str) -> Callable[[ReferenceRange], Any]:
    return lambda row: "" if getattr(row, name) is None else f"{getattr(row, name).normalize():f}"


def _shown(name: str) -> Callable[[ReferenceRange], str]:
    return lambda row: shown_number(_number(name)(row))


COLUMNS = (
    Column(
        name="item", label=gettext_lazy("Item"), value=lambda row: row.path, sort=("form", "item"), css="code"
    ),
    Column(name="unit", label=gettext_lazy("Unit"), value=lambda row: row.unit),
    Column(
        name="sex",
        label=gettext_lazy("Sex"),
        value=lambda row: row.sex,
        text=lambda row: row.get_sex_display() or _("Either"),
    ),
    Column(name="age_from", label=gettext_lazy("From age"), value=lambda row: row.age_from, css="num"),
    Column(name="age_to", label=gettext_lazy("To below age"), value=lambda row: row.age_to, css="num"),
    Column(
        name="lower",
        decides=True,
        label=gettext_lazy("Lower bound"),
        value=_number("lower"),
        text=_shown("lower"),
        css="num",
    ),
    Column(
        name="upper",
        decides=True,
        label=gettext_lazy("Upper bound"),
        value=_number("upper"),
        text=_shown("upper"),
        css="num",
    ),
    Column(
        name="effective_from",
        label=gettext_lazy("First day"),
        value=lambda row: row.effective_from,
        sort=("effective_from",),
        css="nowrap",
    ),
    Column(
        name="effective_to", label=gettext_lazy("Last day"), value=lambda row: row.effective_to, css="nowrap"
    ),
    Column(
        name="source", label=gettext_lazy("Source"), value=lambda row: row.source, free_text=True, css="wide"
    ),
    Column(
        name="in_error",
        label=gettext_lazy("Entered in error"),
        value=lambda row: row.in_error_reason,
        free_text=True,
    ),
)


@trial_page(see=P.SEE_TRIAL)
def index(request: TrialRequest) -> HttpResponse:
    """List the laboratories of the trial."""
    valid_ranges = Count("ranges", filter=Q(ranges__in_error_reason=""))
    rows = Laboratory.objects.filter(trial=request.trial).annotate(count=valid_ranges)
    return render(request, "trials/laboratories.html", {"laboratories": rows, **_may(request)})


@trial_page(see=P.MANAGE_RANGES, change=P.MANAGE_RANGES)
def add(request: TrialRequest) -> HttpResponse:
    """Add a laboratory."""
    form = LaboratoryForm(_posted(request))
    facts = form.cleaned_data if request.method == "POST" and form.is_valid() else None
    if facts and form.run(verbs.add_laboratory, trial=request.trial, by=request.user, **facts):
        return _done(request, form.result, _("The laboratory is added. Give it reference ranges."))
    return _page(request, form, title=_("Add a laboratory"), action=_("Add the laboratory"))


@trial_page(see=P.SEE_TRIAL)
def ranges(request: TrialRequest, laboratory: str) -> HttpResponseBase:
    """List the reference ranges of a laboratory."""
    found = _found(request, laboratory)
    rows = ReferenceRange.objects.filter(laboratory=found)
    may = request.access.may(P.MANAGE_RANGES)
    listing = Listing(
        request,
        queryset=rows,
        columns=COLUMNS,
        sort="item",
        filterset=RangeFilter(request.GET, queryset=rows, request=request),
        row_url=_address(request, found) if may else None,
        name=f"reference-ranges-{found.code}",
        empty=_("This laboratory has no reference ranges yet: its values say so."),
    )
    return listing.response("trials/ranges.html", {"laboratory": found, **_may(request)})


@trial_page(see=P.MANAGE_RANGES, change=P.MANAGE_RANGES)
def change(request: TrialRequest, laboratory: str) -> HttpResponse:
    """Rename a laboratory or make it the default one."""
    found = _found(request, laboratory)
    form = LaboratoryChangeForm(
        _posted(request), initial={"name": found.name, "is_default": found.is_default}
    )
    facts = form.cleaned_data if request.method == "POST" and form.is_valid() else None
    if facts and form.run(verbs.change_laboratory, laboratory=found, by=request.user, **facts):
        return _done(request, found, _("The laboratory is changed."))
    return _page(request, form, found, title=_("Change the laboratory"), action=_("Save"))


@trial_page(see=P.MANAGE_RANGES, change=P.MANAGE_RANGES)
def add_range(request: TrialRequest, laboratory: str) -> HttpResponse:
    """Add a reference range."""
    found = _found(request, laboratory)
    form = RangeForm(_posted(request), trial=request.trial)
    if request.method == "POST" and form.is_valid():
        arguments = {"laboratory": found, "facts": form.facts(), "by": request.user}
        if form.run(verbs.add_range, **arguments):
            return _done(request, found, _("The range is in force from its first day on."))
    text = _("A range of the same item, sex and ages without an end stops the day before this one begins.")
    return _page(request, form, found, title=_("Add a range"), action=_("Add the range"), text=text)


@trial_page(see=P.MANAGE_RANGES, change=P.MANAGE_RANGES)
def correct(request: TrialRequest, laboratory: str, pk: int) -> HttpResponse:
    """Correct a range that was entered wrongly."""
    found, row = _row(request, laboratory, pk)
    form = CorrectionForm(_posted(request), trial=request.trial, initial=_initial(row))
    if request.method == "POST" and form.is_valid():
        arguments = {
            "row": row,
            "facts": form.facts(),
            "reason": form.cleaned_data["reason"],
            "by": request.user,
        }
        if form.run(verbs.correct_range, **arguments):
            return _done(
                request, found, _("The range is corrected; the audit trail keeps the earlier values.")
            )
    text = _("Only for what was entered wrongly. When the laboratory changes its range, add a new one.")
    words = {"title": _("Correct the range"), "action": _("Save the correction"), "text": text}
    return _page(request, form, found, row=row, **words)


@trial_page(see=P.MANAGE_RANGES, change=P.MANAGE_RANGES)
def end(request: TrialRequest, laboratory: str, pk: int) -> HttpResponse:
    """Set the last day of a range."""
    found, row = _row(request, laboratory, pk)
    form = EndRangeForm(_posted(request), zone=request.trial.rules.trial.site.time_zone)
    facts = form.cleaned_data if request.method == "POST" and form.is_valid() else None
    if facts and form.run(verbs.end_range, row=row, by=request.user, **facts):
        return _done(request, found, _("The range has a last day."))
    return _page(request, form, found, row=row, title=_("End the range"), action=_("End the range"))


@trial_page(see=P.MANAGE_RANGES, change=P.MANAGE_RANGES)
def strike_out(request: TrialRequest, laboratory: str, pk: int) -> HttpResponse:
    """Mark a range as entered in error."""
    found, row = _row(request, laboratory, pk)
    form = ErrorForm(_posted(request))
    facts = form.cleaned_data if request.method == "POST" and form.is_valid() else None
    if facts and form.run(verbs.strike_out_range, row=row, by=request.user, **facts):
        return _done(request, found, _("The range no longer applies and stays in the list."))
    words = {"title": _("Entered in error"), "action": _("Mark as entered in error"), "risk": True}
    return _page(request, form, found, row=row, **words)


@trial_page(see=P.MANAGE_RANGES, change=P.MANAGE_RANGES)
def load(request: TrialRequest, laboratory: str) -> HttpResponse:
    """Import ranges from a CSV file: all of them, or none with the mistakes of each line."""
    found = _found(request, laboratory)
    form = ImportForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    mistakes: list[Any] = []
    if request.method == "POST" and form.is_valid():
        try:
            data = form.cleaned_data["file"].read()
            made, blank = import_ranges(laboratory=found, data=data, by=request.user)
        except FileRefused as refused:
            mistakes = refused.mistakes
        else:
            parameters = {"made": made, "blank": blank}
            return _done(
                request, found, _("%(made)s ranges are added; %(blank)s lines were left blank.") % parameters
            )
    context = {"mistakes": mistakes[:MOST_SHOWN], "more": max(0, len(mistakes) - MOST_SHOWN)}
    words = {"title": _("Import ranges"), "action": _("Import the file"), "importing": True}
    return _page(request, form, found, **context, **words)


@trial_page(see=P.SEE_TRIAL)
def template_file(request: TrialRequest, laboratory: str) -> StreamingHttpResponse:
    """Send a CSV file to fill in."""
    found = _found(request, laboratory)
    response = StreamingHttpResponse(template(request.trial), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{request.trial.slug}-{found.code}-ranges.csv"'
    sending = Sending(
        channel=Channel.TEMPLATE, trial_id=request.trial.pk, treatment=False, told={"listing": "ranges"}
    )
    return sent(response, sending, request=request)


def _found(request: TrialRequest, code: str) -> Laboratory:
    return get_object_or_404(
        Laboratory.objects.select_related("trial__protocol"), trial=request.trial, code=code
    )


def _row(request: TrialRequest, code: str, pk: int) -> tuple[Laboratory, ReferenceRange]:
    found = _found(request, code)
    return found, get_object_or_404(ReferenceRange, laboratory=found, pk=pk, in_error_reason="")


def _address(request: TrialRequest, found: Laboratory) -> Callable[[ReferenceRange], str]:
    def address(row: ReferenceRange) -> str:
        if row.in_error_reason:
            return ""
        return reverse("laboratories:correct", args=[request.trial.slug, found.code, row.pk])

    return address


def _initial(row: ReferenceRange) -> dict[str, Any]:
    same = ("unit", "sex", "age_from", "age_to", "effective_from", "effective_to", "source")
    bounds = {name: _shown(name)(row) for name in ("lower", "upper")}
    return {"path": row.path, **bounds, **{name: getattr(row, name) for name in same}}


def _may(request: TrialRequest) -> dict[str, bool]:
    return {"may_manage": request.access.may(P.MANAGE_RANGES)}


def _posted(request: TrialRequest) -> Any:
    return request.POST if request.method == "POST" else kept_data(request)


def _done(request: TrialRequest, laboratory: Laboratory, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return redirect("laboratories:ranges", slug=request.trial.slug, laboratory=laboratory.code)


def _page(
    request: TrialRequest, form: VerbForm, laboratory: Laboratory | None = None, **words: Any
) -> HttpResponse:
    context = {"form": form, "laboratory": laboratory, **words}
    status = 422 if request.method == "POST" else 200
    return render(request, "trials/laboratory_step.html", context, status=status)
