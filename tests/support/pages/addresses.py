"""The named routes of the project."""

from collections.abc import Iterator

from django.urls import URLResolver

Route = tuple[str, tuple[str, ...]]


def routes(
    resolver: URLResolver, names: tuple[str, ...] = (), parts: tuple[str, ...] = ()
) -> Iterator[Route]:
    """Yield the name of every route below a resolver, with the names of its URL parameters in order."""
    for each in resolver.url_patterns:
        # A resolver that was used before may also hold the converters of its parents.
        inside = tuple(dict.fromkeys((*parts, *each.pattern.converters)))
        if isinstance(each, URLResolver):
            yield from routes(each, (*names, each.namespace) if each.namespace else names, inside)
        elif each.name:
            yield ":".join((*names, each.name)), inside
