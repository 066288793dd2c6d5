"""Every entry of the trail says in words what it is about and what changed: on the page, in the CSV and on paper."""

import csv
import io
import re

import pytest

from audit.context import acting
from audit.trail import tracked_models
from audit.trail_reading import row_titles
from audit.trail_reading.change_labels import Reader, changes
from audit.trail_reading.devices import device_words
from exports.paper.audience import Audience
from exports.paper.trail import trail_part
from patients.models import DataLock, Mark, Record, Visit
from safety.models import AdverseEvent
from tests.support import build
from tests.support.database import tracked_rows
from tests.support.pages.trail_pages import cells_of, lines, url, vitals
from trials.models import Laboratory, ReferenceRange

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]
# What only a machine reads: JSON, a row by its number, a time of ISO 8601, a name of Python.
FOR_MACHINES = re.compile(
    r"""[{}]|\b(?:record|visit|patient|query|lock|trial|user)\ \d{3,}\b|\d{4}-\d\d-\d\dT|__\w""",
    re.VERBOSE | re.I,
)
EVERYTHING = frozenset({"see_identity", "see_treatment", "see_people", "see_files"})


@pytest.fixture
def inspector(trial):
    return build.user("inspector", trial=trial)


def test_every_audited_table_has_a_title_of_its_own():
    """AUD-02."""
    assert row_titles.named_models() == {model._meta.label_lower for model in tracked_models()}


@pytest.mark.parametrize("label", sorted(model._meta.label_lower for model in tracked_models()))
def test_the_entries_of_every_audited_table_are_in_words(trial, label):
    """AUD-02, AUD-11: subject and every change, with all that a row of the table refers to."""
    model = next(each for each in tracked_models() if each._meta.label_lower == label)
    with acting(system="test", reason="the reason of the test"):
        row = tracked_rows.stored(model)
    history = row.history.order_by("history_id").first()
    reader = Reader(language="en", zone="Europe/Brussels", may=EVERYTHING)
    reader.collect([history])

    told = [row_titles.title(model, history, reader)]
    told += [text for change in changes(model, None, history, reader) for text in (change.label, change.new)]

    assert told[0]
    assert [text for text in told if FOR_MACHINES.search(text)] == []


def test_page_csv_and_paper_say_the_same_subject_in_words(trial, inspector):
    """AUD-02: a lock, a range, a mark undone by a change, a query, a visit."""
    patient = build.patient(trial=trial)
    visit = Visit.objects.get(patient=patient, code="D28")
    record = vitals(patient, temp="37.34")
    user = build.user("data_manager", trial=trial)
    with acting(user=user, role="data_manager", reason="all in"):
        DataLock.objects.create(
            level="visit",
            kind="lock",
            trial=trial,
            patient=patient,
            visit=visit,
            set_by=user,
            reason="all in",
        )
        Mark.objects.create(
            patient=patient,
            record=record,
            item="temp",
            kind="verification",
            version=1,
            by=user,
            role="monitor",
        )
        Record.objects.filter(pk=record.pk).update(values={"temp": "37.9"})
        laboratory = Laboratory.objects.create(trial=trial, code="x", name="Central", is_default=False)
        ReferenceRange.objects.create(
            laboratory=laboratory,
            form="biochemistry",
            item="crp",
            age_from=0,
            effective_from="2026-01-01",
            upper=5,
        )
    shown = lines(inspector, trial, order="oldest")
    titles = [line.subject.title for line in shown]

    assert "Lock of Day 28" in titles
    assert "Reference range of C-reactive protein, laboratory Central" in titles
    temperature = patient.protocol.rules.forms["vitals"].item("temp").label.in_language("en")
    assert f"Source verification of {temperature} · Vital signs, row 1" in titles
    undone = next(
        line for line in shown if line.subject.title.startswith("Source ver") and line.kind == "Changed"
    )
    assert any(
        label == temperature and old[:5] == "37.34" and new[:4] == "37.9"
        for label, old, new in cells_of(undone)
    )

    csv.field_size_limit(10_000_000)
    content = b"".join(build.client(inspector).get(url(trial, format="csv")).streaming_content).decode(
        "utf-8-sig"
    )
    # The text of a protocol file is told as it was loaded.
    rows = [row for row in csv.DictReader(io.StringIO(content)) if row["field"] != "text"]
    assert {row["subject"] for row in rows} == set(titles)
    assert [row for row in rows if FOR_MACHINES.search(f"{row['subject']} {row['old']} {row['new']}")] == []

    paper = trail_part(patient.pk, Audience(trial, EVERYTHING))
    assert {part["subject"] for part in paper} <= set(titles)
    assert all(re.search(r" [+-]\d\d:\d\d$", part["when"]) and part["utc"].endswith("UTC") for part in paper)


def test_a_mark_on_a_fact_outside_the_forms_says_what_it_is_on_and_what_undid_it(trial, inspector):
    """AUD-02: the item with the event, and the values before and after; a mark on the whole row names the row."""
    event = build.event(patient=build.enrolled(trial=trial), term="Cough", grade=1)
    marked = {"patient": event.patient, "target": "adverse_event", "target_id": event.pk, "by": inspector}
    with acting(system="test"):
        for item in ("grade", ""):
            Mark.objects.create(item=item, kind="verification", role="monitor", **marked)
        AdverseEvent.objects.filter(pk=event.pk).update(grade=2)
    found = [line for line in lines(inspector, trial) if line.subject.title.startswith("Source ver")]
    of_grade, of_event = sorted(
        {line.subject.title for line in found}, key=lambda title: "Grade" not in title
    )

    assert of_grade.startswith("Source verification of Grade · ")
    assert of_grade.removeprefix("Source verification of Grade · ") == of_event.removeprefix(
        "Source verification of "
    )
    undone = [line for line in found if line.kind == "Changed"]
    assert len(undone) == 2
    assert all(("Grade", "1", "2") in cells_of(line) for line in undone)


def test_an_entry_tells_device_session_and_address(trial):
    """AUD-02: the browser names itself when the person signs in; the entries of that session say it in words."""
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36"
    inspector = build.user("inspector", trial=trial)
    browser = build.client(inspector)
    browser.get(url(trial, format="csv"), HTTP_USER_AGENT=agent, REMOTE_ADDR="192.0.2.7")
    session = lines(inspector, trial, kind="exported")[0].entry.session
    line = lines(inspector, trial, session=session)[0]

    assert (line.device, line.agent, line.entry.address) == ("Chrome on Windows", agent, "192.0.2.7")


AGENTS = {
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605.1.15": "Safari on macOS",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Firefox on Linux",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36 Edg/126.0": "Edge on Windows",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) CriOS/126.0 Mobile Safari/604.1": "Chrome on iOS",
    "Mozilla/5.0 (Linux; Android 14) SamsungBrowser/25.0 Chrome/121.0": "Samsung Internet on Android",
    "Ward browser 7": "Ward browser 7",
    "curl/8.5.0": "curl",
    "": "",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_browser_is_named_by_its_family_and_system(agent):
    """AUD-02."""
    assert device_words(agent) == AGENTS[agent]
