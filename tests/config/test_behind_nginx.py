"""Production behind the documented proxy: nginx with the lines of docs/deploy.md, the browser on several addresses.

Everything runs as installed: production settings, gunicorn, TLS. It needs no database of the tests, so it runs once.
"""

import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.bench.servers import free_port
from tests.support.database import migrated

ROOT = Path(__file__).resolve().parents[2]
HOST = "stroma.hospital.example"
PASSWORD = "quiet river under stone"
WARD, HOME, THIEF = "127.0.0.5", "127.0.0.6", "127.0.0.7"


class Installation:
    """A running production server behind nginx, and its database."""

    def __init__(self, folder: Path, port: int, inner: int, link: str) -> None:
        self.database, self.port, self.inner, self.link = folder / "stroma.sqlite3", port, inner, link

    def events(self, kind: str) -> list[str]:
        """Return the addresses of the access events of a kind, oldest first."""
        with closing(sqlite3.connect(self.database)) as base:
            rows = base.execute("SELECT address FROM audit_accessevent WHERE kind = ? ORDER BY id", [kind])
            return [address for (address,) in rows]


class Browser:
    """A browser on a computer with its own address, which keeps cookies."""

    def __init__(self, installation: Installation, address: str) -> None:
        self.installation, self.address = installation, address
        self.cookies: dict[str, str] = {}

    def ask(
        self, path: str, sent: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text of the answer through the proxy."""
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(
            "127.0.0.1",
            self.installation.port,
            context=unchecked,
            source_address=(self.address, 0),
            timeout=30,
        )
        told = {"Host": HOST, "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if sent is not None:
            told |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"https://{HOST}{path}"}
        with closing(connection):
            body = urlencode(sent) if sent is not None else None
            connection.request("POST" if sent is not None else "GET", path, body, told | (headers or {}))
            answer = connection.getresponse()
            return answer.status, self._kept(answer), answer.read().decode()

    def fill_in(
        self, path: str, headers: dict[str, str] | None = None, **typed: str
    ) -> tuple[int, dict[str, str], str]:
        """Open a page with a form and send it."""
        status, _headers, page = self.ask(path)
        assert status == 200, page
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page
        return self.ask(path, {"csrfmiddlewaretoken": token[1], **typed}, headers)

    def sign_in(self, password: str, **headers: str) -> int:
        """Return the status of the answer to a sign-in as the administrator."""
        return self.fill_in("/accounts/login/", headers, login="a.martin", password=password)[0]

    def _kept(self, answer: HTTPResponse) -> dict[str, str]:
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _sign, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return dict(answer.headers)


def certificate(folder: Path) -> None:
    """Write a self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=4000))
        .sign(key, hashes.SHA256())
    )
    (folder / "stroma.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "stroma.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))


def nginx_lines(folder: Path, port: int, inner: int) -> str:
    """Return the configuration of nginx: the documented lines, with the places of this test."""
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    documented = page.split("```nginx\n")[1].split("```")[0]
    for text, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/certs/stroma.pem", str(folder / "stroma.pem")),
        ("/etc/ssl/private/stroma.key", str(folder / "stroma.key")),
        ("127.0.0.1:8000", f"127.0.0.1:{inner}"),
    ):
        assert documented.count(text) == 1, text
        documented = documented.replace(text, here)
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{place}_temp_path {folder / place};" for place in places)
    owner = "user root;" if os.geteuid() == 0 else ""
    return (
        f"daemon off; worker_processes 1; {owner} pid {folder / 'nginx.pid'}; error_log {folder / 'nginx.log'};"
        f" events {{}} http {{ access_log off; {temporary} {documented} }}"
    )


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server accepts connections."""
    for _ in range(300):
        assert process.poll() is None, "the server ended before it answered"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not answer within half a minute")


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Iterator[Installation]:
    """A hospital's installation on its first day: a protocol, one administrator without a password, nginx before it."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert nginx, "nginx is missing: tools/need nginx"
    folder = tmp_path_factory.mktemp("installed")
    port, inner = free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "STROMA_ENV": "production",
        "SECRET_KEY": "k3y-" + "x7Qz" * 15,
        "ALLOWED_HOSTS": HOST,
        "STROMA_DATA": str(folder),
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    migrated.fill(str(folder / "stroma.sqlite3"), migrated.image())

    def manage(*arguments: str, **also: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        told: dict[str, Any] = {"cwd": ROOT, "env": environment | also, "check": True, "capture_output": True}
        return subprocess.run(command, text=True, **told).stdout

    manage("createcachetable")
    # Not rehearsed: that is not what these tests are about, and takes a third of a minute.
    manage("load_protocol", "tests/support/protocols/small.toml", STROMA_ENV="test")
    told = manage(
        "add_person", "--username", "a.martin", "--full-name", "Alice Martin", "--trial", "x-1",
        "--role", "administrator", "--reason", "start of the trial",
    )  # fmt: skip
    link = re.search(rf"https://{re.escape(HOST)}(/accounts/key/\S+)", told)
    assert link, told
    certificate(folder)
    (folder / "nginx.conf").write_text(nginx_lines(folder, port, inner))
    serving = [
        sys.executable,
        "-m",
        "gunicorn",
        "tests.support.project.served",
        "--bind",
        f"127.0.0.1:{inner}",
    ]
    servers = [
        subprocess.Popen(serving, cwd=ROOT, env=environment),
        subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]),
    ]
    try:
        wait_for(inner, servers[0])
        wait_for(port, servers[1])
        yield Installation(folder, port, inner, link[1])
    finally:
        for each in servers:
            each.terminate()
            each.wait(timeout=30)


def test_production_behind_nginx_knows_from_where_people_come(installation):
    """SEC-06, AUD-02: the address of the person's computer, not of the proxy; nobody keeps another person out."""
    ward = Browser(installation, WARD)
    status, headers, _page = ward.fill_in(installation.link, password1=PASSWORD, password2=PASSWORD)
    assert (status, headers["Location"]) == (302, "/accounts/login/")
    assert ward.ask(installation.link)[0] == 410, "the link works once"
    assert ward.sign_in(PASSWORD) == 302
    assert f"· {WARD}</b>" in ward.ask("/accounts/profile/")[2], "the list of sessions names the computer"
    assert installation.events("password_changed") == installation.events("signed_in") == [WARD]

    # A client that names another address, or says that it came from the proxy itself.
    home = Browser(installation, HOME)
    for forged in ("198.51.100.1", "198.51.100.1, 127.0.0.1"):
        assert home.sign_in("wrong", **{"X-Forwarded-For": forged}) == 422
    assert installation.events("sign_in_failed") == [HOME, HOME]

    # Somebody guesses: who comes from nowhere waits, the administrator's own browser does not.
    thief = Browser(installation, THIEF)
    answers = [thief.sign_in("wrong") for _ in range(4)]
    assert answers == [422, 422, 422, 429]
    ward.cookies.pop("__Host-session")
    assert ward.sign_in(PASSWORD) == 302
    assert installation.events("locked_out") == [THIEF]


def test_what_says_that_it_was_encrypted_is_believed_from_the_proxy_only(installation):
    """SEC-12: a request past the proxy is sent to https, whatever it writes in its headers."""
    claimed = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}
    connection = HTTPConnection("127.0.0.1", installation.inner, source_address=(THIEF, 0), timeout=30)
    with closing(connection):
        connection.request("GET", "/accounts/login/", headers=claimed)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/accounts/login/")
    status, headers, _page = Browser(installation, HOME).ask(
        "/accounts/login/", headers={"X-Forwarded-Proto": "http"}
    )
    assert status == 200, "the proxy says what the client did not"
    assert "max-age=" in headers["Strict-Transport-Security"]


def test_the_first_page_of_an_administrator_in_production_asks_for_a_second_factor(installation):
    """SEC-06: by default in production."""
    ward = Browser(installation, WARD)
    assert ward.sign_in(PASSWORD) == 302
    status, headers, _page = ward.ask("/trials/x-1/")
    assert (status, headers["Location"]) == (302, "/accounts/factors/?needed=%2Ftrials%2Fx-1%2F")
