"""Days, moments and numbers in the reader's language: `{{ on|day }}`, `{{ at|moment:zone }}`, `{{ kg|number }}`."""

from django import template

from trials import reader

register = template.Library()
register.filter("day", reader.shown_day)
register.filter("short_day", reader.shown_short_day)
register.filter("long_day", reader.shown_long_day)
register.filter("moment", reader.shown_moment)
register.filter("moment_with_offset", reader.shown_moment_with_offset)
register.filter("number", reader.shown_number)
