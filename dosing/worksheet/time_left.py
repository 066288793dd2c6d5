"""How long is left until a moment, or has passed since, in words: `5 h 54 min left`."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy

# The script of the bedside fills in the same patterns every second.
LENGTHS = {
    "left": gettext_lazy("%(length)s left"),
    "past": gettext_lazy("%(length)s past"),
    "hours": gettext_lazy("%(hours)d h %(minutes)d min"),
    "minutes": gettext_lazy("%(minutes)d min"),
}


def left_words(until: datetime, now: datetime) -> str:
    """Return how long is left until a moment, or how long ago it was, in whole minutes cut off."""
    length = abs(until - now) // timedelta(minutes=1)
    told = {"hours": length // 60, "minutes": length % 60}
    said = str(LENGTHS["hours" if told["hours"] else "minutes"]) % told
    return str(LENGTHS["left" if until > now else "past"]) % {"length": said}
