"""The adverse event listing of an investigator: columns, saved views, days from infusions, XLSX, queries."""

import io
import zipfile
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from lxml import etree

from audit.context import acting
from audit.models import AccessEvent, Meaning, SavedView
from patients.models import Patient
from safety.labels import day
from safety.models import AdverseEvent
from safety.reporting import review_events
from tests.support import build
from tests.support.build import moment
from tests.support.pages.infusions import text_of
from tests.support.study.bedside import INCLUDED, give, on
from trials.listing.workbook import SheetTooSmall, workbook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture
def patient(trial, doctor) -> Patient:
    """A patient infused on the 10th and the 13th."""
    found = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    with acting(user=doctor, role="investigator"):
        give(found, 1, on("10-Mar-2026"), doctor)
        give(found, 2, on("13-Mar-2026"), doctor)
    return found


@pytest.fixture
def client(doctor):
    return build.client(doctor)


def place(trial, name="listing", **query) -> str:
    return reverse(f"safety:{name}", args=[trial.slug], query=query)


def terms(response) -> list[str]:
    return [row.object.term for row in response.context["listing"].rows]


def sheet(content: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        root = etree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    return [["".join(cell.itertext()) for cell in row] for row in root.iter(f"{MAIN}row")]


class TestColumns:
    def test_the_page_shows_the_columns_of_the_address(self, client, trial, patient):
        """SAF-14."""
        build.event(patient=patient, onset=moment("14-Mar-2026"))
        page = client.get(place(trial, columns=["patient", "since_infusions"]))
        assert [column.name for column in page.context["listing"].page_columns] == [
            "patient",
            "since_infusions",
        ]
        assert "infusion 1: D4; infusion 2: D1" in text_of(page)

    def test_a_partial_onset_gives_an_interval(self, client, trial, patient):
        """SAF-15."""
        build.event(patient=patient, onset=moment("mar 2026"))
        assert f"infusion 1: {day(-9)}–{day(21)}" in text_of(
            client.get(place(trial, columns="since_infusions"))
        )

    def test_an_unknown_column_is_refused(self, client, trial):
        """SAF-14."""
        assert client.get(place(trial, columns="password")).status_code == 400

    def test_files_hold_exactly_what_is_shown(self, client, trial, patient):
        """SAF-14, AUD-08."""
        build.event(patient=patient, term="Rash", grade=1)
        build.event(patient=patient, term="Fever", grade=3)
        query = {"columns": ["term", "grade"], "grade": "3"}
        lines = b"".join(client.get(place(trial, format="csv", **query)).streaming_content).decode(
            "utf-8-sig"
        )
        assert lines.splitlines() == ["term,grade", "Fever,3"]
        response = client.get(place(trial, format="xlsx", **query))
        assert sheet(response.content) == [["term", "grade"], ["Fever", "3"]]
        assert response["Content-Disposition"] == 'attachment; filename="adverse-events.xlsx"'
        sent = AccessEvent.objects.filter(kind="exported").last()
        assert sent.detail["listing"] == "adverse-events"
        assert sent.detail["filters in words"] == "Grade: 3"

    def test_what_no_sheet_holds_is_refused_in_words(self, client, trial, patient, monkeypatch):
        """SAF-14: the reader is sent to the CSV, and nothing is registered as sent."""

        def too_small(rows):
            raise SheetTooSmall("row 1048577")

        monkeypatch.setattr("trials.listing.column_selection.workbook", too_small)
        response = client.get(place(trial, format="xlsx"))
        assert response.status_code == 400
        assert "take the CSV" in text_of(response)
        assert not AccessEvent.objects.filter(kind="exported").exists()

    def test_the_file_marks_the_treatment_where_the_reader_knows_it(self, patient):
        """BLD-01."""
        masked = build.trial(build.COVID_MSV)
        reader = build.client(build.user("statistician", trial=masked))
        response = reader.get(place(masked, format="xlsx"))
        assert "UNBLINDED" in response["Content-Disposition"]
        assert "UNBLINDED" in sheet(response.content)[0][0]


class TestWorkbook:
    @pytest.mark.parametrize(
        "text", ["=1+1", "+1", "-1", "@x", "https://example.org", "0012", "1E5", "<b>&", "\tx"]
    )
    def test_a_text_stays_text(self, text):
        """SEC-15."""
        content = workbook([["a", 1], [text, 2]])
        assert sheet(content) == [["a", "1"], [text, "2"]]
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            xml = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in xml
        assert "<hyperlink" not in xml
        assert xml.count('t="inlineStr"') == 2

    def test_characters_that_xml_cannot_hold_are_replaced(self):
        """SEC-15."""
        assert sheet(workbook([["a\x00b\x0b"]])) == [["a\ufffdb\ufffd"]]

    @pytest.mark.parametrize("length", [32_767, 32_768])
    def test_a_text_is_never_cut(self, length):
        """SAF-14: the library would cut it without an error."""
        text = "x" * length
        if length == 32_767:
            assert sheet(workbook([[text]])) == [[text]]
        else:
            with pytest.raises(SheetTooSmall, match="cell 1 of row 1"):
                workbook([[text]])

    def test_a_number_with_more_digits_than_a_sheet_keeps_stays_exact(self):
        """DAT-10."""
        assert sheet(workbook([[999_999_999_999_999, 1_234_567_890_123_456_789]])) == [
            ["999999999999999", "1234567890123456789"]
        ]

    def test_the_same_rows_make_the_same_file(self):
        """SAF-14."""
        assert workbook([["a"]]) == workbook([["a"]])


class TestFilters:
    @pytest.mark.parametrize(
        ("days", "found"), [("0", []), ("1", ["Chills", "Fever"]), ("5", ["Chills", "Fever", "Rash"])]
    )
    def test_days_after_an_infusion_are_counted_from_each(self, client, trial, patient, days, found):
        """SAF-14."""
        build.event(patient=patient, term="Chills", onset=moment("11-Mar-2026 09:00"))
        build.event(patient=patient, term="Fever", onset=moment("14-Mar-2026"))
        build.event(patient=patient, term="Rash", onset=moment("18-Mar-2026 09:00"))
        build.event(patient=patient, term="Cough", onset=moment("09-Mar-2026"))
        assert sorted(terms(client.get(place(trial, within=days)))) == found

    @pytest.mark.parametrize("days", ["-1", "1.5", "x", "99999"])
    def test_days_that_are_none_are_refused(self, client, trial, days):
        """SAF-14."""
        assert client.get(place(trial, within=days)).status_code == 400

    def test_since_the_last_review(self, client, trial, patient, doctor):
        """SAF-14."""
        old = build.event(patient=patient, term="Rash", causality="possible")
        assert terms(client.get(place(trial, signed="since"))) == ["Rash"]
        with acting(user=doctor, role="investigator"):
            review_events(
                events=[old],
                versions={old.pk: old.version},
                meaning=Meaning.REVIEW,
                password=build.PASSWORD,
                by=doctor,
            )
        assert terms(client.get(place(trial, signed="since"))) == []
        new = build.event(patient=patient, term="Fever")
        later = AdverseEvent.objects.get(pk=new.pk).created_at + timedelta(seconds=1)
        with acting(system="test"):
            AdverseEvent.objects.filter(pk=new.pk).update(created_at=later)
        assert terms(client.get(place(trial, signed="since"))) == ["Fever"]


class TestSavedViews:
    def test_a_view_keeps_filters_columns_and_order_for_all_members(self, client, trial, patient):
        """SAF-14, AUD-11."""
        build.event(patient=patient, term="Fever", grade=3)
        build.event(patient=patient, term="Rash", grade=1)
        query = {
            "grade": "3",
            "columns": ["term", "grade"],
            "sort": "-grade",
            "after": "x",
            "format": "csv",
            "aesi": "",
        }
        response = client.post(place(trial, "view-new", **query), {"name": " Severe "})
        kept = "grade=3&columns=term&columns=grade&sort=-grade"
        assert response.url == f"{place(trial)}?{kept}"
        view = SavedView.objects.get()
        assert (view.listing, view.name, view.query, view.every_days) == (
            "adverse-events",
            "Severe",
            kept,
            None,
        )
        monitor = build.client(build.user("monitor", trial=trial))
        assert f'href="?{kept.replace("&", "&amp;")}">Severe' in monitor.get(place(trial)).content.decode()
        assert terms(monitor.get(response.url)) == ["Fever"]

    @pytest.mark.parametrize("name", ["", "   ", "x" * 81])
    def test_a_name_is_needed(self, client, trial, name):
        """SAF-14."""
        response = client.post(place(trial, "view-new", grade="3"), {"name": name})
        assert response.status_code == 422
        assert response.context["form"].errors["name"]
        assert not SavedView.objects.exists()

    def test_a_name_is_taken_once(self, client, trial):
        """SAF-14."""
        for _number in range(2):
            response = client.post(place(trial, "view-new"), {"name": "All"})
        assert "Another view of this trial has this name." in text_of(response)
        assert SavedView.objects.count() == 1

    def test_a_wrong_filter_is_not_saved(self, client, trial):
        """SAF-14."""
        assert client.get(place(trial, "view-new", grade="9")).status_code == 400
        assert client.post(place(trial, "view-new", grade="9"), {"name": "Nine"}).status_code == 422
        assert not SavedView.objects.exists()

    def test_a_retired_view_is_offered_no_longer(self, client, trial):
        """SAF-14."""
        client.post(place(trial, "view-new", grade="3"), {"name": "Severe"})
        address = reverse("safety:view-retire", args=[trial.slug, SavedView.objects.get().pk])
        assert client.get(address).status_code == 405
        assert client.post(address, follow=True).context["views"] == []
        assert client.post(address).status_code == 404
        assert SavedView.objects.get().retired_at is not None

    def test_views_of_the_listing_and_of_the_trail_stay_apart(self, client, trial):
        """AUD-11."""
        client.post(place(trial, "view-new", grade="3"), {"name": "Severe"})
        manager = build.client(build.user("data_manager", trial=trial))
        view = SavedView.objects.get()
        assert "?grade=3" not in manager.get(reverse("audit:trail", args=[trial.slug])).content.decode()
        assert manager.get(reverse("audit:view", args=[trial.slug, view.pk])).status_code == 404


def test_the_listing_takes_the_same_queries_for_3_and_for_60_events(client, trial, patient, doctor):
    """SAF-14, REL-14."""
    counts = {}
    events = [build.event(patient=patient, by=doctor, term=f"Event {number}") for number in range(3)]
    for size in (3, 60):
        with acting(system="test"):
            AdverseEvent.objects.bulk_create(_copies(events[0], size - AdverseEvent.objects.count()))
        client.get(place(trial))
        with CaptureQueriesContext(connection) as ran:
            page = client.get(place(trial, columns=["term", "since_infusions", "review"], within="30"))
        counts[size] = len(ran)
        assert len(page.context["listing"].rows) == min(size, 50)
    assert counts[3] == counts[60] <= 16


def _copies(event: AdverseEvent, number: int) -> list[AdverseEvent]:
    columns = [
        field.attname
        for field in AdverseEvent._meta.concrete_fields
        if not field.generated and field.attname != "id"
    ]
    same = {name: getattr(event, name) for name in columns}
    return [AdverseEvent(**{**same, "number": 1000 + each, "save_key": ""}) for each in range(number)]
