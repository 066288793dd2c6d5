"""The page of the annual safety report: three tables over an interval, each as CSV and XLSX (ICH E2F, RES-06)."""

from datetime import date
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.authorities.annual.columns import (
    CUMULATIVE,
    EXPOSURE,
    TABLE_TITLES,
    cumulative_columns,
    exposure_columns,
    reaction_columns,
)
from exports.authorities.annual.interval import ReportInterval
from exports.authorities.annual.rows import AnnualRows, annual_rows
from exports.authorities.annual.tables import cumulative, exposure, reactions
from patients.participation.milestones import milestones
from safety.labels import Wording
from safety.listing.filters import DayFilter
from safety.models import AdverseEvent
from trials.access import TrialRequest, trial_page
from trials.listing.column_selection import SelectionLines
from trials.models import Trial
from trials.permissions import Permission as P
from trials.reader import reader_language

PAGE = 500


class IntervalForm(forms.Form):
    """Refuses an interval that ends before it begins."""

    def clean(self) -> dict[str, Any]:
        """Return the typed values. Adds the error beside the last day."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not ReportInterval(cleaned.get("first"), cleaned.get("last")).is_possible:
            self.add_error("last", _("The interval ends before it begins."))
        return cleaned


class IntervalFilter(django_filters.FilterSet):
    """The interval of the report: first day, and last day (the data lock point)."""

    first = DayFilter(
        label=gettext_lazy("First day of the interval"), method="unchanged", zone="UTC", help_text=""
    )
    last = DayFilter(label=gettext_lazy("Data lock point"), method="unchanged", zone="UTC", help_text="")

    class Meta:
        model = AdverseEvent
        form = IntervalForm
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("first", "last"):
            self.filters[name].extra["zone"] = trial.rules.trial.site.time_zone
        self.trial = trial

    def unchanged(self, rows: QuerySet[Any], name: str, value: date) -> QuerySet[Any]:
        """Return the rows: the interval decides in the tables."""
        return rows

    def interval(self, found: AnnualRows) -> tuple[date, date]:
        """Return the first and the last day; without a choice the usual ones. The filter must be valid."""
        cleaned = self.form.cleaned_data
        chosen = ReportInterval(cleaned.get("first"), cleaned.get("last"))
        return chosen.days(self.trial.today, found.events, found.patients)


@trial_page(see=P.SEE_TRIAL)
def annual(request: TrialRequest) -> HttpResponseBase:
    """Show one table of the annual safety report, named by `?table=`. Arms only where the reader knows them."""
    table = request.GET.get("table") or CUMULATIVE
    if table not in TABLE_TITLES:
        raise BadRequest(_("The annual safety report has no such table."))
    none = AdverseEvent.objects.none()
    filters = IntervalFilter(request.GET, queryset=none, trial=request.trial)
    found = annual_rows(request.trial, sees_treatment=request.access.sees_treatment)
    columns, lines = _table(request, table, found, filters)
    page = AnnualListing(
        request,
        queryset=none,
        columns=columns,
        sort=columns[0].name,
        filterset=filters,
        name="annual-safety-report",
        every=lines,
        keep=lambda **_cleaned: lambda _line: True,
        page_size=PAGE,
        empty=gettext_lazy("There is nothing to report in this interval."),
    )
    page.table = table
    context = {
        "table": table,
        "title": TABLE_TITLES[table],
        "tables": [(name, title, page.url(table=name)) for name, title in TABLE_TITLES.items()],
        "interval": filters.interval(found) if filters.is_valid() else None,
        "left_out": found.left_out,
    }
    return page.response("exports/annual.html", context)


class AnnualListing(SelectionLines):
    """A table of the report as a listing."""

    table: str

    @property
    def kept_parameters(self) -> list[tuple[str, str]]:
        """Parameters that the filter form submits besides its own fields."""
        return [*super().kept_parameters, ("table", self.table)]


def _table(
    request: TrialRequest, table: str, found: AnnualRows, filters: IntervalFilter
) -> tuple[Any, list[Any]]:
    """Return columns and lines of a table; no lines if the interval cannot be read."""
    trial, valid = request.trial, filters.is_valid()
    first, last = filters.interval(found) if valid else (trial.today, trial.today)
    if table == CUMULATIVE:
        return cumulative_columns(found.groups), cumulative(found.events, found.groups, last) if valid else []
    if table == EXPOSURE:
        lines = exposure(found.patients, found.groups, last) if valid else []
        return exposure_columns(found.groups, sexes_of(trial)), lines
    rows = {row.patient_id: row.patient for row in found.rows.values()}
    for patient in rows.values():
        patient.trial = trial
    columns = reaction_columns(found, Wording(trial.rules), milestones(list(rows.values())))
    return columns, reactions(found.events, first, last) if valid else []


def sexes_of(trial: Trial) -> dict[str, str]:
    """Return the words of the codes of the item that says the sex."""
    path = trial.rules.profile.sex
    if not path:
        return {}
    choices = trial.rules.item(path).choices
    return {choice.code: choice.label.in_language(reader_language()) for choice in choices}
