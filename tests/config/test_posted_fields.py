"""The fields of a posted form are those that Django reads, and the policy is the one that the package sends."""

from io import BytesIO

import pytest
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.core.exceptions import TooManyFieldsSent
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import RequestFactory
from django.urls import Resolver404, resolve
from hypothesis import given
from hypothesis import strategies as st

from config.content_policy import ContentPolicyMiddleware
from config.requests import Handler, Request, posted_fields

PIECES = st.sampled_from(
    ["&", "=", "+", "%20", "%C3%A9", "%E9", "%", "%zz", "a", "b", "é", ";", "\0", "%00", "1,5"]
)
BODIES = st.lists(PIECES, max_size=30).map("".join).map(str.encode) | st.binary(max_size=30)


@given(BODIES)
def test_every_body_is_read_as_django_reads_it(body: bytes) -> None:
    read, of_django = posted_fields(body), QueryDict(body, encoding="utf-8")
    assert list(read.lists()) == list(of_django.lists())
    assert read.encoding == of_django.encoding
    with pytest.raises(AttributeError, match="immutable"):
        read["a"] = "1"


def test_too_many_fields_are_refused(settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    assert posted_fields(b"a=1&b=2&c=3")["c"] == "3"
    with pytest.raises(TooManyFieldsSent):
        posted_fields(b"a=1&b=2&c=3&d=4")


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "text/plain",
        "multipart/form-data; boundary=x",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_a_request_of_any_kind_is_read_as_django_reads_it(method: str, kind: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
        if kind[-1] == "x"
        else b"a=1&a=2"
    )
    environment = RequestFactory().generic(method, "/", body, content_type=kind).environ
    read, of_django = (of({**environment, "wsgi.input": BytesIO(body)}) for of in (Request, WSGIRequest))
    assert list(read.POST.lists()) == list(of_django.POST.lists())
    assert read.FILES == of_django.FILES
    assert Handler.request_class is Request


def test_the_policy_is_the_one_that_the_package_sends() -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse("a page")

    ours, theirs = (of(answer)(RequestFactory().get("/")) for of in (ContentPolicyMiddleware, CSPMiddleware))
    assert "script-src 'self'" in ours.headers[HEADER]
    assert ours.headers == theirs.headers


def test_a_remembered_address_leads_to_the_view_that_django_finds() -> None:
    handler = Handler()
    for path in ("/trials/a/", "/trials/b/", "/trials/a/", "/trials/a/patients/P-1/"):
        found = handler.resolve_request(Request(RequestFactory().get(path).environ))
        again = resolve(path)
        assert (found.func, found.kwargs, found.view_name) == (again.func, again.kwargs, again.view_name)
    with pytest.raises(Resolver404):
        handler.resolve_request(Request(RequestFactory().get("/no/such/address").environ))
