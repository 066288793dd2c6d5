"""Every file that leaves the system by any channel is in the export register, whole or broken off."""

import csv
import hashlib
import io

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from exports.register_page import LISTINGS, STATUS_CHOICES
from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES, sample
from tests.support.pages.clicking import plain
from tests.trials.test_access_matrix import ALL
from trials.blinding.unblinded_files import LINE
from trials.calendar_addresses import make_calendar_address
from trials.permissions import Permission as P

pytestmark = pytest.mark.django_db
# An address that sends a file only when it is asked for one.
ASKED = {"format": "csv"}


def register_of(reader, trial, **filters):
    """Return the register as this reader sees it: the lines of its CSV."""
    answer = build.client(reader).get(f"/trials/{trial.slug}/register/", {"format": "csv", **filters})
    assert answer.status_code == 200, answer.content
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text.removeprefix(f"{LINE}\r\n"))))


def broken_off(answer):
    """End an answer as the server does when the reader has gone away; the client keeps its database connection."""
    answer._iterator.close()


def body_of(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def is_registered(events, content):
    """Return whether the events of a request register these bytes, at once or with a beginning and an end."""
    told = [event for event in events if "channel" in event.detail]
    whole = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "stage": "finished"}
    return (
        bool(told)
        and {key: told[-1].detail.get(key) for key in whole} == whole
        and told[-1].detail.get("started_as", told[0].pk) == told[0].pk
    )


@pytest.fixture
def inspector(trial):
    return build.user("inspector", trial=trial, full_name="Ines Inspector")


def test_every_address_that_sends_a_file_registers_it_with_the_hash_of_what_was_sent(client):
    """PRV-04: over the whole list of addresses, asked as an inspector and as a coordinator."""
    trial = build.trial(build.COVID_MSV)
    patient = build.enrolled(trial=trial)
    readers = [build.client(build.user(role, trial=trial)) for role in ("inspector", "investigator")]
    kwargs, sending, missed = sample(trial, patient), set(), []
    for name, (see, _change) in sorted(TRIAL_PAGES.items()):
        pattern = next(pattern for each, pattern, _inside in ALL if each == name)
        wanted = {key: kwargs[key] for key in pattern.pattern.converters}
        address = reverse(name, kwargs={"slug": trial.slug, **wanted})
        for reader in readers if see is not None else []:
            newest = AccessEvent.objects.order_by("-pk").first()
            answer = reader.get(address, ASKED)
            if "attachment" not in answer.get("Content-Disposition", ""):
                continue
            content = body_of(answer)
            sending.add(name)
            if not is_registered(AccessEvent.objects.filter(pk__gt=newest.pk).order_by("pk"), content):
                missed.append(name)
    assert missed == []
    assert {
        "patients:queries",
        "safety:listing",
        "audit:trail",
        "accounts:access",
        "reports:profile",
    } <= sending
    assert "register:listing" in sending
    # The page has a title for each listing: a new one needs its line there.
    told = AccessEvent.objects.exclude(detail__channel=None).values_list("detail", flat=True)
    listings = {
        detail["listing"] for detail in told if detail["channel"] == "listing" and "listing" in detail
    }
    assert listings <= LISTINGS.keys()
    assert len(listings) > 15


def test_a_file_of_a_record_and_a_calendar_are_entries_of_the_register(trial, inspector):
    """PRV-04, AUD-08: the reading of a file is one event, which is also its entry."""
    nurse = build.user("coordinator", trial=trial, full_name="Nina Nurse")
    with acting(user=nurse):
        secret = make_calendar_address(trial=trial, with_codes=False, by=nurse)
    content = Client().get(reverse("calendar-file", args=[secret])).content
    (line,) = register_of(inspector, trial, channel="calendar")
    assert (line["user"], line["stage"]) == (nurse.username, "finished")
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    assert int(line["size"]) == len(content)


def test_a_stream_that_the_reader_broke_off_is_registered_as_broken_off(trial, inspector):
    """PRV-04: with the size and hash of what was sent until then."""
    for _number in range(3):
        build.patient(trial=trial)
    answer = build.client(inspector).get(f"/trials/{trial.slug}/patients/", ASKED)
    first = next(iter(answer.streaming_content))
    broken_off(answer)
    line = register_of(inspector, trial, channel="listing", stage="aborted")[0]
    assert line["stage"] == "aborted"
    assert line["sha256"] == hashlib.sha256(first).hexdigest()
    assert int(line["size"]) == len(first)
    assert register_of(inspector, trial, channel="listing", stage="finished")[0]["stage"] == "finished"


def test_an_export_of_the_study_that_was_broken_off_says_so(trial, inspector):
    """PRV-04."""
    answer = build.client(inspector).post(f"/trials/{trial.slug}/exports/", {"purpose": "Analysis"})
    sent = next(iter(answer.streaming_content))
    broken_off(answer)
    (line,) = register_of(inspector, trial, channel="study")
    assert (line["stage"], int(line["size"])) == ("aborted", len(sent))
    assert "Analysis" in line["what"]


def test_the_person_who_asked_is_named_although_the_system_made_the_file(trial, inspector, tmp_path):
    """PRV-04: a document made by the worker, and a command."""
    asker = build.user("data_manager", trial=trial, full_name="Dora Manager")
    browser = build.client(asker)
    browser.post(f"/trials/{trial.slug}/documents/", {"kind": "blank_crf", "protocol": "1.0"})
    out = tmp_path / "study.zip"
    call_command("export", trial=trial.slug, out=out, user=asker.username, purpose="Interim")
    lines = register_of(inspector, trial)
    made = [line for line in lines if line["channel"] in {"document", "study"}]
    assert {line["person"] for line in made} == {f"Dora Manager ({asker.username})"}
    study = next(line for line in made if line["channel"] == "study")
    assert study["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert "patients.csv: 0" in study["counts"]


def test_a_blinded_reader_does_not_learn_of_an_export_with_the_treatment():
    """BLD-01: in the masked trial."""
    trial = build.trial(build.COVID_MSV)
    statistician, monitor = build.user("statistician", trial=trial), build.user("monitor", trial=trial)
    sent = build.client(statistician).post(f"/trials/{trial.slug}/exports/", {"purpose": "Unblinded"})
    b"".join(sent.streaming_content)
    assert [line["channel"] for line in register_of(statistician, trial)] == ["listing", "study"]
    assert [line["user"] for line in register_of(monitor, trial)] == [monitor.username]
    assert register_of(statistician, trial, treatment="true", channel="study")[0]["what"].startswith(
        "Unblinded"
    )


def test_the_register_filters_by_person_and_day_and_shows_the_whole_hash(trial, inspector):
    """PRV-04."""
    nurse = build.user("coordinator", trial=trial, full_name="Nina Nurse")
    content = body_of(
        build.client(nurse).get(f"/trials/{trial.slug}/patients/", {"state": "screening", **ASKED})
    )
    today = {"person": "Nina", "since": "t", "until": "t"}
    page = build.client(inspector).get(f"/trials/{trial.slug}/register/", today)
    text = plain(page.content.decode())
    assert hashlib.sha256(content).hexdigest() in text
    assert "1 row" in text
    assert "Status: Screening" in text
    assert register_of(inspector, trial, person="Nina", until="01/01/2026") == []
    refused = build.client(inspector).get(f"/trials/{trial.slug}/register/", {"since": "31/31/2026"})
    assert refused.status_code == 400


@pytest.mark.parametrize("entries", [1, 3])
def test_the_register_needs_the_same_queries_for_one_entry_and_for_three(
    trial, inspector, entries, django_assert_num_queries
):
    browser = build.client(inspector)
    for _time in range(entries):
        body_of(browser.get(f"/trials/{trial.slug}/patients/", ASKED))
    browser.get(f"/trials/{trial.slug}/register/")
    with django_assert_num_queries(7):
        browser.get(f"/trials/{trial.slug}/register/")


def test_only_readers_of_the_trail_read_the_register(trial):
    assert TRIAL_PAGES["register:listing"] == (P.SEE_TRAIL, None)
    laboratory = build.user("cell_laboratory", trial=trial)
    assert build.client(laboratory).get(f"/trials/{trial.slug}/register/").status_code == 403


def test_a_blinded_reader_learns_nothing_of_a_file_with_the_treatment_not_even_its_size():
    """BLD-03: the CSV of one patient with cells is longer than that of one with saline."""
    trial = build.trial(build.COVID_MSV)
    build.enrolled(trial=trial)
    laboratory = build.client(build.user("cell_laboratory", trial=trial))
    for page in ("infusions", "patients"):
        body_of(laboratory.get(f"/trials/{trial.slug}/{page}/", ASKED))
    manager, inspector = (build.user(role, trial=trial) for role in ("data_manager", "inspector"))
    seen = {line["user"] for line in register_of(manager, trial)}
    assert not any(user.startswith("cell_laboratory") for user in seen)
    known = [line for line in register_of(inspector, trial) if line["user"].startswith("cell_laboratory")]
    assert [line["treatment"] for line in known] == ["Y", "Y"]


def shown_by(reader, trial, **filters):
    """Return the rows of the register's page: the words of the cells of each, by column."""
    answer = build.client(reader).get(f"/trials/{trial.slug}/register/", filters)
    assert answer.status_code == 200, plain(answer.content.decode())
    listing = answer.context["listing"]
    return [{cell.column.name: plain(str(cell.text)) for cell in row.cells} for row in listing.rows]


def test_the_filter_of_the_status_uses_the_words_of_the_column_and_finds_what_is_called_so(trial, inspector):
    """PRV-04, UI-05: of documents, which the worker makes, and of everything else."""
    browser = build.client(build.user("data_manager", trial=trial))
    browser.post(f"/trials/{trial.slug}/documents/", {"kind": "blank_crf", "protocol": "1.0"})
    body_of(browser.get(f"/trials/{trial.slug}/queries/", ASKED))
    answer = browser.get(f"/trials/{trial.slug}/patients/", ASKED)
    next(iter(answer.streaming_content))
    broken_off(answer)
    everything = shown_by(inspector, trial)
    shown = {row["stage"] for row in everything}
    words = {str(label): code for code, label in STATUS_CHOICES}

    assert {"Made", "Sent whole", "Broken off"} <= shown <= words.keys()
    for status, code in words.items():
        assert [row for row in everything if row["stage"] == status] == shown_by(inspector, trial, stage=code)


def test_the_filters_of_a_file_are_told_in_the_words_of_its_page(trial, inspector):
    """PRV-04: also for who knows no names of parameters; the parameters stay in the CSV."""
    build.patient(trial=trial)
    manager = build.client(build.user("data_manager", trial=trial))
    for page, query in (
        ("queries/", {"state": "answered"}),
        ("trail/", {"form": "vitals"}),
        ("people/access/", {"since": "2026-09-01", "until": "2026-09-14"}),
    ):
        body_of(manager.get(f"/trials/{trial.slug}/{page}", {**query, **ASKED}))
    told = {row["channel"]: row["what"] for row in shown_by(inspector, trial)}

    assert "Status: Answered" in told["Listing as CSV"]
    assert "state:" not in told["Listing as CSV"]
    assert "Form or table: Vital signs" in told["Audit trail as CSV"]
    assert "From: 2026-09-01; To: 2026-09-14" in told["List of access as CSV"]
    line = register_of(inspector, trial, channel="listing", stage="finished")[-1]
    assert line["filters"] == "state=answered&format=csv"


def test_the_page_of_exports_names_the_file_of_a_figure_which_has_no_purpose(trial):
    """PRV-04: the line is not blank where other lines say what they were for."""
    manager = build.client(build.user("data_manager", trial=trial))
    body_of(manager.get(f"/trials/{trial.slug}/figures/consort/figure.svg"))
    answer = manager.get(f"/trials/{trial.slug}/exports/")
    assert [line.purpose for line in answer.context["register"]] == ["consort.svg"]
