"""Names of actors in the reader's language: `{{ name|actor }}`."""

from django import template

from audit.system_texts import actor_words

register = template.Library()
register.filter("actor", actor_words)
