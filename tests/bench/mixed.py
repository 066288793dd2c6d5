"""The mixed load: forty people request home, casebook, form, live check, save and listing in turn, without pauses."""

import threading
import time
from collections.abc import Iterator
from itertools import cycle

from tests.bench.client import Answer, Visitor, hidden_fields
from tests.bench.servers import Server
from tests.bench.stroma_runs import answers, signed_in
from tests.bench.timed import flat
from tests.support.pages.html_forms import PageForm, form_with

PEOPLE = 40
# Two people share a session, like two tabs of one browser, because sign-ins per address are limited.
SESSIONS = 20


class Load:
    """Measure one turn of a server for a number of seconds. The sessions of each server are kept between turns."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._sessions: dict[int, list[Visitor]] = {}

    def __call__(self, server: Server) -> dict[str, float]:
        """Return requests per second, CPU per request, median and 95th percentile of the wait, peak memory of a worker.

        Raises RuntimeError if a request fails.
        """
        if server.port not in self._sessions:
            self._sessions[server.port] = [signed_in(server, "coordinator") for _each in range(SESSIONS)]
        people = [
            Person(server.port, number + 1, session.cookies)
            for number, session in zip(range(PEOPLE), cycle(self._sessions[server.port]), strict=False)
        ]
        server.forget_peaks()
        before, begun = server.cpu_seconds(), time.perf_counter()
        for person in people:
            person.start()
        time.sleep(self.seconds)
        for person in people:
            person.leaving = True
        for person in people:
            person.join()
        seconds = time.perf_counter() - begun
        if faults := [person.fault for person in people if person.fault]:
            raise RuntimeError(f"{len(faults)} of {PEOPLE} people were stopped: {faults[0]}")
        waits = sorted(wait for person in people for wait in person.waits)
        return {
            "requests/s": len(waits) / seconds,
            "CPU ms of a request": (server.cpu_seconds() - before) / len(waits) * 1000,
            "wait, median ms": waits[len(waits) // 2] * 1000,
            "wait, 95 of 100 ms": waits[len(waits) * 95 // 100] * 1000,
            "most memory of a worker, MB": server.peak_megabytes(),
        }


class Person(threading.Thread):
    """One of the forty people, who works on a patient of their own."""

    def __init__(self, port: int, number: int, cookies: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.visitor = Visitor(port, dict(cookies))
        self.number = number
        self.casebook = f"/trials/bench/patients/BEN-{number:04}/"
        self.form = f"{self.casebook}visits/D126/measures/"
        self.waits: list[float] = []
        self._page: PageForm | None = None
        self.fault = ""
        self.leaving = False

    def run(self) -> None:
        """Repeat the requests until `leaving` is set; keep the fault that stopped them."""
        try:
            while not self.leaving:
                for answer in self._way():
                    self.waits.append(answer.seconds)
                    if answer.status not in (200, 302):
                        raise RuntimeError(f"{answer.status}: {answer.text[:500]}")
                    if self.leaving:
                        break
        except Exception as fault:
            self.fault = f"{self.casebook}: {fault!r}"

    def _way(self) -> Iterator[Answer]:
        visitor, result = self.visitor, dict(answers(self.number + len(self.waits)))
        yield visitor.get("/trials/bench/")
        yield visitor.get(self.casebook)
        page = visitor.get(self.form)
        yield page
        form = self._form_of(page.text)
        yield visitor.post(f"{self.form}check/", flat(form.sent(**result)))
        yield visitor.post(self.form, flat(form.sent(button=form.button(id="save"), **result)))
        yield visitor.get("/trials/bench/patients/")

    def _form_of(self, page: str) -> PageForm:
        """Return the form of a page. Only the first page is read as a whole, the others for their hidden inputs.

        Reading one whole takes the client as long as the server takes for two saves, on the same processors.
        """
        if self._page is None:
            self._page = form_with(page, id="entry")
        self._page.fields |= {name: [value] for name, value in hidden_fields(page)}
        return self._page
