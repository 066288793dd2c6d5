"""The page of the report packs, the figures in a pack, and the outcomes of a moment (OUT-21, OUT-24)."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.past_data import reads_past_data
from audit.trail import tracked_models
from exports import selection
from exports.models import Document
from exports.tables.past import rows_of_past
from outcomes.computing import report_of
from reports.packs.forms import PastMomentForm
from reports.packs.past_moments import data_of
from reports.packs.registry import PACKS
from reports.study_figures.registry import of_trial
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.pages.paper import Paper, joined
from tests.support.study.packs import chapters
from tests.support.trail_clock import trail_now
from trials.access import access_to
from trials.permissions import Permission
from trials.reader import shown_moment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock_of_the_trail(db):
    """The clock of the program goes a little before that of the database, which no test sets."""
    with time_machine.travel(trail_now() + timedelta(seconds=5), tick=True):
        yield


@pytest.fixture
def person(trial):
    return build.user("monitor", trial=trial)


def page(trial) -> str:
    return reverse("reports:packs", args=[trial.slug])


def asked(client, trial, code: str = "status") -> str:
    answer = client.post(page(trial), {"pack": code})
    assert answer.status_code == 302
    return answer["Location"]


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_costs_the_same_whatever_was_asked_for(trial, person, number):
    client = build.client(person)
    for _each in range(number):
        asked(client, trial)
    client.get(page(trial))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = client.get(page(trial))
    assert answer.status_code == 200
    assert len(answer.context["rows"]) == number
    assert len(queries) <= 12, [query["sql"][:90] for query in queries]


def test_a_report_of_a_past_moment_says_it_as_every_page_does(trial, person):
    """OUT-21: in the list and on the page of the report; nobody reads 23:59:59.999999+01:00."""
    client, moment = build.client(person), trail_now()
    sent = client.post(page(trial), {"pack": "status", "as_of": moment.isoformat()})
    words = shown_moment(moment, trial.zone)
    for address in (page(trial), sent["Location"]):
        text = client.get(address).content.decode()
        assert words in text
        assert moment.isoformat() not in text


def test_the_list_begins_with_the_pack_asked_for_last(trial, person):
    """OUT-21: the key of a document is random, so the list goes by the time."""
    client = build.client(person)
    for _each in range(6):
        asked(client, trial)
    rows = list(client.get(page(trial)).context["rows"])
    assert rows == sorted(rows, key=lambda row: row.asked_at, reverse=True)
    assert len({row.asked_at for row in rows}) == 6


def test_the_list_names_the_pack_and_leads_to_its_file(trial, person):
    client = build.client(person)
    where = asked(client, trial, "final")
    text = client.get(page(trial)).content.decode()
    assert "Statistical tables at the end of the study" in text
    assert f'href="{where}"' in text
    row = Document.objects.get()
    assert row.download_name.startswith(f"{trial.slug}-final-pack-")
    assert client.get(f"{where}file/").status_code == 200


def test_a_pack_holds_every_figure_of_the_trial_that_needs_no_right_of_its_own(trial, person):
    """OUT-06, OUT-21: as a drawing that says what it shows, or with the reason why there is none."""
    build.enrolled(trial=trial)
    shown = next(part for part in chapters(trial, person, "dsmb-open") if part["title"] == "Figures")[
        "figures"
    ]
    titles = " | ".join(figure["title"] for figure in shown)
    for figure in of_trial(trial.rules):
        assert (str(figure.title) in titles) is (figure.see == Permission.SEE_TRIAL), figure.key
    for figure in shown:
        assert figure["note"] or figure["svg"]
        assert bool(figure["svg"]) is bool(figure["alt"])
    status = next(part for part in chapters(trial, person, "status") if part["title"] == "Figures")["figures"]
    assert {figure["title"].partition(":")[0] for figure in status} == {
        "Recruitment over time",
        "Missing data",
    }


def test_a_drawing_stands_on_the_page_of_its_heading(trial, person):
    """OUT-21: heading, drawing and what is left out, however little of the page is left."""
    for _each in range(3):
        build.enrolled(trial=trial)
    client = build.client(person)
    pages = Paper(b"".join(client.get(f"{asked(client, trial, 'dsmb-open')}file/").streaming_content)).pages
    shown = next(part for part in chapters(trial, person, "dsmb-open") if part["title"] == "Figures")[
        "figures"
    ]
    drawn = [figure for figure in shown if figure["svg"] and figure["note"]]
    assert len(drawn) > 3
    apart = [
        figure["title"]
        for figure in drawn
        if not any(
            joined(figure["title"] + figure["how"]) in joined(page) and joined(figure["note"]) in joined(page)
            for page in pages
        )
    ]
    assert apart == []


def test_a_pack_is_tagged_for_who_cannot_see_it(trial, person):
    """P11-02: PDF/UA; a drawing has words in its place."""
    build.enrolled(trial=trial)
    client = build.client(person)
    answer = client.get(f"{asked(client, trial, 'dsmb-open')}file/")
    structure = Paper(b"".join(answer.streaming_content)).structure()
    assert "/Figure" in structure
    assert structure.count("/H1") >= len(PACKS["dsmb-open"].sections)


class TestOutcomesOfAMoment:
    """OUT-24."""

    @pytest.fixture
    def patient(self, trial):
        patient = build.enrolled(trial=trial)
        build.event(patient=patient, causality="possible")
        return patient

    def read(self, person, trial, **query):
        return build.client(person).get(reverse("reports:outcomes", args=[trial.slug], query=query))

    def reactions(self, answer) -> int:
        (found,) = [each for each in answer.context["page"].outcomes() if each.outcome.id == "L-S1"]
        return next(each for each in found.readings if each.reading.code == "ar").lines[0].line.events

    def test_the_page_and_the_file_show_what_was_stored_then(self, trial, person, patient):
        moment = trail_now().isoformat()
        build.event(patient=patient, term="Chills", causality="possible")
        for _twice in range(2):
            assert self.reactions(self.read(person, trial, as_of=moment)) == 1
            assert self.reactions(self.read(person, trial)) == 2
        answer = self.read(person, trial, as_of=moment, format="csv")
        lines = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
        assert [row["events"] for row in lines if (row["outcome"], row["reading"]) == ("L-S1", "ar")][:1] == [
            "1"
        ]

    def test_the_patients_behind_a_number_are_those_of_then(self, trial, person, patient):
        moment = trail_now().isoformat()
        with acting(system="test", reason="Coded"):
            AdverseEvent.objects.update(term="High fever")
        query = {"outcome": "L-S1", "reading": "ar", "as_of": moment}
        (row,) = self.read(person, trial, **query).context["behind"].rows()
        assert [event.term for event in row.events] == ["Fever"]
        text = self.read(person, trial, as_of=moment).content.decode()
        assert "as_of=" in text.partition("answer=yes")[0].rpartition("href=")[2]

    def test_the_past_is_laid_out_once_for_the_lines_and_the_list_behind_a_number(
        self, trial, person, patient
    ):
        """OUT-24: a large trial takes long to lay out."""
        query = {"outcome": "L-S1", "reading": "ar", "as_of": trail_now().isoformat()}
        cache.clear()
        for _cached in range(2):
            with CaptureQueriesContext(connection) as queries:
                (row,) = self.read(person, trial, **query).context["behind"].rows()
            assert row.patient == patient.code
            made = [each["sql"] for each in queries if "CREATE TEMPORARY TABLE" in each["sql"]]
            assert len(made) == len(tracked_models())

    def test_an_unchanged_moment_comes_from_the_cache(self, trial, person, patient):
        moment = trail_now().isoformat()
        self.read(person, trial, as_of=moment)
        with CaptureQueriesContext(connection) as queries:
            self.read(person, trial, as_of=moment)
        assert not [query for query in queries if "CREATE TEMPORARY TABLE" in query["sql"]]

    def test_hundreds_of_moments_take_one_place_in_the_cache(self, trial, person, patient):
        """OUT-24: an entry for each would push the counts of failed sign-ins out of the cache."""
        first = trail_now()
        build.event(patient=patient, term="Chills", causality="possible")
        second = trail_now()
        cache.clear()
        for moment, events in ((first, 1), (second, 2), (first, 1)):
            assert self.reactions(self.read(person, trial, as_of=moment.isoformat())) == events
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM stroma_cache WHERE cache_key LIKE '%outcomes:%'")
            assert cursor.fetchone() == (1,)

    def test_a_trail_that_is_too_long_for_a_page_is_laid_out_in_the_background_only(
        self, trial, person, patient, monkeypatch
    ):
        """OUT-24, REL-14: the page says where its numbers are to be had; the outcomes of now are shown as ever."""
        moment = trail_now().isoformat()
        held = rows_of_past(trial)
        assert held > 10
        monkeypatch.setattr("reports.packs.forms.MOST_ROWS_OF_PAGE", held)
        assert self.read(person, trial, as_of=moment).status_code == 200
        monkeypatch.setattr("reports.packs.forms.MOST_ROWS_OF_PAGE", held - 1)
        with CaptureQueriesContext(connection) as queries:
            answer = self.read(person, trial, as_of=moment)
        assert answer.status_code == 400
        assert "too long to lay out a past moment while a page waits" in text_of(answer)
        assert not [query for query in queries if "CREATE TEMPORARY TABLE" in query["sql"]]
        assert self.reactions(self.read(person, trial)) == 1
        assert build.client(person).post(page(trial), {"pack": "status", "as_of": moment}).status_code == 302

    def test_a_text_that_is_no_moment_is_refused_beside_the_field(self, trial, person):
        answer = self.read(person, trial, as_of="last week")
        assert answer.status_code == 400
        assert "“last week” is no moment" in answer.content.decode()
        assert 'value="last week"' in answer.content.decode()

    @pytest.mark.parametrize(
        ("typed", "moment"),
        [
            ("10-Mar-2021", "2021-03-10T23:59:59.999999+01:00"),
            ("10/03/2021", "2021-03-10T23:59:59.999999+01:00"),
            ("2021-03-10", "2021-03-10T23:59:59.999999+01:00"),
            ("20210310", "2021-03-10T23:59:59.999999+01:00"),
            ("10 mar 2021 14h30", "2021-03-10T14:30:00+01:00"),
            ("10-Jul-2021 14:30", "2021-07-10T14:30:00+02:00"),
            ("2021-03-10T14:30+00:00", "2021-03-10T14:30:00+00:00"),
            ("2021-03-10T14:30 00:00", "2021-03-10T14:30:00+00:00"),
        ],
    )
    def test_a_past_day_or_moment_is_typed_as_on_every_page(self, trial, monkeypatch, typed, moment):
        """OUT-22: a day is its end; without an offset the clock of the site counts."""
        monkeypatch.setattr(selection, "begin_of", lambda _trial: datetime(2020, 1, 1, tzinfo=UTC))
        form = PastMomentForm({"as_of": typed}, trial=trial)
        assert form.is_valid()
        assert form.cleaned_data["as_of"] == datetime.fromisoformat(moment)

    @pytest.mark.parametrize("typed", ["2021", "mar 2021", "31-Feb-2021", "v", "10-Mar-2021 25:00"])
    def test_a_text_without_a_whole_day_is_no_moment(self, trial, typed):
        form = PastMomentForm({"as_of": typed}, trial=trial)
        assert not form.is_valid()
        assert "is no moment" in form.errors["as_of"][0]

    def test_data_of_the_past_are_never_kept_as_those_of_now(self, trial, person, patient):
        """OUT-05: what a pack computes while the past is laid out is in no cache."""
        access = access_to(user=person, slug=trial.slug)
        moment = trail_now()
        build.event(patient=patient, term="Chills", causality="possible")
        cache.clear()
        with data_of(access, moment) as reader:
            assert reads_past_data()
            then = report_of(reader)
        assert not reads_past_data()
        counted = [next(line.events for line in each.of("L-S1", "ar")) for each in (then, report_of(access))]
        assert counted == [1, 2]
