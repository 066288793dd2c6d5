"""`{{ figure|drawn }}`: a figure in the page."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from reports.figures.shapes import Figure

register = template.Library()


@register.filter
def drawn(figure: Figure) -> SafeString:
    """Return the SVG of a figure. Every text in it was escaped where it was drawn."""
    return mark_safe(figure.markup)  # noqa: S308
