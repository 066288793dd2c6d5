"""A user who works by keyboard alone: Tab, check the focus, answer, go on.

Nothing here clicks, fills in or sets the focus. Every key is counted, and at every stop it is checked that the
focus is visible.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone
from playwright.sync_api import Error, Page

from protocol.document.items import Form, Item
from protocol.values.labels import code_words, is_missing, typed, unit_words
from protocol.values.moments import Moment
from protocol.values.parsing import SHORTCUT_TYPES

# A link that breaks over two lines begins in its first box.
LOOK = """() => {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const text = (found) => found ? (found.innerText || found.textContent).replace(/\\s+/g, " ").trim() : "";
  const label = node.labels && node.labels[0], box = node.getClientRects()[0] || node.getBoundingClientRect();
  const ring = [node, ...(label ? [label] : [])].some((each) => {
    const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  });
  const [x, y] = [box.left + Math.min(box.width / 2, 12), box.top + Math.min(box.height / 2, 12)];
  const top = document.elementFromPoint(x, y), open = top && (node.contains(top) || label && label.contains(top));
  const exempt = node.id === "main" || node.closest("svg");
  return {
    tag: node.tagName.toLowerCase(), type: node.type || "", name: node.name || "", value: node.value || "",
    text: node.getAttribute("aria-label") || text(label) || text(node), chosen: Boolean(node.checked),
    form: node.form ? node.form.id || "step" : "", wrong: node.matches(".error-summary, .error-summary *"),
    options: [...node.options || []].map((option) => option.text.trim()), at: node.selectedIndex ?? 0,
    hidden: exempt ? "" : !ring ? "without a ring" : !open ? "covered or out of sight" : "",
  };
}"""
# Set before leaving: once it is gone, the next page has loaded; it is ready when the browser has set the focus.
LEAVING = "window.leaving = true"
ARRIVED = """!window.leaving && document.readyState === "complete" && (document.activeElement !== document.body
  || ![...document.querySelectorAll("[autofocus]")].some((node) => node.checkVisibility()))"""
# A change of the form is asked about a tenth of a second later, on a busy machine later still: the answer has come when
# nothing was changed since the last request, and that request has ended.
ASKING = """
  addEventListener("change", (event) => { window.unasked ||= Boolean(event.target.closest("#entry")); }, true);
  addEventListener("htmx:beforeRequest", () => { window.unasked = false; });
"""
ANSWERED = "!window.unasked && !document.querySelector('.htmx-request')"
DOUBTED = """[...document.querySelectorAll('.confirm:not([hidden]) input')]
  .filter((input) => input.checkVisibility() && !input.value).map((input) => input.name)"""
OFFERED = """(id) => { const button = document.querySelector(`[data-fill="${id}"]`);
  return button && button.checkVisibility() ? button.dataset.value : ""; }"""
UNIT = "(name) => document.querySelector(`[name='${name}']`).value"
STRAY = "addEventListener('pointerdown', () => console.error('a mouse was used'), true)"
SAVING = ("draft", "next")
PARTS = ("missing", "reason", "unit", "confirm")


class Stop(NamedTuple):
    """The focused element; `hidden` is the reason why it would not be visible."""

    tag: str
    type: str
    name: str
    value: str
    text: str
    chosen: bool
    form: str
    wrong: bool
    options: list[str]
    at: int
    hidden: str


class Entered(NamedTuple):
    """Cost of one form: keys, Tabs before its first field, seconds of the machine."""

    visit: str
    form: str
    keys: int
    tabs_before: int
    seconds: float


class Keyboard:
    """One user at a keyboard."""

    def __init__(self, page: Page) -> None:
        self.page, self.keys, self.last = page, 0, ""
        self.faults: list[str] = []
        self.on_arrival: Callable[[Page], None] | None = None
        page.add_init_script(STRAY)
        page.add_init_script(ASKING)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        self.keys += len(keys)

    def type(self, text: str) -> None:
        """Type a text."""
        self.page.keyboard.type(text)
        self.keys += len(text)

    def here(self) -> Stop | None:
        """Return the focused element, or None; record a fault if it is not visible."""
        found = self.page.evaluate(LOOK)
        if found is None:
            return None
        stop = Stop(**found)
        self.last = f"{stop.name} {stop.text} {stop.value}"
        if stop.hidden:
            self.faults.append(f"{self.page.url}: {stop.hidden}: {stop.tag} {stop.name} {stop.text[:60]}")
        return stop

    def stop(self) -> Stop:
        """Return the focused element. Fails if there is none."""
        found = self.here()
        assert found is not None, f"{self.page.url}: the focus is lost after {self.last}"
        return found

    def to(self, name: str, *, key: str = "Tab", within: int = 100) -> Stop:
        """Press `key` until an element with this text or input name has the focus, and return it."""
        wanted = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        for _ in range(within):
            self.press(key)
            found = self.here()
            if found and found.tag != "main" and (found.name == name or wanted.search(found.text)):
                return found
        raise AssertionError(f"{self.page.url}: {name} is not reached within {within} strokes of {key}")

    def write(self, **answers: str) -> None:
        """Type answers into the inputs with these names, in Tab order."""
        for name, text in answers.items():
            self.to(name)
            self.type(text)

    def goto(self, address: str) -> None:
        """Open a URL and wait for the page."""
        self.page.goto(address)
        self.until(ARRIVED)

    def away(self, *keys: str) -> Stop | None:
        """Press keys that lead to another page. Return the element focused there."""
        self.page.evaluate(LEAVING)
        self.press(*keys)
        self.until(ARRIVED)
        if self.on_arrival:
            self.on_arrival(self.page)
        return self.here()

    def until(self, holds: str) -> None:
        """Wait for a condition in the page, or in the page that replaces it."""
        for _ in range(1500):
            try:
                if self.page.evaluate(holds):
                    return
            except Error as gone:
                if "Execution context was destroyed" not in gone.message:
                    raise
            self.page.wait_for_timeout(10)
        raise AssertionError(f"{self.page.url}: in vain for {holds}")

    def follow(self, name: str) -> Stop | None:
        """Skip the navigation, go to a link or button and press Enter."""
        self.press("Tab", "Enter")
        self.to(name)
        return self.away("Enter")

    def settle(self) -> None:
        """Wait until the server has answered the last input, as a slower typist would."""
        self.until(ANSWERED)

    def choose(self, answer: str) -> None:
        """Choose an answer by its first letters; in a list, with the arrow keys if they are ambiguous."""
        stop, first = self.stop(), answer.split()[0].lower()
        if stop.tag != "select":
            return self.letter(answer)
        if first.isascii() and sum(text.lower().startswith(first) for text in stop.options) == 1:
            return self.type(first)
        steps = stop.options.index(answer) - stop.at
        return self.press(*["ArrowDown" if steps > 0 else "ArrowUp"] * abs(steps))

    def letter(self, answer: str) -> None:
        """Press the first letter of an answer until that answer is chosen."""
        name = self.stop().name
        for _ in range(12):
            self.press(answer[0].lower())
            stop = self.stop()
            # Only one answer begins with this letter: it is chosen, and the focus has gone on.
            if stop.name != name:
                return
            if stop.text == answer and (stop.chosen or stop.type == "checkbox"):
                return
        raise AssertionError(f"{self.page.url}: {answer} is not found by its first letter")


class Typist(Keyboard):
    """Enters protocol forms."""

    def __init__(self, page: Page, zone: ZoneInfo) -> None:
        super().__init__(page)
        self.zone = zone
        self.entered: list[Entered] = []

    def enter(self, form: Form, values: Mapping[str, Any], day: date | None, *, visit: str) -> None:
        """Answer the open form, confirm its unusual values, and complete it."""
        begun, keys = time.perf_counter(), self.keys
        before = self.into_the_form()
        self.through(form, values, day)
        self.confirm()
        stop = self.away("Control+Enter")
        assert not (stop and stop.wrong), f"{self.page.url}: {stop.text}"
        seconds = time.perf_counter() - begun
        self.entered.append(Entered(visit, form.code, self.keys - keys, before, seconds))

    def into_the_form(self) -> int:
        """Go to the first field. Return the number of Tabs."""
        for tabs in range(60):
            stop = self.here()
            if stop and stop.form == "entry":
                return tabs
            self.press("Tab")
        raise AssertionError(f"{self.page.url}: the form is not reached")

    def through(self, form: Form, values: Mapping[str, Any], day: date | None) -> None:
        """Answer the items, stop by stop, up to the save buttons."""
        shows = " ".join(item.shown_when or "" for item in form.items)
        left = set(values)
        at_once = {item.name for group in form.groups if group.all_no for item in group.items}
        while (stop := self.stop()).form == "entry" and stop.value not in SAVING:
            name, _dash, part = stop.name.partition("-")
            key, went_on = "Tab", False
            if name in at_once and form.item(name).type == "yes_no":
                at_once = self.all_others_no(form, at_once, name, values)
            if name in form and part not in PARTS:
                key = self.answer(stop, form.item(name), part, values.get(name), day)
                went_on = self.stop().name != stop.name
                if form.item(name).type not in ("rows", "partial_date"):
                    left.discard(name)
            if not left:
                # Leaving a number says whether it is unusual.
                self.last_done(key if form.item(name).soft and not went_on else "")
                break
            # A full answer has led on by itself.
            if not went_on:
                self.press(key)
            if (name and re.search(rf"\b{name}\b", shows)) or self.stop().value in SAVING:
                self.settle()

    def last_done(self, key: str) -> None:
        """Go on from the last answer, if it is to be judged before the form is saved."""
        if key:
            self.press(key)
        self.settle()

    def all_others_no(self, form: Form, at_once: set[str], name: str, values: Mapping[str, Any]) -> set[str]:
        """Answer a group with No by one key, unless one of its items has a missing code. Return the groups left."""
        asked = [item.name for item in form.items if item.name in at_once and item.type == "yes_no"]
        if all(values.get(each) in ("Y", "N") for each in asked):
            self.press("Shift+N")
            self.settle()
        return set()

    def answer(self, stop: Stop, item: Item, part: str, value: Any, day: date | None) -> str:
        """Answer one part of an item. Return the key that goes on."""
        if item.type == "rows":
            return self.cell(stop, item, part, value or [], day)
        if value is None or item.type == "file":
            return "Tab"
        if is_missing(value):
            self.missing(item, value["missing"])
        elif item.type in ("choice", "yes_no"):
            if not (stop.chosen and stop.text == code_words(value, item)):
                self.choose(code_words(value, item))
        elif item.type == "choices":
            self.tick(item, value)
        elif item.type == "partial_date":
            self.partial(stop, part, value)
        elif self.is_offered(item, value):
            self.press("=")
        else:
            self.type(self.text(item, value, day))
            if item.units:
                self.unit(item, value)
        return "Tab"

    def unit(self, item: Item, value: Any) -> None:
        """Choose the unit, unless it is the one that is chosen already."""
        wanted = value["unit"] if isinstance(value, Mapping) and "unit" in value else item.unit
        if self.page.evaluate(UNIT, f"{item.name}-unit") != wanted:
            self.press("F4")
            self.choose(unit_words(wanted))

    def is_offered(self, item: Item, value: Any) -> bool:
        """Return True if the page offers this value beside the field."""
        offered = self.page.evaluate(OFFERED, f"id_{item.name}")
        return bool(offered) and offered == typed(value, item)[""] and not isinstance(value, Mapping)

    def missing(self, item: Item, code: str) -> None:
        """Enter a missing code: typed into the field, or by F8 where letters are answers."""
        if item.type in SHORTCUT_TYPES - {"partial_date"}:
            self.type(code.lower())
        else:
            self.press("F8", "ArrowDown", *["ArrowDown"] * item.missing.index(code))

    def tick(self, item: Item, codes: list[str]) -> None:
        """Check several boxes, moving with the arrow keys."""
        at = 0
        for position in sorted(item.codes.index(code) for code in codes):
            self.press(*["ArrowDown"] * (position - at), "Space")
            at = position

    def partial(self, stop: Stop, part: str, value: str) -> None:
        """Type a complete date at once, a partial one part by part."""
        if len(value) == 10 and part == "day":
            self.type(f"{date.fromisoformat(value):%d%b%Y}".lower())
        elif len(value) < 10:
            given = typed(value, Item(name="when", type="partial_date", label={"en": "When"}))[part]
            if part == "month" and given.isdigit():
                self.press(*["ArrowDown"] * (len(stop.options) - 13 + int(given) - stop.at))
            else:
                self.type(given)

    def cell(self, stop: Stop, item: Item, part: str, rows: list[Mapping[str, Any]], day: date | None) -> str:
        """Fill in a cell of a table. Return the key that goes on; in an empty row it leaves the table."""
        number, _dash, name = part.partition("-")
        if not number.isdigit():
            return "Tab"
        value = rows[int(number)].get(name) if int(number) < len(rows) else None
        if value is None:
            return "Enter"
        column = item.column(name)
        if column.type in ("choice", "yes_no"):
            codes = [*column.codes, *column.missing]
            self.choose(stop.options[1 + codes.index(value["missing"] if is_missing(value) else value)])
        else:
            self.type(value["missing"].lower() if is_missing(value) else self.text(column, value, day))
        return "Enter"

    def text(self, item: Item, value: Any, day: date | None) -> str:
        """Return the shortest text for a stored value."""
        if item.type in ("date", "datetime"):
            return self.moment(Moment.from_iso(value), item, day)
        if item.type in ("integer", "decimal"):
            return str(typed(value, item)[""]).replace(".", ",")
        return str(value)

    def moment(self, moment: Moment, item: Item, day: date | None) -> str:
        """Return a date by its letter or in short form, and the time."""
        on, today = moment.date, timezone.localdate(timezone=self.zone)
        assert on is not None
        letters = {today: "t", today - timedelta(days=1): "y", day: "v"}
        short = letters.get(on) or f"{on:%d%b%y}".lower().lstrip("0")
        if item.type == "date":
            return short
        if on == day and moment.hour is not None:
            return f"{moment.hour}:{moment.minute:02}"
        return f"{short} unk" if moment.hour is None else f"{short} {moment.hour}:{moment.minute:02}"

    def confirm(self) -> None:
        """Give a reason for each unusual value."""
        doubted = self.page.evaluate(DOUBTED)
        for _name in doubted:
            self.press("F7")
            self.type("seen again")
        if doubted:
            self.settle()
