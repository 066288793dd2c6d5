"""Measure single requests: CPU and wall time of a page, a live check or a save in milliseconds, one at a time."""

import os
import time
from collections.abc import Callable
from statistics import median

from tests.bench.client import Visitor
from tests.bench.servers import Server
from tests.bench.stroma_runs import FORM, PATIENT, WIDE, answers, signed_in
from tests.support.pages.html_forms import form_with

PAGES = {
    "form page, 30 items": ("coordinator", FORM),
    "home, 50 patients": ("coordinator", "/trials/bench/"),
    "casebook, 20 visits": ("coordinator", PATIENT),
    "trail page": ("data_manager", "/trials/bench/trail/"),
    "lock checklist": ("data_manager", "/trials/bench/lock/"),
}
# The trial with many rows; once in a turn, because it takes as long as everything else.
WHOLE_TRAIL = ("data_manager", "/trials/bulk/trail/?format=csv")
TIMES = int(os.environ.get("TIMES") or 10)
WARMING = 3

Sent = list[tuple[str, str]]


def flat(fields: dict[str, list[str]]) -> Sent:
    """Return the inputs of a form as pairs of name and text."""
    return [(name, text) for name, texts in fields.items() for text in texts]


class Figures:
    """Measure one turn of a server. The signed-in clients of each server are kept between turns."""

    def __init__(self) -> None:
        self._people: dict[tuple[int, str], Visitor] = {}
        self._saves = 0

    def __call__(self, server: Server) -> dict[str, float]:
        """Return the figures of one turn by name."""
        found: dict[str, float] = {}
        for name, (role, path) in PAGES.items():
            visitor = self._person(server, role)
            found |= self._measured(server, name, lambda visitor=visitor, path=path: expect(visitor, path))
        found |= self._whole_trail(server)
        desk = self._person(server, "coordinator")
        asked = flat(form_with(desk.get(WIDE).text, id="entry").sent(**filled_wide()))
        found |= self._measured(server, "live answer, 72 items", lambda: answered(desk, asked))
        found |= self._saved(server, desk)
        return found

    def _person(self, server: Server, role: str) -> Visitor:
        key = (server.port, role)
        if key not in self._people:
            self._people[key] = signed_in(server, role)
        return self._people[key]

    def _measured(self, server: Server, name: str, ask: Callable[[], float]) -> dict[str, float]:
        for _each in range(WARMING):
            ask()
        before = server.cpu_seconds()
        seconds = [ask() for _each in range(TIMES)]
        cpu = (server.cpu_seconds() - before) / TIMES
        return {f"{name}: CPU ms": cpu * 1000, f"{name}: wall ms": median(seconds) * 1000}

    def _whole_trail(self, server: Server) -> dict[str, float]:
        """Download the trail of the large trial as CSV; aim: at most 0.35 of the commit 8cae21f."""
        role, path = WHOLE_TRAIL
        visitor = self._person(server, role)
        before = server.cpu_seconds()
        seconds = expect(visitor, path)
        cpu, name = server.cpu_seconds() - before, "CSV of the whole trail"
        return {f"{name}: CPU ms": cpu * 1000, f"{name}: wall ms": seconds * 1000}

    def _saved(self, server: Server, desk: Visitor) -> dict[str, float]:
        """Save the form repeatedly. Each save starts from a fresh page, whose request is not counted."""
        cpu, seconds = [], []
        for number in range(TIMES + WARMING):
            self._saves += 1
            form = form_with(desk.get(FORM).text, id="entry")
            sent = flat(form.sent(button=form.button(id="save"), **dict(answers(self._saves))))
            before = server.cpu_seconds()
            answer = desk.post(FORM, sent)
            if answer.status != 302:
                raise RuntimeError(f"saving answered {answer.status}: {answer.text[:2000]}")
            if number >= WARMING:
                cpu.append(server.cpu_seconds() - before)
                seconds.append(answer.seconds)
        name = "save a 30-item form"
        return {f"{name}: CPU ms": median(cpu) * 1000, f"{name}: wall ms": median(seconds) * 1000}


def filled_wide() -> dict[str, str]:
    """Return sixty numbers, every fifth in another unit."""
    typed = {f"w{index:02}": f"{400 + index * 3},{time.monotonic_ns() % 100:02}" for index in range(1, 61)}
    return typed | {f"w{index:02}-unit": "mg/dL" for index in range(5, 61, 5)}


def expect(visitor: Visitor, path: str) -> float:
    """Request a page and return the seconds. Raises RuntimeError unless the status is 200."""
    answer = visitor.get(path)
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return answer.seconds


def answered(desk: Visitor, asked: Sent) -> float:
    """Request the check of the wide form and return the seconds. Raises RuntimeError if it fails."""
    answer = desk.post(f"{WIDE}check/", asked)
    if answer.status != 200 or "value-s12" not in answer.text:
        raise RuntimeError(f"the live answer was {answer.status}")
    return answer.seconds
