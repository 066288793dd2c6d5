"""Actions on the pages by role and label: sign in, choose, fill in a protocol form, look at a page with axe."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.models import User
from protocol.document.items import Form, Item
from protocol.values.labels import code_words, typed
from tests.support import build

Scope = Page | Locator


def day(on: date) -> str:
    """Return a date as people type it."""
    return f"{on:%d-%b-%Y}"


def named(label: str) -> re.Pattern[str]:
    """Return a pattern for the accessible name of a label, with its unit and its mark for required fields."""
    return re.compile(rf"^\s*{re.escape(label)}(\s+in [^*]+)?\s*\*?\s*(needed)?\s*$")


def field(scope: Scope, label: str) -> Locator:
    """Return the input with a label."""
    return scope.get_by_label(named(label))


def group(scope: Scope, question: str) -> Locator:
    """Return the group of radio buttons or checkboxes of a question."""
    return scope.get_by_role("group", name=named(question))


def choose(scope: Scope, question: str, *answers: str) -> None:
    """Check the answers to a question that has radio buttons or checkboxes."""
    for answer in answers:
        group(scope, question).get_by_label(answer, exact=True).check()


def sign_in(page: Page, person: User) -> None:
    """Sign in on the sign-in page. A user of one trial is redirected to it."""
    page.goto("/accounts/login/")
    page.get_by_label("User name").fill(person.username)
    page.get_by_label("Password").fill(build.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/trials/**")


def press(page: Page, name: str) -> None:
    """Click the button of this page whose name starts with `name`."""
    page.get_by_role("main").get_by_role("button", name=re.compile(f"^{re.escape(name)}")).click()


def follow(page: Page, name: str, *, among: str = "Patient") -> None:
    """Follow a link in the casebook's navigation: patient steps, visits or logs."""
    places = page.get_by_role("navigation", name=re.compile("^Casebook of")).get_by_role("list", name=among)
    places.get_by_role("link", name=re.compile(rf"(^|\s){re.escape(name)}(\s|$)")).first.click()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(80):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {target}")


def fill_in(page: Page, form: Form, values: Mapping[str, Any]) -> None:
    """Type stored values into the page of a protocol form, in the order of its items."""
    for item in form.items:
        if item.name in values and not item.is_calculated:
            _answer(page, item, values[item.name])


def _answer(page: Page, item: Item, value: Any) -> None:
    label = item.label.in_language("en")
    if item.type in ("yes_no", "choice"):
        _pick(page, label, code_words(value, item))
        return
    parts = typed(value, item)
    if item.type == "partial_date":
        _partial_date(group(page, label), parts)
        return
    field(page, label).fill(parts[""])
    if item.units and parts["unit"] != item.unit:
        page.get_by_label(f"Unit of {label}", exact=True).select_option(parts["unit"])


def _pick(page: Page, label: str, answer: str) -> None:
    """Choose a radio button or, for a long list, an option."""
    listed = page.get_by_role("combobox", name=named(label))
    if listed.count():
        listed.select_option(label=answer)
    else:
        choose(page, label, answer)


def _partial_date(asked: Locator, parts: Mapping[str, str]) -> None:
    asked.get_by_label("Day", exact=True).fill(parts["day"])
    asked.get_by_label("Month", exact=True).select_option(parts["month"])
    asked.get_by_label("Year", exact=True).fill(parts["year"])


class Seen(NamedTuple):
    """A page that somebody saw: its URL, the HTML sent, and the text."""

    address: str
    sent: str
    read: str


class Walk:
    """Several people, each with a browser, and the errors that browsers and axe found on their pages."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self.browser, self.base_url = browser, base_url
        self.faults: list[str] = []
        self.seen: dict[str, list[Seen]] = {}
        self._looked: set[str] = set()

    def arrive(self, person: User) -> Page:
        """Return the page of somebody who has just signed in."""
        page = self.open()
        sign_in(page, person)
        return page

    def open(self) -> Page:
        """Return an empty page in a new browser context."""
        context = self.browser.new_context(base_url=self.base_url, viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: self._heard(page, said.type, said.text))
        page.on("pageerror", lambda fault: self._heard(page, "error", str(fault)))
        return page

    def look(self, page: Page, *, by: str = "") -> None:
        """Run axe on the page, once per kind of URL, and keep what was sent to and read by `by`."""
        expect(page.get_by_role("main")).to_be_visible()
        if by:
            read = page.locator("body").inner_text()
            self.seen.setdefault(by, []).append(Seen(page.url, page.content(), read))
        address = page.url.partition("?")[0].partition("#")[0]
        # A form is one kind of page, whatever the visit.
        kind = re.sub(r"/\d+/", "/1/", re.sub(r"/visits/[^/]+/", "/visits/1/", address))
        if kind in self._looked:
            return
        self._looked.add(kind)
        for rule in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]:
            self.faults.append(f"{address}: {rule['id']}: {[node['html'][:160] for node in rule['nodes']]}")

    def _heard(self, page: Page, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(f"{page.url}: {text}")
