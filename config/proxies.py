"""The address of the person's computer behind our own reverse proxies, and whether the way to them is encrypted.

`TRUSTED_PROXIES` names the addresses of the proxies. What a request says of its way (`X-Forwarded-For`,
`X-Forwarded-Proto`) is believed only if it comes from one of them, and removed otherwise: anybody can write a header.
"""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)


class TrustedProxiesMiddleware:
    """Replaces the address of the last proxy by that of the client, for everything that runs after it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        peer = request.META.get("REMOTE_ADDR", "")
        if is_trusted(peer):
            request.META["REMOTE_ADDR"] = client_behind(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""))
        else:
            for header in FORWARDED:
                request.META.pop(header, None)
        return self.get_response(request)


def is_trusted(address: str) -> bool:
    """Return True for the address of one of our proxies; without one, the socket of this machine was used."""
    if not address:
        return bool(settings.TRUSTED_PROXIES)
    found = parsed(address)
    return found is not None and any(found in network for network in settings.TRUSTED_PROXIES)


def client_behind(peer: str, forwarded: str) -> str:
    """Return the address of the client: going backwards from the last proxy, the first that is none of ours.

    Each proxy appends the address it was asked from; what stands before that was written by the client. An entry that
    is no address ends the way: the proxy that wrote it is the last known.
    """
    known = peer
    for entry in reversed([each.strip() for each in forwarded.split(",") if each.strip()]):
        found = parsed(entry)
        if found is None:
            return known
        known = str(found)
        if not is_trusted(known):
            return known
    return known


def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, also one with a port; an IPv4 address written as IPv6 is the IPv4 address."""
    for each in (text, _without_port(text)):
        try:
            found = ipaddress.ip_address(each)
        except ValueError:
            continue
        return getattr(found, "ipv4_mapped", None) or found
    return None


def _without_port(text: str) -> str:
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""
