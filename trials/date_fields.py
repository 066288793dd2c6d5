"""Form fields for days and moments, as one text input each.

Not `type=date`: it shows the browser's own date order and refuses partial dates. `protocol.values.moments` reads the
typed text, as in the forms of the protocol, and accepts every format that a page shows, in every language. A stored
value is shown in the reader's language; typed text is shown again as it was typed.
"""

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from protocol.values.moments import EXAMPLE, Moment, last_short_year, parse_day, parse_minute, parse_moment
from protocol.values.refusals import ValueRefused
from trials.reader import shown_day, shown_moment, shown_sentence

TIME_HELP = gettext_lazy("dd-MMM-yyyy hh:mm, 24-hour clock of the site (%(zone)s)")


def _day_help() -> str:
    parameters = {"example": shown_day(EXAMPLE), "last": f"{last_short_year(timezone.now().date()):02}"}
    return (
        _(
            "Day, month, year: %(example)s or 9/10/25, t for today. Years 00 to %(last)s are 20yy, others 19yy."
        )
        % parameters
    )


day_help = lazy(_day_help, str)


def _with_day(text: str | Promise) -> str:
    return str(text) % {"day": shown_day(EXAMPLE)}


with_day = lazy(_with_day, str)
"""Returns a text with an example of a day (`%(day)s`) as the reader types it."""


class SiteClockField(forms.CharField):
    """A text input for a day or a moment on the clock of a site (`zone`, an IANA name)."""

    def __init__(self, *, zone: str = "UTC", **kwargs: Any) -> None:
        self.zone = zone
        kwargs.setdefault("max_length", 80)
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("autocomplete", "off")

    def read(self, text: str) -> Any:
        """Return the value of the text. Raises ValueRefused."""
        raise NotImplementedError

    def clean(self, value: Any) -> Any:
        """Return the value of the text, None if empty and not required. Raises ValidationError with the message."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return self.read(text)
        except ValueRefused as refused:
            raise forms.ValidationError(shown_sentence(refused), code="refused") from refused


class DayField(SiteClockField):
    """A whole day. Cleans to a `date`."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", day_help())
        super().__init__(**kwargs)
        self.widget.attrs["data-moment"] = "day"

    def read(self, text: str) -> date:
        """Return the day. Raises ValueRefused, also for a partial date or a time."""
        return parse_day(text, self.zone).first_day

    def prepare_value(self, value: Any) -> Any:
        """Return a stored day in the reader's language; typed text unchanged."""
        return shown_day(value) if isinstance(value, date) else value


class MomentField(SiteClockField):
    """A day with its time; with `partial`, also a partial date. Cleans to a `Moment`."""

    def __init__(self, *, zone: str = "UTC", partial: bool = False, **kwargs: Any) -> None:
        self.partial = partial
        self.has_usual_help = "help_text" not in kwargs
        super().__init__(zone=zone, **kwargs)
        self.tell_clock()
        self.widget.attrs["data-moment"] = "minute"

    def tell_clock(self) -> None:
        """Say in the reader's language how a moment is typed and on which clock it is read."""
        if self.has_usual_help:
            self.help_text = TIME_HELP % {"zone": self.zone}

    def read(self, text: str) -> Moment:
        """Return the moment. Raises ValueRefused; unless `partial`, also for a date without a time."""
        return parse_moment(text, self.zone) if self.partial else parse_minute(text, self.zone)

    def prepare_value(self, value: Any) -> Any:
        """Return a stored moment in the reader's language; typed text unchanged."""
        return shown_moment(value) if isinstance(value, Moment) else value


def on_clock_of(form: forms.BaseForm, zone: str) -> None:
    """Make every day and moment field of a form read its text in a time zone (`t` is today there)."""
    for field in form.fields.values():
        if isinstance(field, SiteClockField):
            field.zone = zone
        if isinstance(field, MomentField):
            # Declared in a class, the field was made in another language, on another clock.
            field.tell_clock()
