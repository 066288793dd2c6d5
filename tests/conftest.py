"""Fixtures for all tests. Builders are in tests/support/build.py."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.template import Context, Template
from django.test import Client, TransactionTestCase
from django.test import client as test_client
from django.test.signals import template_rendered
from django.test.utils import override_settings
from django.utils import timezone
from hypothesis import settings
from pytest_django import DjangoDbBlocker

from accounts.models import User
from audit.context import acting, set_actor
from audit.testing import lifted_triggers
from patients.models import Patient, Record
from tests.support import build
from tests.support.database import migrated, noting, tracked_rows
from tests.support.database.selection import LeaveOut, NoSurprise
from tests.support.study import amended_protocol
from tests.support.study.bedside import NOW
from tests.support.study.entered_forms import DEMOGRAPHY
from trials.models import ProtocolVersion, Trial

# No deadline: a busy machine must not fail a property.
settings.register_profile("stroma", deadline=None)
settings.load_profile("stroma")

# No change of clocks, no month end and no leap day lies near; it is one day in UTC and at every site.
KNOWN_DAY = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)


def instant(text: str) -> datetime:
    """Return an ISO date and time; in UTC unless it has an offset."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def pytest_addoption(parser: pytest.Parser) -> None:
    """One engine runs every test; on another one those without a database would find the same again."""
    parser.addoption(
        "--database-only", action="store_true", help="leave out the tests that no database changes"
    )
    parser.addoption(
        "--note-statements",
        metavar="FOLDER",
        type=Path,
        help="note there what each test does with the database",
    )
    parser.addoption(
        "--noted", metavar="FOLDER", type=Path,
        help="with --database-only: leave out the tests too of which others run every statement that is noted there",
    )  # fmt: skip
    parser.addoption(
        "--pretend", metavar="INSTANT", type=instant, default=KNOWN_DAY,
        help="when the tests without a browser begin, such as 2028-02-29T23:30 (UTC)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Leave tests out only when asked to; always make sure that none is left out by mistake."""
    config.pluginmanager.register(NoSurprise())
    if config.getoption("--database-only"):
        folder = config.getoption("--noted")
        config.pluginmanager.register(LeaveOut(noting.read(folder) if folder else {}))
    if folder := config.getoption("--note-statements"):
        config.pluginmanager.register(noting.Notebook(folder))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: the cores then end together."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Exempt modules, models and collected tests from garbage collection: walking them takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


STREAMS: list[Iterator[bytes]] = []
_streamed = test_client.closing_iterator_wrapper


def _noted_stream(*args: Any) -> Iterator[bytes]:
    stream: Iterator[bytes] = _streamed(*args)
    STREAMS.append(stream)
    return stream


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """End the files that a test read in part, as a server does when the reader has gone away.

    Left to the garbage collector they ended in the middle of a later test's statement, on the same connection, and
    waited for it without an end.
    """
    try:
        return (yield)
    finally:
        while STREAMS:
            STREAMS.pop().close()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True, scope="session")
def _streams_are_noted() -> Iterator[None]:
    """Note each file that the test client streams."""
    test_client.closing_iterator_wrapper = _noted_stream
    yield
    test_client.closing_iterator_wrapper = _streamed


@pytest.fixture(autouse=True, scope="session")
def _one_context_of_each_page(django_test_environment: None) -> None:
    """Keep the context of a page, not also that of every template in it: copying those takes a tenth of the time."""
    Template._render = render_and_tell


def render_and_tell(template: Template, context: Context) -> str:
    """Render a template, and tell the test client if the page is made of it."""
    if context.template is template:
        template_rendered.send(sender=template, template=template, context=context)
    return template.nodelist.render(context)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Each process copies a migrated database."""
    with django_db_blocker.unblock():
        migrated.copy_instead_of_migrating()


@pytest.fixture(autouse=True, scope="module")
def _on_a_known_day(request: pytest.FixtureRequest) -> Iterator[None]:
    """Begin each module on one day, so that no test fails because of the day on which it runs; time goes on.

    A browser has a clock of its own: its walks run today.
    """
    if "browser" in request.path.parts:
        yield
        return
    with time_machine.travel(request.config.getoption("--pretend"), tick=True):
        yield


@pytest.fixture(autouse=True)
def _at_a_moment(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stop the clock at the moment of the marker `at`, if the test has one."""
    found = request.node.get_closest_marker("at")
    if found is None:
        yield
        return
    with time_machine.travel(found.args[0], tick=False):
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each process its own folder: the locks of what is due lie there, and a lock held elsewhere ends the task."""
    with override_settings(DATA_DIR=tmp_path_factory.mktemp("data")):
        yield


@pytest.fixture(autouse=True, scope="session")
def _flush_without_triggers():
    """Lift the triggers while Django empties the tables after a transactional test: the trail refuses deletion."""
    flush = TransactionTestCase._fixture_teardown

    def lifted_flush(case):
        with lifted_triggers():
            flush(case)

    TransactionTestCase._fixture_teardown = lifted_flush
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(autouse=True)
def _nobody_acts_by_accident():
    """Start each test without an actor, so that a missing one fails as in production."""
    set_actor(None)
    yield
    set_actor(None)


@pytest.fixture(autouse=True)
def _own_seal_file(settings, tmp_path_factory):
    """Give each test its own seal file: its heads belong to the test's database."""
    settings.SEAL_FILE = tmp_path_factory.getbasetemp() / f"seals-{uuid4().hex}.log"


@pytest.fixture(autouse=True)
def _own_documents_folder(settings, tmp_path_factory):
    """Store document files in a temporary folder."""
    folder = tmp_path_factory.getbasetemp() / "documents"
    documents = settings.STORAGES["documents"]
    options = {**documents["OPTIONS"], "location": folder}
    settings.STORAGES = {**settings.STORAGES, "documents": {**documents, "OPTIONS": options}}


@pytest.fixture
def as_test(db):
    """Act as the test process, to arrange data directly."""
    with acting(system="test", reason="arranging a test"):
        yield


@pytest.fixture
def nothing_counted(db: None) -> None:
    """Forget the failed sign-ins of earlier tests."""
    cache.clear()


@pytest.fixture
def any_value(db: None) -> Iterator[None]:
    """Let rows hold any value, for tests of the trail alone."""
    tracked_rows.drop_value_constraints()
    yield
    tracked_rows.restore_value_constraints()


@pytest.fixture
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an export take its moment from the clock that a test stops: that of PostgreSQL goes on."""
    monkeypatch.setattr("exports.exporting.trail_clock", timezone.now)


@pytest.fixture
def trial(db: None) -> Trial:
    """The open trial of Liège."""
    return build.trial()


@pytest.fixture
def walking(db: None) -> Iterator[Trial]:
    """The invented trial WALK under its first version, on 20 March 2021."""
    with time_machine.travel(amended_protocol.NOW, tick=False):
        yield amended_protocol.trial()


@pytest.fixture
def nurse(trial: Trial) -> User:
    """A coordinator, who enters data."""
    return build.user("coordinator", trial=trial)


@pytest.fixture
def nurse_acts(nurse: User) -> Iterator[None]:
    """Act as the coordinator, from the web."""
    with acting(user=nurse, role="coordinator", origin="web"):
        yield


@pytest.fixture
def doctor(trial: Trial) -> User:
    """An investigator, who signs."""
    return build.user("investigator", trial=trial)


@pytest.fixture
def doctor_acts(doctor: User) -> Iterator[None]:
    """Act as the investigator, from the web."""
    with acting(user=doctor, role="investigator", origin="web"):
        yield


@pytest.fixture
def manager(trial: Trial) -> User:
    """A data manager."""
    return build.user("data_manager", trial=trial)


@pytest.fixture
def people(trial: Trial) -> dict[str, User]:
    """People who raise, answer or read queries, by role."""
    roles = ("coordinator", "investigator", "monitor", "data_manager", "statistician")
    return {role: build.user(role, trial=trial) for role in roles}


@pytest.fixture
def administrator(trial: Trial) -> User:
    """An administrator, who manages roles."""
    return build.user("administrator", trial=trial)


@pytest.fixture
def patient(trial: Trial, nurse: User) -> Patient:
    """A patient in screening who has consented."""
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    return patient


@pytest.fixture
def record(patient: Patient, nurse: User) -> Record:
    """The patient's demography, complete."""
    return build.record(patient, "demography", DEMOGRAPHY, by=nurse)


@pytest.fixture
def amended(patient: Patient) -> ProtocolVersion:
    """Version 1.1 of WALK, loaded after the patient was included."""
    return amended_protocol.amendment()


@pytest.fixture
def desk(nurse: User) -> Client:
    """The coordinator's browser."""
    return build.client(nurse)


@pytest.fixture
def web(doctor: User) -> Client:
    """The investigator's browser."""
    return build.client(doctor)


@pytest.fixture
def known_day() -> Iterator[None]:
    """It is 30 March 2026: a patient included on the 10th can have had every infusion."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ward(trial: Trial, known_day: None) -> Client:
    """The browser of a coordinator on the ward."""
    return build.client(build.user("coordinator", trial=trial, full_name="Ward Nurse"))


@pytest.fixture
def laboratory(trial: Trial, known_day: None) -> Client:
    """The browser of the cell laboratory."""
    return build.client(build.user("cell_laboratory", trial=trial, full_name="Cell Worker"))
