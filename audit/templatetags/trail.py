"""Names and details of the trail, in the reader's language."""

from django import template

from audit.system_texts import actor_words

register = template.Library()
register.filter("actor", actor_words)
