"""A real Chromium against the live server. Walks locate by role and label only, so each also tests accessibility."""

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections
from playwright.sync_api import Browser, Page

from accounts.models import User
from tests.browser.pages import Walk
from tests.support import build

# Playwright keeps an event loop in the thread of the tests, which Django takes for asynchronous code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
SHOTS = os.environ.get("SHOTS", "")
ANSWERED_WITHIN = 20
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium-headless-shell")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep SQLite in a file, as an installation does: in memory, reading while another request saves fails."""
    default = connections.databases["default"]
    if default["ENGINE"].endswith("sqlite"):
        default["TEST"]["NAME"] = str(tmp_path_factory.mktemp("walks") / "stroma.sqlite3")


@pytest.fixture(autouse=True)
def _nothing_sent_after_the_test(browser: Browser) -> Iterator[None]:
    """Wait until every request is answered: a closing tab sends its draft, which must not meet the emptied tables."""
    yield
    for context in browser.contexts:
        context.set_offline(True)
        context.close()
    for answering in threading.enumerate():
        if ThreadedWSGIServer.process_request_thread.__name__ in answering.name:
            answering.join(timeout=ANSWERED_WITHIN)
            assert not answering.is_alive(), f"{answering.name} still answers after {ANSWERED_WITHIN} s"


@pytest.fixture(scope="session")
def base_url(live_server: Any) -> str:
    """Return the URL of the live server."""
    return live_server.url


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Use the Chromium of the system, also as root in a container."""
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    return {"executable_path": CHROMIUM, "args": flags}


@pytest.fixture
def enter(page: Page, base_url: str) -> Callable[[User], Page]:
    """Return a function that opens the browser with the session of a signed-in user."""

    def arrive(person: User) -> Page:
        key = build.client(person).session.session_key
        page.context.add_cookies([{"name": "sessionid", "value": key, "url": base_url}])
        return page

    return arrive


@pytest.fixture
def walk(browser: Browser, base_url: str) -> Walk:
    """Return a walk on which several people each have a browser."""
    cache.clear()
    return Walk(browser, base_url)


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Return a list that collects the browser's errors and warnings: content policy, scripts, missing files."""
    heard: list[str] = []
    page.on("console", lambda said: heard.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda fault: heard.append(str(fault)))
    return heard


@pytest.fixture
def violations(page: Page) -> Callable[[], list[tuple[str, list[str]]]]:
    """Return a function that lists the accessibility rules that the page breaks, with the elements."""

    def found() -> list[tuple[str, list[str]]]:
        rules = Axe().run(page).response["violations"]
        return [(rule["id"], [node["html"][:160] for node in rule["nodes"]]) for rule in rules]

    return found


@pytest.fixture
def looked_at(page: Page, violations: Callable[[], list[Any]]) -> Callable[[str], None]:
    """Return a function that checks a page wide and narrow, light and dark: no axe violation, no sideways scrolling.

    Screenshots are kept in the folder named by SHOTS.
    """

    def look(name: str) -> None:
        for width, theme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/{name}-{width}-{theme}.png", full_page=True)
            if (width, theme) in ((1440, "light"), (390, "dark")):
                assert violations() == [], (name, width, theme)
        page.set_viewport_size({"width": 320, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})

    return look
