"""The application of `config.wsgi` after it has answered the pages of TRUST_PAGES to the session of TRUST_COOKIES.

A server that forks its workers from it brings each one back within a tenth of a second, so that a thousand kills fall
into saves and not into the loading of templates. It lies while the file TRUST_LIES is there: the figures must
notice it.
"""

import io
import json
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import connections

from config import wsgi
from tests.trust.clerks import LIES

LATE_SECONDS = 0.3


def _warm(path: str) -> None:
    cookies = json.loads(os.environ["TRUST_COOKIES"])
    environment = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "QUERY_STRING": "",
        "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(),
    }  # fmt: skip
    answered: list[str] = []
    list(wsgi.application(environment, lambda status, headers: answered.append(status)))
    if not answered[0].startswith("200"):
        raise RuntimeError(f"{path} answered {answered[0]}")


def application(environment: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request; a liar says "saved" at once and saves later."""
    is_save = environment["REQUEST_METHOD"] == "POST" and "/visits/" in environment["PATH_INFO"]
    if not (is_save and Path(os.environ[LIES]).exists()):
        return wsgi.application(environment, start_response)
    sent = environment["wsgi.input"].read(int(environment["CONTENT_LENGTH"]))
    later = {**environment, "wsgi.input": io.BytesIO(sent)}

    def save() -> None:
        time.sleep(LATE_SECONDS)
        list(wsgi.application(later, lambda status, headers: None))
        connections.close_all()

    threading.Thread(target=save).start()
    start_response("302 Found", [("Location", "/")])
    return []


for _page in json.loads(os.environ.get("TRUST_PAGES", "[]")):
    _warm(_page)
# A worker must open the database itself, and the crash of all of them must leave nobody who holds it open.
connections.close_all()
