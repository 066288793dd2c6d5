"""`{{ figure|drawn }}`: the SVG of a figure."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from reports.figures.shapes import Figure

register = template.Library()


@register.filter
def drawn(figure: Figure) -> SafeString:
    """Return the SVG of a figure. Its texts are already escaped."""
    return mark_safe(figure.markup)  # noqa: S308
