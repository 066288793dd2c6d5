"""A pytest plugin that writes into the JUnit file which code, Python and database were tested.

`python -m pytest -p tests.validation.recording --junitxml=FILE …`
"""

import os
import platform
import sqlite3

import psycopg
import pytest
from _pytest.junitxml import xml_key

from tests.validation.versions import commit


def database() -> str:
    """Return the engine that the tests use, with its version."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        return f"SQLite {sqlite3.sqlite_version}"
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return f"PostgreSQL {row[0] if row else ''}"


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Workers of xdist write no file: only the process that started them does."""
    report = config.stash.get(xml_key, None)
    if report is not None:
        report.add_global_property("commit", commit())
        report.add_global_property("python", platform.python_version())
        report.add_global_property("platform", platform.platform())
        report.add_global_property("database", database())
