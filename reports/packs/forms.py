"""The moment whose data a report or a page shows, and the interval of a report that has one."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from exports.authorities.annual.interval import NO_CHOICE, ReportInterval
from exports.selection import ChoiceRefused
from exports.tables.past import rows_of_past
from reports.packs.past_moments import moment_on_page
from reports.packs.registry import Pack
from trials.date_fields import DayField, on_clock_of, with_day
from trials.models import Trial

MOST_ROWS_OF_PAGE = 400_000
"""Rows of the trail from which a page lays out a past moment: some ten seconds on one slow core."""


class PastMomentForm(forms.Form):
    """The moment of the data; empty for the data as they are."""

    as_of = forms.CharField(
        label=_("Data as of"),
        required=False,
        max_length=60,
        help_text=with_day(
            _(
                "Empty: the data as they are. Else a past day (its end) or moment at the site: "
                "%(day)s or %(day)s 14:30"
            )
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "w-mid"}),
    )

    def __init__(self, data: Any, *, trial: Trial) -> None:
        super().__init__(data, label_suffix="")
        self.trial = trial

    def clean_as_of(self) -> datetime | None:
        """Return the moment, None for now. Refuses what is no moment that has passed."""
        try:
            return moment_on_page(self.trial, self.cleaned_data["as_of"])
        except ChoiceRefused as refused:
            raise forms.ValidationError(str(refused)) from None


class ShownMomentForm(PastMomentForm):
    """The moment of a page, which lays out the data of the moment while its reader waits."""

    def clean_as_of(self) -> datetime | None:
        """Return the moment, None for now. Refuses one of a trial whose trail is too long for a page."""
        moment = super().clean_as_of()
        if moment is not None and rows_of_past(self.trial) > MOST_ROWS_OF_PAGE:
            raise forms.ValidationError(
                _(
                    "The audit trail of this trial is too long to lay out a past moment while a page waits. Ask for "
                    "the statistical tables of this moment on the page Reports: they are made in the background."
                )
            )
        return moment


class PackForm(PastMomentForm):
    """The moment of a pack, and the interval of one that has an interval."""

    first = DayField(
        label=_("First day of the interval"), required=False, widget=forms.TextInput(attrs={"class": "w-mid"})
    )
    last = DayField(
        label=_("Data lock point"),
        required=False,
        widget=forms.TextInput(attrs={"class": "w-mid"}),
        help_text=_(
            "Last day of the interval. Only the tables of the annual safety report have one. Empty: the year up to the "
            "moment, or up to the last event or infusion if that is longer ago."
        ),
    )

    def __init__(self, data: Any, *, trial: Trial, pack: Pack | None = None) -> None:
        super().__init__(data, trial=trial)
        self.pack = pack
        on_clock_of(self, trial.rules.trial.site.time_zone)

    def clean(self) -> dict[str, Any]:
        """Return the typed values. Adds an error beside the day that cannot be."""
        cleaned: dict[str, Any] = super().clean() or {}
        why = refused_interval(self.pack, self.interval, self._newest(cleaned))
        if why:
            self.add_error("last" if cleaned.get("last") else "first", str(why))
        return cleaned

    def _newest(self, cleaned: dict[str, Any]) -> date:
        moment: datetime | None = cleaned.get("as_of")
        return self.trial.day_of(moment) if moment else self.trial.today

    @property
    def interval(self) -> ReportInterval:
        """Return the interval that was chosen."""
        return ReportInterval(self.cleaned_data.get("first"), self.cleaned_data.get("last"))


def refused_interval(pack: Pack | None, interval: ReportInterval, newest: date) -> str | Promise:
    """Return why a pack cannot have an interval; empty if it can. newest: the day of its data."""
    if interval == NO_CHOICE:
        return ""
    if pack is not None and not pack.of_interval:
        return _("This report has no interval: leave both days empty.")
    if not interval.is_possible:
        return _("The interval ends before it begins.")
    if max(filter(None, (interval.first, interval.last))) > newest:
        return _("The interval goes on after the day of the data: choose an earlier day.")
    return ""
