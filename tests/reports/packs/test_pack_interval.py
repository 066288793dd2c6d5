"""The interval of the annual safety report in its pack: the usual one, a chosen one, one that cannot be (RES-06)."""

from datetime import date, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from exports.authorities.annual.interval import NO_CHOICE, ReportInterval
from exports.authorities.annual.tables import AnnualEvent, AnnualPatient
from exports.models import Document
from patients.models import Patient
from reports.packs.making import sections_of
from reports.packs.registry import PACKS
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.pages.paper import Paper, joined
from tests.support.study.bedside import give, on
from tests.support.study.reported_events import IN_HOSPITAL
from tests.support.trail_clock import trail_now
from trials.access import access_to

pytestmark = pytest.mark.django_db
YEAR_END = date(2026, 12, 31)


def received(*days: date) -> list[AnnualEvent]:
    return [
        AnnualEvent(patient="A", number=at, organ_class="", term="Fever", reaction=True, received=day)
        for at, day in enumerate(days)
    ]


def infused(*days: date) -> list[AnnualPatient]:
    return [AnnualPatient(code="A", sex="F", age=61, infusions=days)]


class TestTheUsualInterval:
    def test_of_a_running_study_it_is_the_year_up_to_today(self):
        days = ReportInterval().days(YEAR_END, received(date(2026, 1, 1)), infused(date(2024, 1, 1)))
        assert days == (date(2026, 1, 1), YEAR_END)

    def test_of_a_study_without_anything_yet_it_is_the_year_up_to_today(self):
        assert ReportInterval().days(YEAR_END, [], []) == (date(2026, 1, 1), YEAR_END)

    def test_of_a_study_long_over_it_is_the_year_up_to_its_last_event_or_infusion(self):
        """RES-06: the tables of a published study that was replayed were empty."""
        over = received(date(2021, 5, 3), date(2020, 6, 1))
        assert ReportInterval().days(YEAR_END, over, infused(date(2020, 5, 1))) == (
            date(2020, 5, 4),
            date(2021, 5, 3),
        )
        last = ReportInterval().days(YEAR_END, received(date(2020, 6, 1)), infused(date(2020, 7, 1)))
        assert last == (date(2019, 7, 2), date(2020, 7, 1))

    def test_what_came_after_the_day_of_the_data_decides_nothing(self):
        later = received(YEAR_END + timedelta(days=9))
        assert ReportInterval().days(YEAR_END, later, [])[1] == YEAR_END

    def test_a_chosen_day_stays_and_the_other_follows(self):
        old = received(date(2020, 6, 1))
        assert ReportInterval(first=date(2019, 1, 1)).days(YEAR_END, old, []) == (date(2019, 1, 1), YEAR_END)
        last = date(2020, 6, 30)
        assert ReportInterval(last=last).days(YEAR_END, old, []) == (date(2019, 7, 1), last)


@pytest.fixture(autouse=True)
def _clock_of_the_trail(db):
    """The clock of the program goes a little before that of the database, which no test sets."""
    with time_machine.travel(trail_now() + timedelta(seconds=5), tick=True):
        yield


@pytest.fixture
def trial():
    return build.trial(build.LIEGE)


@pytest.fixture
def treated(trial) -> Patient:
    """A patient infused on 10 March 2021, with a serious reaction on 14 March 2021."""
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=date(2021, 3, 10), investigator=doctor)
    with acting(user=doctor, role="investigator"):
        give(patient, 1, on("10-Mar-2021"), doctor)
    at = build.moment("14-Mar-2021 20:00")
    build.event(patient=patient, term="Pulmonary embolism", grade=4, seriousness=IN_HOSPITAL, onset=at, aware=at,
                causality="possible")  # fmt: skip
    return patient


def reactions(trial, interval: ReportInterval = NO_CHOICE) -> tuple[list[list[str]], str]:
    """Return the rows and the note of the table of reactions."""
    access = access_to(user=build.user("monitor", trial=trial), slug=trial.slug)
    (chapter,) = sections_of(PACKS["dsur"], access, trail_now(), "en", interval=interval)
    _cumulative, found, _exposure = chapter["tables"]
    return found["rows"], found["note"]


def test_the_pack_of_a_study_long_over_is_of_its_last_year(trial, treated):
    rows, note = reactions(trial)
    assert len(rows) == 1
    assert note == "Interval: 15-Mar-2020 to 14-Mar-2021."


def test_a_reaction_after_a_chosen_interval_is_not_in_its_table(trial, treated):
    rows, note = reactions(trial, ReportInterval(last=date(2021, 3, 13)))
    assert rows == []
    assert note == "Interval: 14-Mar-2020 to 13-Mar-2021."


def asked(trial, **typed):
    client = build.client(build.user("monitor", trial=trial))
    return client.post(reverse("reports:packs", args=[trial.slug]), typed)


def test_the_page_makes_the_pack_of_the_interval_that_was_typed(trial, treated):
    """CTL-03: the first page, the list and the register say the interval."""
    answer = asked(trial, pack="dsur", first="01-Jan-2021", last="31-Mar-2021")
    assert answer.status_code == 302
    row = Document.objects.get()
    assert row.choices == {"pack": "dsur", "as_of": "", "first": "2021-01-01", "last": "2021-03-31"}
    client = build.client(row.asked_by)
    whole = b"".join(client.get(reverse("documents:file", args=[trial.slug, row.pk])).streaming_content)
    text = joined(Paper(whole).text)
    assert joined("Interval: 01-Jan-2021 to 31-Mar-2021.") in text
    assert joined("2021-01-01") in text
    assert "Interval: 01-Jan-2021 to 31-Mar-2021" in text_of(
        client.get(reverse("reports:packs", args=[trial.slug]))
    )
    event = AccessEvent.objects.filter(kind="exported", detail__stage="finished").latest("pk")
    assert event.detail["interval"] == "2021-01-01/2021-03-31"


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"pack": "status", "last": "31-Mar-2021"}, "last", "This report has no interval"),
        ({"pack": "dsur", "first": "01-Apr-2021", "last": "31-Mar-2021"}, "last", "ends before it begins"),
        ({"pack": "dsur", "first": "01-Jan-2099"}, "first", "The interval goes on after the day of the data"),
        ({"pack": "dsur", "last": "31-Feb-2021"}, "last", "There is no day 31 in that month"),
    ],
)  # fmt: skip
def test_an_interval_that_cannot_be_is_refused_beside_its_day(trial, typed, field, says):
    answer = asked(trial, **typed)
    assert answer.status_code == 422
    assert says in answer.context["form"].errors[field][0]
    assert answer.context["form"][field].value() == typed[field]
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--pack", "status", "--last", "2021-03-31"), "This report has no interval"),
        (("--pack", "dsur", "--last", "31.3.2021"), "is no day. Write it as 2026-03-01."),
        (("--pack", "dsur", "--last", "2099-01-01"), "goes on after the day of the data"),
    ],
)
def test_the_command_refuses_such_an_interval_too(trial, tmp_path, options, says):
    out = tmp_path / "annual.pdf"
    with pytest.raises(CommandError, match=says):
        call_command("report", "--trial", trial.slug, "--out", str(out), *options, verbosity=0)
    assert not out.exists()


def test_the_command_takes_the_interval(trial, treated, tmp_path):
    out = tmp_path / "annual.pdf"
    days = ("--first", "2021-03-14", "--last", "2021-03-14")
    call_command("report", "--trial", trial.slug, "--pack", "dsur", "--out", str(out), *days, verbosity=0)
    assert joined("Interval: 14-Mar-2021 to 14-Mar-2021.") in joined(Paper(out.read_bytes()).text)
