"""The lines of the README and the steps of the container work as they stand: they are taken from there and run."""

import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

import pytest
from django.db import connection

from tests.support.database import migrated
from tests.support.operation.installation import (
    BIN,
    ROOT,
    SECRET,
    Installation,
    address_of,
    asked,
    copy_of_the_code,
    database,
    free_port,
    installation,
    served,
)

pytestmark = [pytest.mark.django_db, pytest.mark.long]

DJANGO = {"check", "createcachetable", "collectstatic", "db_worker", "prune_db_task_results"}
HOST = "stroma.hospital.example"
THROUGH_PROXY = {"Host": HOST, "X-Forwarded-Proto": "https"}
SERVER = "gunicorn config.wsgi --workers 4 --threads 4 --bind 127.0.0.1:8000"
# A first page that has to load something takes two seconds on this kind of machine.
WARM_SECONDS = 0.6


@pytest.fixture(scope="module")
def code(tmp_path_factory) -> Path:
    """A clone: nothing collected, nothing compiled."""
    return copy_of_the_code(tmp_path_factory.mktemp("clone"))


def production_lines() -> list[str]:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"## Several workers, PostgreSQL\n\n```\n(.*?)```", page, re.DOTALL)
    return block.splitlines()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the lines name a PostgreSQL server")
def test_the_production_lines_of_the_readme_work_as_they_stand(code, tmp_path):
    lines = production_lines()
    assert lines[0] == "createdb stroma"
    assert lines[-1] == SERVER
    port = free_port()
    with database(tmp_path, empty=True) as url:
        script = "\n".join(["set -eu", *lines[1:-1], f"exec {lines[-1]}"])
        address = shlex.quote(url)
        script = script.replace("postgresql://stroma:password@db.example/stroma", address)
        for path in ("/var/lib/stroma", "/var/backups/stroma", "/etc/stroma"):
            script = script.replace(path, str(tmp_path / Path(path).parent.name))
        script = script.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        (tmp_path / "etc").mkdir()
        (tmp_path / "lib").mkdir()
        clean = {"PATH": f"{BIN}:/usr/bin:/bin:/usr/local/bin"}
        log = (tmp_path / "log").open("w+")
        server = subprocess.Popen(["sh", "-c", script], cwd=code, env=clean, stdout=log, stderr=log)
        try:
            first_page_is_there_and_quick(port, server, log)
        finally:
            server.terminate()
            server.wait(20)
    made = list((tmp_path / "backups").glob("2*Z/manifest.age"))
    assert len(made) == 1, "`manage.py due` makes the first backup at once"


def first_page_is_there_and_quick(port: int, server: subprocess.Popen, log) -> None:
    """Ready means warm: every worker answers its first page at once after `/healthz` said ok."""
    status, word = asked(f"http://127.0.0.1:{port}/healthz", 240, server)
    log.seek(0)
    assert (status, '"status": "ok"' in word) == (200, True), word + log.read()
    slowest = 0.0
    for _page in range(8):
        begun = time.monotonic()
        status, page = asked(f"http://127.0.0.1:{port}/accounts/login/", **THROUGH_PROXY)
        slowest = max(slowest, time.monotonic() - begun)
        assert status == 200
    assert slowest < WARM_SECONDS
    style = re.search(r'href="(/static/stroma\.\w+\.css)"', page)
    assert style is not None, "the style sheet has its hashed name"
    assert asked(f"http://127.0.0.1:{port}{style[1]}", **THROUGH_PROXY)[0] == 200


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the containers run PostgreSQL")
def test_the_steps_of_the_container_work_after_its_packages_are_installed(code, tmp_path):
    """What a machine without a container engine can run: collecting, upgrade, pages, worker, due."""
    container = (ROOT / "Containerfile").read_text(encoding="utf-8")
    assert "RUN python manage.py collectstatic --noinput" in container
    assert 'ENTRYPOINT ["/srv/stroma/deploy/container-start"]' in container
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "secret_key").write_text(f"{SECRET}\n")
    production = {
        "STROMA_ENV": "production",
        "ALLOWED_HOSTS": HOST,
        "SECRETS": str(secrets),
        "STROMA_BACKUP_KEY_FILE": str(tmp_path / "backup.key"),
    }
    with application_role() as role, installation(tmp_path / "data", empty=True, **production) as place:
        place.code = code
        collect(place)
        for command in (["backup_key", str(tmp_path / "backup.key")], ["upgrade"]):
            done = place.run([str(code / "deploy/container-start"), *command], APP_ROLE=role)
            assert done.returncode == 0, done.stderr
        drilled = place.run([str(code / "deploy/container-start"), "restore_drill"])
        assert drilled.returncode == 0, drilled.stdout + drilled.stderr
        place.database_url = place.database_url.replace("://stroma@", f"://{role}@", 1)
        processes_work(place)


def collect(place: Installation) -> None:
    """Collect the static files, unless an earlier test did: it takes a third of the time."""
    if not (place.code / "staticfiles/staticfiles.json").exists():
        done = place.manage("collectstatic", "--noinput", STROMA_ENV="training")
        assert done.returncode == 0, done.stderr


def processes_work(place: Installation) -> None:
    start, port = str(place.code / "deploy/container-start"), free_port()
    with served(place, [start, "web"], BIND=f"127.0.0.1:{port}", WEB_WORKERS="1"):
        assert asked(f"http://127.0.0.1:{port}/healthz", 60)[0] == 200
        assert asked(f"http://127.0.0.1:{port}/accounts/login/", **THROUGH_PROXY)[0] == 200
    once = place.run([start, "doctor", "--all"])
    assert "cannot change the trail" in once.stdout or connection.vendor == "sqlite"
    due = place.run([start, "backup", "--to", str(place.folder / "backups")])
    assert due.returncode == 0, due.stderr
    worker = place.run([start, "db_worker", "--batch", "--no-startup-delay"])
    assert worker.returncode == 0, worker.stderr


@contextmanager
def application_role() -> Iterator[str]:
    """Yield the name of a second role of the server, under which pages are served; SQLite has none."""
    name = f"stroma_container_{token_hex(3)}"
    if connection.vendor == "sqlite":
        yield name
        return
    with connection._nodb_cursor() as server:
        server.execute(f"CREATE ROLE {name} LOGIN")
    try:
        yield name
    finally:
        with connection._nodb_cursor() as server:
            server.execute(f"DROP ROLE {name}")


def test_the_timers_and_units_name_commands_that_exist():
    """A unit with a misspelt command fails in the night."""
    known = {path.stem for path in ROOT.glob("*/management/commands/*.py")} | DJANGO
    for path in (ROOT / "deploy").iterdir():
        for command in re.findall(r"manage\.py (\w+)", path.read_text(encoding="utf-8")):
            assert command in known, f"{path.name}: {command}"
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    for command in re.findall(r"python manage\.py (\w+)", page):
        assert command in known, command


def test_the_page_on_deployment_names_every_command_of_operation():
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    for path in (ROOT / "operation/management/commands").glob("[a-z]*.py"):
        if path.stem != "use_restored":
            assert f"manage.py {path.stem}" in page


def test_a_server_that_starts_while_the_database_is_away_says_so_and_recovers(code, tmp_path):
    """No worker dies for it: pages answer 503, and `/healthz` says ok when the database is back and all is warm."""
    port, later = free_port(), tmp_path / "later"
    command = [str(BIN / "gunicorn"), "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    name = f"stroma_later_{token_hex(3)}"
    url = (
        address_of(name)
        if connection.vendor == "postgresql"
        else f"sqlite://{quote(str(later))}/stroma.sqlite3"
    )
    place = Installation(tmp_path, url, code=code)
    collect(place)
    with served(place, command):
        status, word = asked(f"http://127.0.0.1:{port}/healthz")
        assert (status, '"no database"' in word) == (503, True)
        status, page = asked(
            f"http://127.0.0.1:{port}/trials/", Cookie="sessionid=0123456789abcdef0123456789abcdef"
        )
        assert status == 503
        assert "The database does not answer" in page
        with database_named(name, later):
            until = time.monotonic() + 30
            while asked(f"http://127.0.0.1:{port}/healthz")[0] != 200 and time.monotonic() < until:
                time.sleep(0.2)
            begun = time.monotonic()
            assert asked(f"http://127.0.0.1:{port}/accounts/login/")[0] == 200
            assert time.monotonic() - begun < WARM_SECONDS


@contextmanager
def database_named(name: str, folder: Path) -> Iterator[None]:
    """Make a migrated database of this name until the block ends."""
    if connection.vendor == "sqlite":
        folder.mkdir()
        migrated.fill(str(folder / "stroma.sqlite3"), migrated.image())
        yield
        return
    with connection._nodb_cursor() as server:
        server.execute(f'CREATE DATABASE {name} TEMPLATE "{migrated.template(connection)}"')
    try:
        yield
    finally:
        with connection._nodb_cursor() as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_in_containers_the_proxy_is_believed_and_no_other_network_is():
    """AUD-02: behind it the trail names the computer of the person."""
    composed = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    (trusted,) = re.findall(r"TRUSTED_PROXIES: (\S+)", composed)
    assert re.findall(r"subnet: ([\d./]+)", composed) == [trusted]
