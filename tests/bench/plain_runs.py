"""The scenarios of the bench on the plain admin."""

from tests.bench.client import Visitor, csrf_token
from tests.bench.figures import Figures, Series
from tests.bench.fill import PASSWORD
from tests.bench.servers import Server, serving

ADD = "/admin/subject/vitals/add/"
EVENTS = "/admin/subject/event/"
TIMES = 15


def signed_in(server: Server) -> Visitor:
    """Return a client signed in as the superuser."""
    visitor = Visitor(server.port)
    page = visitor.get("/admin/login/")
    fields = [("csrfmiddlewaretoken", csrf_token(page.text)), ("username", "bench"), ("password", PASSWORD)]
    visitor.post("/admin/login/?next=/admin/", fields)
    return visitor


def run(figures: Figures, environment: dict[str, str]) -> None:
    """Measure a page of a hundred events. `pairs` measures the saves."""
    with serving("tests.bench.plain.wsgi", environment) as server:
        figures.plain["listing of 100,000 events"] = read(server, signed_in(server))


def saved(server: Server, visitor: Visitor, times: int) -> Series:
    """Save one row repeatedly, each time with another value; the first twenty saves are not counted."""
    token = csrf_token(visitor.get(ADD).text)
    fields = [
        ("csrfmiddlewaretoken", token), ("patient", "P-001"), ("visit", "D1"), ("measured_on", "2025-03-03"),
        ("temperature", "37.2"), ("heart_rate", "88"), ("respiratory_rate", "20"), ("systolic", "131"),
        ("diastolic", "78"), ("saturation", "93"), ("weight", "82.4"), ("height", "178"), ("oxygen_flow", "4.0"),
        ("oxygen_fraction", "36"), ("coma_scale", "15"), ("position", "supine"), ("consciousness", "alert"),
        ("pain", "2"), ("device", "mask"), ("assessor", "nurse"),
    ]  # fmt: skip
    visitor.post(ADD, [*fields, ("comment", "first")])
    change = "/admin/subject/vitals/1/change/"
    seconds, before = [], 0.0
    for number in range(times + 20):
        if number == 20:
            before = server.cpu_seconds()
        answer = visitor.post(change, [*fields, ("comment", f"seen {number}")])
        if answer.status != 302:
            raise RuntimeError(f"saving in the plain admin answered {answer.status}")
        if number >= 20:
            seconds.append(answer.seconds)
    return Series(seconds, server.cpu_seconds() - before)


def read(server: Server, visitor: Visitor) -> Series:
    """Request the first page of events repeatedly; the first two requests are not counted."""
    for _each in range(2):
        visitor.get(EVENTS)
    before = server.cpu_seconds()
    seconds = [visitor.get(EVENTS).seconds for _each in range(TIMES)]
    return Series(seconds, server.cpu_seconds() - before)
