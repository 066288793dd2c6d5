"""What a web worker holds in memory: the heavy libraries are for task workers and tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Libraries that make documents or tables, and what only tests need. Later libraries of this kind are added here.
HEAVY = {
    "polars", "pyarrow", "pyreadstat",
    "typst", "pypdf", "reportlab", "weasyprint", "matplotlib", "numpy", "pandas", "openpyxl", "lxml", "PIL", "cel",
    "xlsxwriter", "hypothesis", "pytest", "playwright",
}  # fmt: skip
SERVED = """
import json, sys
# Only a decoder of the tests brings Pillow; a package that could use it does so when it is there.
sys.modules["PIL"] = None
from config import settings
# A fresh clone has not collected its static files.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
from config.wsgi import application
from django.urls import get_resolver
get_resolver().url_patterns
told = []
environment = {"REQUEST_METHOD": "GET", "PATH_INFO": "/accounts/login/", "SERVER_NAME": "localhost",
    "SERVER_PORT": "80", "wsgi.input": sys.stdin.buffer, "wsgi.url_scheme": "http", "HTTP_HOST": "localhost"}
b"".join(application(environment, lambda status, headers: told.append(status)))
imported = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
print(json.dumps([told, sorted(imported)]))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return the answers and the imported packages of a process that has loaded every page and served one."""
    environment = {
        **os.environ,
        "STROMA_ENV": "training",
        "STROMA_DATA": str(tmp_path_factory.mktemp("data")),
        "DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    def run(*command):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    return json.loads(run("-c", SERVED).splitlines()[-1])


def test_a_web_worker_imports_no_library_that_makes_documents(served):
    """Speed: each megabyte counts once for every worker."""
    answers, packages = served
    assert answers == ["200 OK"]
    assert {"django", "patients", "exports"} <= set(packages)
    assert HEAVY & set(packages) == set()
