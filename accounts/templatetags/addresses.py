"""`{% url %}` with each route reversed once per process: a page has some sixty links, and `reverse` takes 30 µs each.

Parts must satisfy the route, as those of stored rows do: they are quoted, not checked again.
A builtin of all templates (`config.settings`), so that no template has to choose between two tags.
"""

from typing import Any

from django import template
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as parsed
from django.urls import NoReverseMatch
from django.utils.html import escape

from accounts.addresses import address

register = template.Library()


class AddressNode(URLNode):
    """The node of `{% url %}`. Named arguments, `as` and routes that `address` cannot fill are Django's own."""

    def render(self, context: Any) -> str:
        """Return the URL, escaped. Raises NoReverseMatch as `{% url %}` does."""
        if self.kwargs or self.asvar:
            return str(super().render(context))
        parts = [arg.resolve(context) for arg in self.args]
        if not all(type(part) is int or (isinstance(part, str) and part) for part in parts):
            return str(super().render(context))
        try:
            url = address(self.view_name.resolve(context), *parts)
        except NoReverseMatch:
            # A route with a UUID, which nine digits do not satisfy, or no route at all: Django says which.
            return str(super().render(context))
        return escape(url) if context.autoescape else url


@register.tag
def url(parser: Parser, token: Token) -> AddressNode:
    """Return the node of `{% url "route" part part %}`."""
    node = parsed(parser, token)
    return AddressNode(node.view_name, node.args, node.kwargs, node.asvar)
