"""The scenarios of the bench on Stroma, over HTTP with one client and two workers."""

import json
import os
import subprocess
import sys
import time
import uuid
from urllib.parse import urlencode

from tests.bench import case_reports, paper
from tests.bench.client import Visitor, csrf_token, hidden_fields
from tests.bench.figures import Figures, Series
from tests.bench.fill import PASSWORD
from tests.bench.servers import ROOT, Server, serving

PATIENT = "/trials/bench/patients/BEN-0001/"
FORM = f"{PATIENT}visits/D126/measures/"
WIDE = f"{PATIENT}visits/SCR/wide/"
EVENT_COLUMNS = (
    "patient", "number", "term", "kind", "aesi", "grade", "serious", "seriousness", "related", "causality", "class",
    "onset", "onset_day", "since_infusions", "ongoing", "end", "outcome", "review", "clock", "due_at", "reported",
    "expectedness", "case_due_at", "in_error",
)  # fmt: skip
PAGES = {
    "casebook, 20 visits": PATIENT,
    "home, 50 patients": "/trials/bench/",
    "listing of 100,000 events": "/trials/bulk/adverse-events/",
    "the same, all columns": f"/trials/bulk/adverse-events/?{urlencode({'columns': EVENT_COLUMNS}, doseq=True)}",
    "form page, 30 items": FORM,
}
TIMES = 40


def signed_in(server: Server, role: str) -> Visitor:
    """Return a client signed in as the person with a role."""
    visitor = Visitor(server.port)
    page = visitor.get("/accounts/login/")
    fields = [("csrfmiddlewaretoken", csrf_token(page.text)), ("login", role), ("password", PASSWORD)]
    answer = visitor.post("/accounts/login/", fields)
    if answer.status != 302:
        raise RuntimeError(f"signing in answered {answer.status}")
    return visitor


def run(figures: Figures, environment: dict[str, str]) -> None:
    """Measure the pages, the export and the commands."""
    statements = counted(environment)
    with serving("config.wsgi", environment) as server:
        visitor = signed_in(server, "coordinator")
        figures.series["live answer, 72 items"] = asked(server, visitor)
        for name, path in PAGES.items():
            figures.series[name] = read(server, visitor, path, statements[path])
    with serving("config.wsgi", environment) as server:
        exported(figures, server)
    paper.printed(figures, environment)
    case_reports.reported(figures)
    figures.note(f"check {command_seconds(environment, 'check'):.1f} s")
    figures.note_lines(printed_by("tests.bench.rows", environment))
    figures.note_lines(printed_by("tests.bench.whole_study", environment))
    figures.note_lines(printed_by("tests.bench.writers", environment))
    figures.note_lines(printed_by("tests.bench.tabulated", environment))
    figures.note_lines(printed_by("tests.bench.odm", environment))
    figures.note_lines(printed_by("tests.bench.dependent_checks", environment))
    figures.note_lines(printed_by("tests.bench.grading", environment))
    figures.note_lines(printed_by("tests.bench.look_back", environment))
    figures.note_lines(printed_by("tests.bench.laboratory", environment))
    figures.note_lines(printed_by("tests.bench.outcomes_polars", environment))
    figures.note_lines(printed_by("tests.bench.packs", environment))


def counted(environment: dict[str, str]) -> dict[str, int]:
    """Return the number of SQL statements of one save and of each page, counted in a separate process."""
    command = [sys.executable, "-m", "tests.bench.statements", json.dumps(list(PAGES.values())), FORM]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def answers(number: int) -> list[tuple[str, str]]:
    """Return the inputs of the form `measures`; their values depend on `number`."""
    fields = [(f"v{index:02}", f"{390 - index * 15},{number % 100:02}") for index in range(1, 21)]
    fields += [(f"v{index:02}", "Y") for index in range(21, 26)]
    return [
        *fields,
        ("kind", "B"),
        ("detail", f"seen {number}"),
        ("measured_at", "03-Mar-2025 09:30"),
        ("remark", ""),
    ]


def saved(server: Server, visitor: Visitor, times: int, statements: int) -> Series:
    """Save the form repeatedly, each time with other values; the first twenty saves are not counted."""
    page = visitor.get(FORM)
    hidden = [pair for pair in hidden_fields(page.text) if pair[0] not in {"_version", "_key"}]
    seconds, before = [], 0.0
    version = int(dict(hidden_fields(page.text))["_version"])
    for number in range(times + 20):
        if number == 20:
            before = server.cpu_seconds()
        sent = [*hidden, ("_version", str(version)), ("_key", uuid.uuid4().hex), ("_action", "draft")]
        answer = visitor.post(FORM, [*sent, *answers(number)])
        if answer.status != 302:
            raise RuntimeError(f"saving answered {answer.status}: {answer.text[:2000]}")
        version += 1
        if number >= 20:
            seconds.append(answer.seconds)
    return Series(seconds, server.cpu_seconds() - before, statements)


def asked(server: Server, visitor: Visitor) -> Series:
    """Request the check of sixty typed and twelve calculated values repeatedly, as after each change of a field."""
    hidden = hidden_fields(visitor.get(WIDE).text)
    seconds, before = [], 0.0
    for number in range(TIMES + 5):
        if number == 5:
            before = server.cpu_seconds()
        typed = [(f"w{index:02}", f"{400 + index * 3},{number:02}") for index in range(1, 61)]
        units = [(f"w{index:02}-unit", "mg/dL") for index in range(5, 61, 5)]
        answer = visitor.post(f"{WIDE}check/", [*hidden, *typed, *units])
        if answer.status != 200 or "value-s12" not in answer.text:
            raise RuntimeError(f"the live answer was {answer.status}")
        if number >= 5:
            seconds.append(answer.seconds)
    return Series(seconds, server.cpu_seconds() - before)


def read(server: Server, visitor: Visitor, path: str, statements: int) -> Series:
    """Request a page forty times, after five requests that are not counted."""
    for _each in range(5):
        visitor.get(path)
    before = server.cpu_seconds()
    answers_ = [visitor.get(path) for _each in range(TIMES)]
    if any(answer.status != 200 for answer in answers_):
        raise RuntimeError(f"{path} answered {answers_[0].status}")
    return Series([answer.seconds for answer in answers_], server.cpu_seconds() - before, statements)


def exported(figures: Figures, server: Server) -> None:
    """Export the whole study by its page; add duration, size and peak memory of a worker as notes."""
    visitor = signed_in(server, "data_manager")
    page = visitor.get("/trials/bulk/exports/")
    server.forget_peaks()
    start = server.peak_megabytes()
    fields = [("csrfmiddlewaretoken", csrf_token(page.text)), ("purpose", "bench")]
    begun = time.perf_counter()
    answer = visitor.post("/trials/bulk/exports/", fields)
    seconds = time.perf_counter() - begun
    if answer.status != 200:
        raise RuntimeError(f"the export answered {answer.status}")
    size = len(answer.body) / 1e6
    figures.note(
        f"whole study with 100,000 events, 1,000,000 item values and their trail: {seconds:.1f} s, {size:.1f} MB zipped"
    )
    figures.note(
        f"peak memory of a worker: {start:.0f} MB before, {server.peak_megabytes():.0f} MB after the export"
    )


def command_seconds(environment: dict[str, str], *arguments: str) -> float:
    """Return the seconds that a management command takes, with the start of its process."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - begun


def printed_by(module: str, environment: dict[str, str]) -> str:
    """Return the lines that a module of the bench prints in a process of its own."""
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
