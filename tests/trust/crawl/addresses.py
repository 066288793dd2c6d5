"""The addresses of the application, read from its URLconf."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
TRIAL = "trials/*/"


@dataclass(frozen=True)
class Address:
    """One pattern: its segments (a parameter is `<name>`), and the runs of neighbouring parameters in it."""

    route: str

    @property
    def segments(self) -> list[str]:
        """The parts of the path, in order."""
        return self.route.split("/")

    @property
    def shape(self) -> str:
        """The path with an asterisk for each parameter, as the statement of rights names it."""
        return PARAMETER.sub("*", self.route)

    @property
    def groups(self) -> list[str]:
        """The names of the runs of parameters, such as `visits:visit/form`."""
        return [name for name, _at in self._runs()]

    def path(self, values: dict[str, tuple[object, ...]]) -> str:
        """Return the path with a tuple of values for each run."""
        parts = self.segments
        for name, at in self._runs():
            for offset, value in enumerate(values[name]):
                parts[at + offset] = PARAMETER.sub(lambda _found, text=str(value): text, parts[at + offset])
        return "/" + "/".join(parts)

    def _runs(self) -> Iterator[tuple[str, int]]:
        """Yield the name of each run of parameters, and where it begins."""
        before, run, start = "", list[str](), 0
        for at, segment in enumerate([*self.segments, ""]):
            if found := PARAMETER.search(segment):
                start = start if run else at
                run.append(found[1])
                continue
            if run:
                yield f"{before}:{'/'.join(run)}", start
            before, run = segment, []


def addresses() -> list[Address]:
    """Return every address. Raises TypeError for a pattern that is no route."""
    return [Address(route) for route in _routes(get_resolver().url_patterns, "")]


def _routes(patterns: list[URLPattern | URLResolver], start: str) -> Iterator[str]:
    for each in patterns:
        if not isinstance(each.pattern, RoutePattern):
            raise TypeError(f"Not a route, so nobody can fill it: {start}{each.pattern}")
        route = f"{start}{each.pattern}"
        if isinstance(each, URLResolver):
            yield from _routes(each.url_patterns, route)
        else:
            yield route
