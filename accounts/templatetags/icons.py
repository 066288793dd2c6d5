"""Icons of the lucide package, each drawn once per process: a page shows forty, and drawing one parses its XML."""

from functools import lru_cache

from django import template
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide as draw

register = template.Library()


@register.simple_tag
def lucide(name: str, *, size: int = 24, **attributes: str) -> SafeString:
    """Return the icon as SVG. Raises IconDoesNotExist for an unknown name."""
    return _drawn(str(name), size, tuple(sorted((key, str(value)) for key, value in attributes.items())))


@lru_cache(maxsize=1024)
def _drawn(name: str, size: int, attributes: tuple[tuple[str, str], ...]) -> SafeString:
    drawn: SafeString = draw(name, size=size, **dict(attributes))
    return drawn
