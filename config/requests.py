"""Requests whose posted fields are read with fewer calls: a form of seventy fields is posted at every live check."""

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, QueryDict
from django.urls import ResolverMatch, get_resolver
from django.utils.datastructures import MultiValueDict

FORM = "application/x-www-form-urlencoded"


class Request(WSGIRequest):
    """Django's request. The fields of a form are what Django reads, put into their lists at once, not one by one."""

    # Django's own, which its types do not name.
    _read_started: bool
    _encoding: str | None

    def _load_post_and_files(self) -> None:
        # Django knows what to do with another encoding, with a body that somebody has begun to read, and with no body.
        begun = self._read_started and not hasattr(self, "_body")
        if self.method != "POST" or self.content_type != FORM or self._encoding is not None or begun:
            super()._load_post_and_files()
            return
        self._post = posted_fields(self.body)
        self._files: MultiValueDict[str, Any] = MultiValueDict()


def posted_fields(body: bytes) -> QueryDict:
    """Return the fields of a posted form, as `QueryDict(body)` does. Raises TooManyFieldsSent."""
    most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=most):
            found.setdefault(name, []).append(value)
    except ValueError:
        # Not UTF-8, or too many fields.
        return QueryDict(body, encoding="utf-8")
    fields = QueryDict(mutable=True, encoding="utf-8")
    for name, values in found.items():
        # Names and values are text already: `QueryDict` would look at each once more.
        MultiValueDict.setlist(fields, name, values)
    fields._mutable = False
    return fields


class Handler(WSGIHandler):
    """Django's handler with these requests. It remembers which view answers an address: nothing else decides that."""

    request_class = Request

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view of the request and its arguments. Raises Resolver404 for an unknown address."""
        if hasattr(request, "urlconf"):
            return super().resolve_request(request)
        request.resolver_match = match = _view_at(request.path_info)
        return match


@lru_cache(maxsize=512)
def _view_at(path: str) -> ResolverMatch:
    # Unknown addresses raise, so that guessed ones do not displace those in use.
    return get_resolver().resolve(path)
