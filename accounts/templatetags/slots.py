"""Template tags that name the slots of a template (accounts/markup.py)."""

from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.utils.safestring import SafeString

from accounts import markup

register = template.Library()


@register.simple_tag
def slot(name: str, code: str = "") -> SafeString:
    """Mark a slot. code: added to the name, for one slot for each choice: `option:Y`."""
    return markup.slot(f"{name}:{code}" if code else name)


class SlottedNode(template.Node):
    """A slot with the HTML shown unless a page fills it."""

    def __init__(self, name: FilterExpression, inside: NodeList) -> None:
        self.name, self.inside = name, inside

    def render(self, context: Any) -> SafeString:
        """Return the marked HTML."""
        return markup.slotted(self.name.resolve(context), self.inside.render(context))


@register.tag
def slotted(parser: Parser, token: Token) -> SlottedNode:
    """Mark a slot with the HTML shown unless a page fills it: `{% slotted "name" %}…{% endslotted %}`."""
    _tag, name = token.split_contents()
    inside = parser.parse(("endslotted",))
    parser.delete_first_token()
    return SlottedNode(parser.compile_filter(name), inside)
