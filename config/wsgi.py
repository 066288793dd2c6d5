"""WSGI entry point: `gunicorn config.wsgi`. A worker takes requests only when it is warm."""

import logging
import os
from collections.abc import Iterable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from config.requests import Handler  # noqa: E402  settings and models exist only after the set-up above

_pages = Handler()

from django.db import DatabaseError, connection  # noqa: E402  after the set-up above

from config.warming import is_warm, warm  # noqa: E402  models exist only after the set-up above


def _try_to_warm() -> None:
    try:
        warm()
    except DatabaseError as away:
        # The pages answer 503; the first request after the database is back loads what is missing.
        logging.getLogger("config").error("No database: %s", away)
        connection.close()


def application(environment: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request. A process that started while the database was away is checked and warmed first."""
    if not is_warm():
        _try_to_warm()
    return _pages(environment, start_response)


_try_to_warm()
