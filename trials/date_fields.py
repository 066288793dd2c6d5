"""Form fields for dates and moments: one text input each, parsed as typed (never `type=date`)."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from protocol.values.moments import Moment, parse_moment
from protocol.values.refusals import ValueRefused

DAY_HELP = gettext_lazy("dd-MMM-yyyy, or t for today")
TIME_HELP = gettext_lazy("dd-MMM-yyyy hh:mm, 24-hour clock of the site (%(zone)s)")


class MomentField(forms.CharField):
    """A date with time in the time zone of the site. `precisions` lists the accepted ones. Cleans to a `Moment`."""

    def __init__(self, *, zone: str, precisions: tuple[str, ...] = ("minute",), **kwargs: Any) -> None:
        self.zone, self.precisions = zone, precisions
        kwargs.setdefault("help_text", TIME_HELP % {"zone": zone})
        kwargs.setdefault("max_length", 80)
        super().__init__(**kwargs)
        self.widget.attrs.update({"autocomplete": "off", "data-moment": "minute"})

    def clean(self, value: Any) -> Moment | None:
        """Return the moment, or None if empty and not required. Raises ValidationError with a message."""
        text = super().clean(value)
        if not text:
            return None
        try:
            moment = parse_moment(text, self.zone)
        except ValueRefused as refused:
            raise forms.ValidationError(refused.sentence(_)) from refused
        if moment.precision not in self.precisions:
            raise forms.ValidationError(_("Type the day and the time, like 09-Oct-2025 14:05."))
        return moment


class DayField(forms.CharField):
    """A whole day. Cleans to a `date`."""

    def __init__(self, *, zone: str, **kwargs: Any) -> None:
        self.zone = zone
        kwargs.setdefault("help_text", DAY_HELP)
        kwargs.setdefault("max_length", 40)
        super().__init__(**kwargs)
        self.widget.attrs.update({"autocomplete": "off", "data-moment": "day"})

    def clean(self, value: Any) -> date | None:
        """Return the day, or None if empty and not required. Raises ValidationError with a message."""
        text = super().clean(value)
        if not text:
            return None
        try:
            moment = parse_moment(text, self.zone)
        except ValueRefused as refused:
            raise forms.ValidationError(refused.sentence(_)) from refused
        if moment.precision != "day" or moment.date is None:
            raise forms.ValidationError(_("Type a whole day, like 09-Oct-2025."))
        return moment.date
