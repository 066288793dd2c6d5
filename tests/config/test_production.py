"""Production refuses unsafe settings and names them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config import databases, env
from tests.support import build

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "STROMA_ENV": "production",
    "SECRET_KEY": "k3y-" + "x7Qz" * 15,
    "ALLOWED_HOSTS": "stroma.hospital.example",
}


def manage(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "STROMA_DATA": str(folder), **environment}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)


def test_the_deployment_check_is_silent_with_production_settings(tmp_path):
    """P11-12, SEC-10, SEC-12."""
    result = manage("check", "--deploy", "--fail-level", "INFO", folder=tmp_path, **GOOD)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no issues" in result.stdout


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"DEBUG": "True"}, "refuses to start with DEBUG"),
        ({"SECRET_KEY": ""}, "needs its own SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "needs its own SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "needs ALLOWED_HOSTS"),
        ({"STROMA_ENV": "staging"}, "use training or production"),
        ({"DEBUG": "yes"}, "use True or False"),
        ({"DATABASE_URL": "mysql://x/y"}, "use sqlite"),
    ],
)
def test_production_refuses_to_start_with(tmp_path, change, sentence):
    """SEC-21: what would be unsafe or misunderstood stops the start with what to write instead."""
    result = manage("check", folder=tmp_path, **(GOOD | change))
    assert result.returncode != 0
    assert sentence in result.stderr


@pytest.mark.django_db
def test_production_refuses_to_start_with_demo_accounts(settings):
    """SEC-07."""
    from django.core.exceptions import ImproperlyConfigured

    from config.production import refuse_demo_accounts

    build.user("coordinator", is_demo=True)
    refuse_demo_accounts()
    settings.PRODUCTION = True
    with pytest.raises(ImproperlyConfigured, match="demo accounts"):
        refuse_demo_accounts()


def test_a_database_address_with_special_characters_is_read():
    found = databases.from_url("postgresql://st%40ff:p%2Fw@db.example:5433/study", Path("unused"))
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "st@ff",
        "p/w",
        "db.example",
        "5433",
        "study",
    )


def test_postgresql_runs_queries_without_compiling_them_and_keeps_what_the_address_asks():
    found = databases.from_url("postgresql://st@db/study?options=-c%20work_mem%3D64MB", Path("unused"))
    assert found["OPTIONS"] == {
        "connect_timeout": "5",
        "options": "-c jit=off -c lock_timeout=20s -c work_mem=64MB",
    }


def test_the_page_on_deployment_names_every_variable_that_is_read():
    """A setting that nobody documented does not exist for the person who installs it."""
    source = (ROOT / "config/settings.py").read_text() + (ROOT / "demo/patients.py").read_text()
    read = set(re.findall(r'env\.(?:text|flag|number|names)\(\s*"(\w+)"', source))
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([A-Z_]+)`", page))
    assert read <= documented
    assert read >= {"SECRET_KEY", "DATABASE_URL"}


def test_a_whole_number_is_asked_for_by_name(monkeypatch):
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(env.Misconfigured, match="PORT=eighty"):
        env.number("PORT", 8000)
