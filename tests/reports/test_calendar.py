"""The calendar: weeks and months, the page to print, and the file at a private address (RFC 5545)."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from audit.context import acting
from audit.models import AccessEvent
from audit.trail import history_model
from patients.models import Patient
from patients.participation.visits import hold_visit
from reports.calendar.entries import entries_of
from reports.calendar.ical import IcalDays, IcalEvent, IcalMoments, calendar_text, escaped, folded
from tests.support import build
from tests.support.study.bedside import NOW, give, on
from trials.calendar_addresses import make_calendar_address
from trials.models import CalendarAddress

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def ward(nurse):
    return build.client(nurse)


@pytest.fixture
def included(trial, doctor) -> Patient:
    """LIE-001, included on 20 March 2026: day 14 is 3 April, its window 2 to 4 April."""
    return build.enrolled(trial=trial, on=date(2026, 3, 20), investigator=doctor)


def page(trial, **asked) -> str:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return f"{reverse('reports:calendar', args=[trial.slug])}?{query}"


def secret_of(person, trial, *, with_codes: bool = False) -> str:
    with acting(user=person, role="coordinator", origin="web"):
        return make_calendar_address(trial=trial, with_codes=with_codes, by=person)


def read(secret: str):
    return Client().get(reverse("calendar-file", args=[secret]))


def parsed(text: str) -> list[dict[str, str]]:
    """Return the events of a calendar by property, after checking what RFC 5545 asks of every line."""
    assert text.endswith("\r\n")
    raw = text.split("\r\n")[:-1]
    assert all("\n" not in line and "\r" not in line and len(line.encode()) <= 75 for line in raw)
    lines = "\r\n".join(raw).replace("\r\n ", "").split("\r\n")
    assert lines[:3] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Stroma//Calendar//EN"]
    assert lines[-1] == "END:VCALENDAR"
    found: list[dict[str, str]] = []
    for line in lines:
        name, value = line.split(":", 1)
        if line == "BEGIN:VEVENT":
            found.append({})
        elif found and name not in {"BEGIN", "END"}:
            assert name not in found[-1]
            found[-1][name] = re.sub(r"\\([\\;,])", r"\1", value.replace("\\n", "\n"))
    assert all({"UID", "DTSTAMP", "SUMMARY"} <= each.keys() for each in found)
    assert not any(name.startswith("DURATION") for each in found for name in each)
    assert len({each["UID"] for each in found}) == len(found)
    return found


class TestFile:
    def test_a_window_is_whole_days_with_an_exclusive_end_and_a_moment_is_utc(self):
        """Over the night on which the clocks of Brussels change, a day stays a day."""
        days = IcalEvent("a", "Visit", IcalDays(date(2026, 3, 28), date(2026, 3, 29)))
        moments = IcalEvent("b", "Infusion", IcalMoments(
            datetime.fromisoformat("2026-03-29T01:30:00+01:00"), datetime.fromisoformat("2026-03-29T03:30:00+02:00")
        ))  # fmt: skip
        first, second = parsed(
            calendar_text(name="T", events=[days, moments], now=datetime(2026, 1, 1, tzinfo=UTC))
        )
        assert (first["DTSTART;VALUE=DATE"], first["DTEND;VALUE=DATE"]) == ("20260328", "20260330")
        assert (second["DTSTART"], second["DTEND"]) == ("20260329T003000Z", "20260329T013000Z")
        assert first["DTSTAMP"] == "20260101T000000Z"

    def test_signs_of_the_format_are_escaped(self):
        text = "a;b,c\\d\ne\x07"
        assert escaped(text) == "a\\;b\\,c\\\\d\\ne"
        event = IcalEvent("a", text, IcalDays(date(2026, 1, 1), date(2026, 1, 1)))
        (found,) = parsed(calendar_text(name="T", events=[event], now=datetime(2026, 1, 1, tzinfo=UTC)))
        assert found["SUMMARY"] == "a;b,c\\d\ne"

    @pytest.mark.parametrize(("length", "lines"), [(75, 1), (76, 2), (149, 2), (150, 3)])
    def test_lines_are_folded_at_75_octets(self, length, lines):
        written = folded("x" * length).split("\r\n")
        assert len(written) == lines
        assert max(len(line) for line in written) == 75
        assert "".join(written).replace(" ", "") == "x" * length

    def test_no_character_is_cut(self):
        line = "é" * 100
        written = folded(line).split("\r\n ")
        assert "".join(written) == line
        assert all(len(part.encode()) <= 75 for part in written)


class TestAddress:
    def test_it_reads_planned_held_and_given_days_without_codes(self, trial, included, nurse):
        with acting(user=nurse, role="coordinator"):
            give(included, 1, on("20-Mar-2026"), nurse)
            hold_visit(visit=included.visits.get(code="D7"), on=date(2026, 3, 27), by=nurse)
        answer = read(secret_of(nurse, trial))
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        assert "no-store" in answer["Cache-Control"]
        found = {each["SUMMARY"]: each for each in parsed(answer.content.decode())}
        assert (found["Day 14"]["DTSTART;VALUE=DATE"], found["Day 14"]["DTEND;VALUE=DATE"]) == (
            "20260402", "20260405",
        )  # fmt: skip
        assert found["Day 7"]["DTSTART;VALUE=DATE"] == "20260327"
        assert found["Infusion 1"]["DTSTART"].endswith("Z")
        assert found["Infusion 1"]["DTEND"] > found["Infusion 1"]["DTSTART"]
        assert "DTSTART;VALUE=DATE" in found["Infusion 2"]
        assert "LIE-001" not in answer.content.decode()

    def test_codes_come_only_on_wish_and_a_moved_day_keeps_its_uid(self, trial, included, nurse):
        secret = secret_of(nurse, trial, with_codes=True)
        uids = {each["SUMMARY"]: each["UID"] for each in parsed(read(secret).content.decode())}
        with acting(system="test"):
            included.visits.filter(code="D14").update(window_to=date(2026, 4, 9))
        moved = {each["SUMMARY"]: each for each in parsed(read(secret).content.decode())}
        assert moved["LIE-001 Day 14"]["UID"] == uids["LIE-001 Day 14"]
        assert moved["LIE-001 Day 14"]["DTEND;VALUE=DATE"] == "20260410"

    def test_only_a_digest_is_stored(self, trial, nurse):
        secret = secret_of(nurse, trial)
        row = CalendarAddress.objects.get()
        assert len(row.digest) == 64
        assert secret not in str(list(CalendarAddress.objects.values()))
        columns = {field.name for field in history_model(CalendarAddress)._meta.get_fields()}
        assert "digest" not in columns

    def test_each_reading_is_recorded(self, trial, nurse):
        read(secret_of(nurse, trial))
        (event,) = AccessEvent.objects.filter(kind="calendar_read")
        assert event.trial_id == trial.pk

    def test_it_ends_with_the_delegation_and_a_later_one_does_not_revive_it(self, trial, nurse):
        secret = secret_of(nurse, trial)
        with acting(system="test"):
            nurse.delegations.update(ends_on=trial.today)
        assert read(secret).status_code == 200
        with acting(system="test"):
            nurse.delegations.update(ends_on=trial.today - timedelta(days=1))
            build.delegate(nurse, trial=trial, role="monitor", starts_on=trial.today)
        assert read(secret).status_code == 404

    def test_a_deactivated_person_an_earlier_address_and_a_guess_read_nothing(self, trial, nurse):
        first, second = secret_of(nurse, trial), secret_of(nurse, trial)
        assert [read(secret).status_code for secret in (first, second, "x" * 43)] == [404, 200, 404]
        with acting(system="test"):
            type(nurse).objects.filter(pk=nurse.pk).update(is_active=False)
        assert read(second).status_code == 404
        assert AccessEvent.objects.filter(kind="calendar_read").count() == 1

    def test_it_cannot_be_posted_to(self, trial, nurse):
        assert Client().post(reverse("calendar-file", args=[secret_of(nurse, trial)])).status_code == 405

    def test_another_trial_is_not_in_it(self, trial, nurse, doctor):
        other = build.twin()
        build.patient(trial=other, screened_on=trial.today)
        assert parsed(read(secret_of(nurse, trial)).content.decode()) == []

    def test_the_page_makes_it_shows_it_once_and_ends_it(self, trial, ward):
        made = ward.post(page(trial), {"step": "new", "codes": "1"})
        (path,) = re.findall(r"http://testserver(/calendar/[^<]+/trial\.ics)", made.content.decode())
        assert Client().get(path).status_code == 200
        assert path not in ward.get(page(trial)).content.decode()
        assert CalendarAddress.objects.get().with_codes
        ward.post(page(trial), {"step": "end"})
        assert Client().get(path).status_code == 404

    def test_an_unknown_step_is_refused(self, trial, ward):
        assert ward.post(page(trial), {"step": "all"}).status_code == 400


class TestPage:
    def test_a_week_shows_days_and_windows(self, trial, included, ward):
        shown = ward.get(page(trial, day="2026-04-01"))
        days = {day: [entry.title for entry in entries] for day, entries in shown.context["days"]}
        assert len(days) == 7
        assert days[date(2026, 4, 3)] == ["Day 14"]
        assert "Day 14" in [entry.title for entry in shown.context["windows"]]

    def test_a_month_shows_whole_weeks(self, trial, included, ward):
        shown = ward.get(page(trial, view="month", day="2026-04-15")).context
        days = [day for day, _entries in shown["days"]]
        assert (days[0], days[-1]) == (date(2026, 3, 30), date(2026, 5, 3))
        assert shown["links"]["before"].startswith("?view=month&day=2026-03-01")
        assert shown["links"]["after"].startswith("?view=month&day=2026-05-01")

    @pytest.mark.parametrize(
        ("day", "last"), [("2028-02-29", date(2028, 3, 5)), ("2026-12-31", date(2027, 1, 3))]
    )
    def test_months_end_at_the_leap_day_and_the_new_year(self, trial, ward, day, last):
        days = ward.get(page(trial, view="month", day=day)).context["days"]
        assert days[-1][0] == last

    @pytest.mark.parametrize("day", ["", "x", "0001-01-01", "9999-12-31", "2026-13-01", "２０２６-01-01"])
    def test_a_day_that_cannot_be_read_or_shown_breaks_nothing(self, trial, ward, day):
        answer = ward.get(page(trial, view="month", day=day))
        assert answer.status_code == 200
        assert len(answer.context["days"]) >= 28

    def test_one_patient_is_filtered(self, trial, included, doctor, ward):
        build.enrolled(trial=trial, on=date(2026, 3, 20), investigator=doctor)
        shown = ward.get(page(trial, day="2026-04-01", patient="LIE-002")).context
        assert {entry.code for _day, entries in shown["days"] for entry in entries} == {"LIE-002"}

    def test_what_will_not_take_place_is_left_out(self, trial, included, ward):
        with acting(system="test"):
            included.visits.filter(code="D14").update(state="missed", missed_reason="Moved")
        shown = ward.get(page(trial, day="2026-04-01")).context
        assert "Day 14" not in [each.title for _day, entries in shown["days"] for each in entries]

    def test_the_days_of_one_patient_are_dates_only(self, trial, included, ward):
        response = ward.get(reverse("reports:patient-calendar", args=[trial.slug, included.code]))
        [table] = re.findall(r'<table class="listing">.*?</table>', response.content.decode(), re.DOTALL)
        assert "Day 14" in table
        assert "02-Apr-2026" in table
        # The header with name and facts is on the screen only.
        assert re.search(r'<div class="d-print-none">\s*<header class="subject">', response.content.decode())

    def test_visits_have_their_titles_in_the_language_of_the_reader(self, trial, included, nurse):
        """A code such as D14 stands in the protocol; people read its title."""
        day = date(2026, 4, 3)
        with translation.override("fr"):
            titles = [entry.title for entry in entries_of(trial, nurse, first=day, last=day)]
        assert titles == [trial.rules.visit("D14").title.in_language("fr")] == ["Jour 14"]

    def test_a_window_is_listed_from_its_first_day_to_its_last(self, trial, included, ward):
        html = ward.get(page(trial, day="2026-04-01")).content.decode()
        [windows] = re.findall(r'<table class="listing">.*?</table>', html, re.DOTALL)
        assert re.findall(r'<th scope="col">(.*?)</th>', windows) == ["Patient", "What", "From", "Until"]
        assert windows.index("02-Apr-2026") < windows.index("04-Apr-2026")

    @pytest.mark.parametrize("count", [1, 3])
    def test_each_patient_costs_no_query(self, trial, doctor, ward, django_assert_num_queries, count):
        for _each in range(count):
            build.enrolled(trial=trial, on=date(2026, 3, 20), investigator=doctor)
        ward.get(page(trial))
        with django_assert_num_queries(6):
            ward.get(page(trial, view="month"))
        patient = reverse("reports:patient-calendar", args=[trial.slug, "LIE-001"])
        ward.get(patient)
        with django_assert_num_queries(13):
            ward.get(patient)
