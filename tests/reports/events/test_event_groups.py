"""Adverse events in groups: by patient, term, class and organ class, with the events behind each number (SAF-14)."""

import csv
import io

import openpyxl
import pytest
from django.urls import reverse

from audit.context import acting
from safety.dictionaries.models import Dictionary, EventCoding
from safety.models import AdverseEvent
from safety.registries.organ_classes import organ_class
from safety.reporting import mark_entered_in_error
from safety.terms.own_classes import CLASSES, class_of
from safety.terms.own_terms import TERMS
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.study.reported_events import IN_HOSPITAL

pytestmark = pytest.mark.django_db


@pytest.fixture
def groups(trial) -> str:
    return reverse("reports:event-groups", args=[trial.slug])


@pytest.fixture
def two(trial, patient, doctor):
    """Two patients: fever twice (once under another name) and a pneumonia in the first, fever in the second."""
    other = build.patient(trial=trial)
    build.consent(other)
    build.event(patient=patient, term="Fever", grade=1, causality="unlikely")
    build.event(patient=patient, term="Pyrexia", grade=3, causality="possible")
    aware, onset = (build.moment(f"{patient.screened_on:%d-%b-%Y} {at}") for at in ("20:00", "19:00"))
    build.event(patient=patient, term="Pneumonia", grade=4, seriousness=IN_HOSPITAL, aware=aware, onset=onset)
    build.event(patient=other, term="fever ", grade=2, causality="unlikely")
    build.event(patient=other, term="Odd feeling", grade=1, causality="unlikely")
    wrong = build.event(
        patient=other, term="Mix-up", grade=4, seriousness=IN_HOSPITAL, aware=aware, onset=onset
    )
    with acting(user=doctor):
        mark_entered_in_error(event=wrong, reason="Twice", version=1, by=doctor)
    return patient, other


def lines(answer) -> list[tuple]:
    """Return what the page shows: name of the group, patients, events, serious, worst grade."""
    found = []
    for line in answer.context["listing"].passing:
        name = line.patient or line.event_class or line.term or line.organ_class
        group = line.group
        found.append((name, group.patients, group.events, group.serious, group.worst_grade))
    return found


class TestGroups:
    def test_by_term_other_names_and_spellings_are_one_event(self, groups, two, web):
        assert lines(web.get(groups, {"by": "term"})) == [
            ("", 2, 5, 1, 4), ("Fever", 2, 3, 0, 3), ("Lung infection", 1, 1, 1, 4), ("Odd feeling", 1, 1, 0, 1),
        ]  # fmt: skip

    def test_by_patient_the_code_comes_first(self, groups, two, web):
        codes = [each.code for each in two]
        assert lines(web.get(groups, {"by": "patient"})) == [
            ("", 2, 5, 1, 4), (codes[0], 1, 3, 1, 4), (codes[1], 1, 2, 0, 2),
        ]  # fmt: skip

    def test_by_class_of_the_event(self, groups, two, web):
        found = lines(web.get(groups, {"by": "class"}))
        assert [(name, events) for name, _patients, events, _serious, _worst in found] == [
            ("", 5), ("AE", 3), ("AR", 1), ("SAE", 1),
        ]  # fmt: skip

    def test_by_organ_class_a_term_outside_the_own_list_has_none(self, groups, two, web):
        assert lines(web.get(groups, {"by": "organ_class"})) == [
            ("", 2, 5, 1, 4),
            ("General disorders and administration site conditions", 2, 3, 0, 3),
            ("Infections and infestations", 1, 1, 1, 4),
            ("", 1, 1, 0, 1),
        ]

    def test_the_code_of_an_event_decides_its_organ_class(self, groups, two, web, manager):
        event = AdverseEvent.objects.get(term="Odd feeling")
        with acting(user=manager, role="data_manager"):
            release = Dictionary.objects.create(
                kind="meddra", version="TEST", sha256="0" * 64, terms_loaded=1
            )
            EventCoding.objects.create(
                trial=event.trial, patient=event.patient, event=event, dictionary=release, code="1",
                name="Invented feeling", organ_class="Invented class", coded_words=event.term,
            )  # fmt: skip
        assert ("Invented class", 1, 1, 0, 1) in lines(web.get(groups, {"by": "organ_class"}))
        behind = web.get(
            reverse("safety:listing", args=[event.trial.slug]), {"organ_class": "Invented class"}
        )
        assert [row.object.term for row in behind.context["listing"].rows] == ["Odd feeling"]

    def test_the_summary_has_each_class_with_its_terms_and_patients_by_worst_grade(self, groups, two, web):
        found = web.get(groups).context["listing"].passing
        general = next(line for line in found if line.organ_class.startswith("General") and line.is_total)
        assert [general.group.patients_at(grade) for grade in range(1, 6)] == [0, 1, 1, 0, 0]
        assert [line.term for line in found] == ["", "", "Fever", "", "Lung infection", "", "Odd feeling"]

    def test_the_filters_of_the_listing_hold(self, groups, two, web):
        assert lines(web.get(groups, {"by": "term", "grade": "3"})) == [
            ("", 1, 1, 0, 3),
            ("Fever", 1, 1, 0, 3),
        ]
        refused = web.get(groups, {"by": "term", "since": "not a day"})
        assert (refused.status_code, lines(refused)) == (400, [])

    def test_another_way_of_grouping_is_refused(self, groups, web):
        assert web.get(groups, {"by": "arm"}).status_code == 400


@pytest.mark.parametrize("by", ["summary", "patient", "term", "class", "organ_class"])
def test_each_group_opens_exactly_its_events(groups, two, web, by):
    """The number of a line is the number of rows behind it, also for events without a class."""
    shown = web.get(groups, {"by": by, "related": ""})
    rows = shown.context["listing"].rows
    assert len(rows) == len(shown.context["listing"].passing)
    for row in rows:
        behind = web.get(row.url).context["listing"]
        assert len(behind.rows) == row.object.group.events, row.url
        assert f'href="{row.url.replace("&", "&amp;")}"' in shown.content.decode()


def test_the_figure_shows_every_severe_group_and_the_table_all(groups, two, web):
    page = web.get(groups, {"by": "term"}).content.decode()
    assert 'data-tip="Lung infection, worst grade 4: 1 patient"' in page
    assert 'data-tip="Fever, worst grade 3: 1 patient"' in page
    assert "Patients, grade 5" in page


def test_without_events_there_is_no_figure(groups, web):
    shown = web.get(groups)
    assert shown.context["figure"] is None
    assert "No adverse event is reported yet." in text_of(shown)


def test_csv_and_xlsx_hold_what_is_shown(groups, two, web):
    data = web.get(groups, {"by": "term", "format": "csv"})
    text = b"".join(data.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["term"], row["patients"], row["events"], row["worst_3"]) for row in rows][1] == (
        "Fever",
        "2",
        "3",
        "1",
    )
    sheet = web.get(groups, {"by": "term", "format": "xlsx"})
    cells = list(openpyxl.load_workbook(io.BytesIO(sheet.content)).active.values)
    assert cells[0][:4] == ("term", "patients", "events", "serious")
    assert cells[2][:4] == ("Fever", 2, 3, 0)
    chosen = web.get(groups, {"by": "term", "format": "csv", "columns": ["term", "events"]})
    header = b"".join(chosen.streaming_content).decode("utf-8-sig").splitlines()[0]
    assert header == "term,events"


@pytest.mark.parametrize("by", ["summary", "patient", "organ_class"])
@pytest.mark.parametrize("count", [1, 8])
def test_a_table_of_groups_takes_as_many_queries_for_many_events(
    groups, patient, web, by, count, django_assert_num_queries
):
    for number in range(count):
        build.event(patient=patient, term=f"Event {number}")
    web.get(groups, {"by": by})
    with django_assert_num_queries(QUERIES + (by == "patient")):
        web.get(groups, {"by": by})


QUERIES = 4


class TestOwnClasses:
    def test_every_term_of_the_own_list_has_one_class(self):
        """SAF-14: an event that is not coded is in the class in which CTCAE has its term."""
        named = [term for terms in CLASSES.values() for term in terms]
        assert sorted(named) == sorted(TERMS)
        assert all(organ_class(name) is not None for name in CLASSES)

    def test_another_name_has_the_class_of_its_term(self):
        assert class_of("pyrexia") == "General disorders and administration site conditions"
        assert class_of("An event of its own") == ""
