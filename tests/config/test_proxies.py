"""The address of the client behind our own proxies: what a request says of itself is believed only from them."""

from ipaddress import ip_network

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config import env
from config.proxies import TrustedProxiesMiddleware, client_behind


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = [
        ip_network("10.0.0.0/24"),
        ip_network("127.0.0.1"),
        ip_network("2001:db8::/64"),
    ]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.5", "203.0.113.7"),
        ("127.0.0.1", " 203.0.113.7 ,10.0.0.5 , ", "203.0.113.7"),
        ("127.0.0.1", "10.0.0.9, 10.0.0.5", "10.0.0.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::1", "2001:DB8:9::7", "2001:db8:9::7"),
        ("127.0.0.1", "[2001:db8:9::7]:443", "2001:db8:9::7"),
        ("127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7, <script>, 10.0.0.5", "10.0.0.5"),
    ],
)
def test_the_client_is_the_last_address_that_is_none_of_our_proxies(peer, forwarded, client):
    assert client_behind(peer, forwarded) == client


def answered(peer: str, **headers: str):
    """Return the request as the application sees it."""
    seen = []
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)
    TrustedProxiesMiddleware(lambda each: seen.append(each) or HttpResponse())(request)
    return seen[0]


def test_what_anybody_else_says_is_removed(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    told = {"x_forwarded_for": "198.51.100.1", "x_forwarded_proto": "https", "x_real_ip": "198.51.100.1"}
    request = answered("203.0.113.9", **told)
    assert request.META["REMOTE_ADDR"] == "203.0.113.9"
    assert not request.is_secure()
    assert not {name for name in request.META if "FORWARDED" in name or "REAL_IP" in name}


def test_our_own_proxy_is_believed(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    request = answered("10.0.0.5", x_forwarded_for="198.51.100.1", x_forwarded_proto="https")
    assert request.META["REMOTE_ADDR"] == "198.51.100.1"
    assert request.is_secure()


def test_a_socket_of_this_machine_is_a_proxy_if_there_are_proxies(settings):
    assert answered("", x_forwarded_for="198.51.100.1").META["REMOTE_ADDR"] == "198.51.100.1"
    settings.TRUSTED_PROXIES = []
    assert answered("", x_forwarded_for="198.51.100.1").META["REMOTE_ADDR"] == ""


def test_the_setting_is_read_as_addresses_and_networks(monkeypatch):
    monkeypatch.setenv("TRUSTED_PROXIES", "10.1.2.3, 172.16.0.0/12")
    assert env.networks("TRUSTED_PROXIES") == [ip_network("10.1.2.3/32"), ip_network("172.16.0.0/12")]
    monkeypatch.setenv("TRUSTED_PROXIES", "none")
    assert env.networks("TRUSTED_PROXIES", "127.0.0.1") == []
    monkeypatch.setenv("TRUSTED_PROXIES", "proxy.hospital.example")
    with pytest.raises(env.Misconfigured, match=r"TRUSTED_PROXIES=proxy\.hospital\.example: use addresses"):
        env.networks("TRUSTED_PROXIES")
