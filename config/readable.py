"""What no page of ours sends is refused before anything reads it; what is not offered is said in words."""

import codecs
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

Responder = Callable[[HttpRequest], HttpResponseBase]


class ReadableMiddleware:
    """Take text in UTF-8 only, and no address with a NUL: no database stores what else they can be made to hold.

    A method that an address does not offer is answered with a page, not with nothing.
    """

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        encoding = request.encoding
        if encoding is not None and codecs.lookup(encoding).name != "utf-8":
            raise BadRequest(f"text in UTF-8 was expected, not in {encoding}")
        if "\0" in request.path_info:
            raise BadRequest("an address holds no NUL")
        response = self.get_response(request)
        if response.status_code == 405 and isinstance(response, HttpResponse) and not response.content:
            response.content = render_to_string("405.html").encode()
        return response
