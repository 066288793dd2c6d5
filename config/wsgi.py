"""WSGI entry point: `gunicorn config.wsgi`. A worker takes requests only when it is warm."""

import gc
import logging
import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_pages = get_wsgi_application()

from django.db import DatabaseError, connection  # noqa: E402  after the set-up above

from config.warming import is_warm, warm  # noqa: E402  models exist only after the set-up above


def _try_to_warm() -> None:
    try:
        warm()
        # What a warm worker holds stays for good: without this, every full collection walks all of it, for 0.2 s.
        gc.collect()
        gc.freeze()
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
