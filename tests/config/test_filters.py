"""The filters of the listings."""

from collections.abc import Iterator

import django_filters
from django.urls import get_resolver


def kinds_of(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds_of(each)


def test_every_filter_has_the_method_that_it_names():
    """A name that is not there answers 500, but only when somebody uses the filter."""
    assert get_resolver().url_patterns  # imports every room
    named = [
        (kind.__name__, kind, name, found.method)
        for kind in kinds_of(django_filters.FilterSet)
        for name, found in kind.base_filters.items()
        if isinstance(found.method, str)
    ]
    assert len(named) > 20
    assert [(kind, name) for kind, owner, name, method in named if not hasattr(owner, method)] == []
