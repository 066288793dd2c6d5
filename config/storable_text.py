"""Refusal of requests that no page of ours sends, and error pages with an explanation."""

import codecs
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

Responder = Callable[[HttpRequest], HttpResponseBase]


class StorableTextMiddleware:
    """Accepts text in UTF-8 only, and no path with NUL: no database can store anything else.

    A method that a URL does not allow is answered with a page instead of an empty response.
    """

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        encoding = request.encoding
        if encoding is not None and codecs.lookup(encoding).name != "utf-8":
            raise BadRequest(_("Text in UTF-8 was expected, not in %(encoding)s.") % {"encoding": encoding})
        if "\0" in request.path_info:
            raise BadRequest(_("An address holds no NUL character."))
        response = self.get_response(request)
        if response.status_code == 405 and isinstance(response, HttpResponse) and not response.content:
            response.content = render_to_string("405.html").encode()
        return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 with the message of the view that refused; Django's own messages are not shown."""
    message = exception if type(exception) is BadRequest else ""
    return render(request, "400.html", {"exception": message}, status=400)
