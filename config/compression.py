"""Compression of HTML pages, to about a tenth of their size."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressedPagesMiddleware(GZipMiddleware):
    """Compresses pages. Django pads them to a random length, so that their size reveals nothing (BREACH).

    Downloads are not compressed: they are packed already, or streamed.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response, compressed if it is a page and the browser accepts gzip."""
        if isinstance(response, HttpResponse) and response.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        return response
