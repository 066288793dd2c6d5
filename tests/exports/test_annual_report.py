"""Tables of the annual safety report: cumulative serious events, reactions of the interval, exposure (RES-06)."""

import csv
import io
import re
from datetime import date, timedelta

import pytest
from django.urls import reverse

from audit.context import acting
from dosing.models import AllocationSlot
from exports.authorities.annual.tables import (
    AnnualEvent,
    AnnualGroup,
    AnnualPatient,
    cumulative,
    exposure,
    reactions,
)
from patients.models import Patient
from safety.reporting import mark_entered_in_error
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.study.bedside import give, on
from tests.support.study.reported_events import IN_HOSPITAL

BLOOD, LUNG = "Blood and lymphatic system disorders", "Respiratory, thoracic and mediastinal disorders"
CELLS, PLACEBO = AnnualGroup("Cells", frozenset({"A", "B"})), AnnualGroup("Placebo", frozenset({"C"}))
LAST = date(2026, 6, 30)


def event(
    patient: str, number: int = 1, term: str = "Anemia", organ_class: str = BLOOD, **told
) -> AnnualEvent:
    given = {"reaction": True, "received": date(2026, 3, 1), **told}
    return AnnualEvent(patient=patient, number=number, term=term, organ_class=organ_class, **given)


class TestCumulative:
    def test_a_patient_counts_once_and_events_each_time(self):
        """RES-06: by class and term, the line of each class and that of all before the terms."""
        found = cumulative([event("A", 1), event("A", 2), event("C", 1), event("B", 1, "Hypoxia", LUNG)],
                           [CELLS, PLACEBO], LAST)  # fmt: skip
        assert [(line.organ_class, line.term, line.counts) for line in found] == [
            ("", "", ((2, 3), (1, 1))),
            (BLOOD, "", ((1, 2), (1, 1))),
            (BLOOD, "Anemia", ((1, 2), (1, 1))),
            (LUNG, "", ((1, 1), (0, 0))),
            (LUNG, "Hypoxia", ((1, 1), (0, 0))),
        ]

    def test_an_event_received_after_the_data_lock_point_waits_for_the_next_report(self):
        later = [event("A", received=LAST), event("B", received=LAST + timedelta(days=1))]
        assert cumulative(later, [CELLS], LAST)[0].counts == ((1, 1),)
        assert cumulative(later[1:], [CELLS], LAST) == []

    def test_terms_without_a_class_come_last(self):
        found = cumulative([event("A", term="Odd", organ_class=""), event("B")], [CELLS], LAST)
        assert [line.term for line in found] == ["", "", "Anemia", "", "Odd"]


class TestReactions:
    def test_only_reactions_received_in_the_interval_are_listed_both_days_included(self):
        first = date(2025, 7, 1)
        given = [
            event("A", 1, received=first - timedelta(days=1)),
            event("A", 2, received=first),
            event("B", 1, received=LAST),
            event("B", 2, received=LAST + timedelta(days=1)),
            event("C", 1, reaction=False),
        ]
        assert [each.identity for each in reactions(given, first, LAST)] == [("A", 2), ("B", 1)]

    def test_they_are_sorted_by_class_term_and_patient(self):
        given = [event("B", 1, "Hypoxia", LUNG), event("B", 2), event("A", 3), event("A", 4, "Odd", "")]
        found = reactions(given, date(2025, 7, 1), LAST)
        assert [each.identity for each in found] == [("A", 3), ("B", 2), ("B", 1), ("A", 4)]


class TestExposure:
    def test_patients_and_infusions_by_sex_and_age(self):
        def patient(code: str, sex: str, age: int | None, *days: int) -> AnnualPatient:
            return AnnualPatient(
                code=code, sex=sex, age=age, infusions=tuple(date(2026, 6, day) for day in days)
            )

        people = [patient("A", "F", 65, 1, 4, 7), patient("B", "M", 66, 29), patient("C", "", None, 30)]
        found = exposure(people, [CELLS, PLACEBO], LAST)
        assert [(line.by, line.value, line.counts) for line in found] == [
            ("all", "", ((2, 4), (1, 1))),
            ("sex", "F", ((1, 3), (0, 0))),
            ("sex", "M", ((1, 1), (0, 0))),
            ("sex", "", ((0, 0), (1, 1))),
            ("age", "0-17", ((0, 0), (0, 0))),
            ("age", "18-65", ((1, 3), (0, 0))),
            ("age", "66-75", ((1, 1), (0, 0))),
            ("age", "76+", ((0, 0), (0, 0))),
            ("age", "", ((0, 0), (1, 1))),
        ]
        assert exposure(people, [CELLS, PLACEBO], date(2026, 6, 5))[0].counts == ((1, 2), (0, 0))
        assert exposure(people, [CELLS], date(2026, 5, 31)) == []


NOW = "2026-03-30T10:00"
INCLUDED = date(2026, 3, 10)


@pytest.fixture
def treated(trial, doctor) -> Patient:
    """A woman of 61 infused on 10 and 13 March, with a reaction on 14 March and a serious event held unrelated."""
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    with acting(user=doctor, role="investigator"):
        give(patient, 1, on("10-Mar-2026"), doctor)
        give(patient, 2, on("13-Mar-2026"), doctor)
    with acting(system="test"):
        record = patient.records.get(form="demography")
        record.values = {**record.values, "sex": "F", "age": "61"}
        record.save(update_fields=["values"])
    serious(patient, "Pulmonary embolism", "14-Mar-2026", causality="possible")
    serious(patient, "Pneumonia", "15-Mar-2026", causality="unlikely")
    serious(patient, "Anaemia", "09-Mar-2026", causality="possible")
    return Patient.objects.get(pk=patient.pk)


def serious(patient: Patient, term: str, day: str, **told):
    aware = build.moment(f"{day} 20:00")
    onset = build.moment(f"{day} 19:00")
    return build.event(
        patient=patient, term=term, grade=4, seriousness=IN_HOSPITAL, onset=onset, aware=aware, **told
    )


@pytest.fixture
def address(trial) -> str:
    return reverse("exports:annual", args=[trial.slug])


def rows_of(answer) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.django_db
@pytest.mark.at(NOW)
class TestPage:
    def test_the_cumulative_table_as_a_file(self, address, treated, web):
        """Byte for byte: what is counted, in which order, under which names."""
        sent = web.get(address, {"format": "csv"})
        assert b"".join(sent.streaming_content).decode("utf-8-sig").splitlines() == [
            "organ_class,term,patients,events",
            ",,1,2",
            "Infections and infestations,,1,1",
            "Infections and infestations,Lung infection,1,1",
            "Vascular disorders,,1,1",
            "Vascular disorders,Thromboembolic event,1,1",
        ]
        assert "1 serious event before the first infusion" in text_of(web.get(address))

    def test_the_line_listing_has_what_the_guideline_asks_for(self, address, treated, web):
        (row,) = rows_of(web.get(address, {"table": "reactions", "format": "csv"}))
        assert {**row, "received": row["received"]} == {
            "organ_class": "Vascular disorders", "term": "Thromboembolic event", "words": "Pulmonary embolism",
            "patient": treated.code, "number": "1", "sex": "F", "age": "61", "group": row["group"],
            "infusions": "2026-03-10 2026-03-13", "onset": "2026-03-14T19:00+01:00[Europe/Brussels]",
            "since_last_infusion": "1", "grade": "4", "seriousness": "hospitalisation", "outcome": row["outcome"],
            "causality": "possible", "sponsor_causality": "", "expectedness": "", "received": "2026-03-14",
        }  # fmt: skip

    def test_exposure_as_a_file(self, address, treated, web):
        found = rows_of(web.get(address, {"table": "exposure", "format": "csv"}))
        assert [tuple(row.values()) for row in found][:2] == [("all", "", "1", "2"), ("sex", "F", "1", "2")]
        assert ("age", "18-65", "1", "2") in [tuple(row.values()) for row in found]

    def test_the_interval_is_the_year_to_today_unless_days_are_given(self, address, treated, web):
        assert web.get(address).context["interval"] == (date(2025, 3, 31), date(2026, 3, 30))
        early = web.get(address, {"table": "reactions", "last": "13-Mar-2026"})
        assert (early.context["interval"], early.context["listing"].passing) == (
            (date(2025, 3, 14), date(2026, 3, 13)),
            [],
        )
        refused = web.get(address, {"last": "some day"})
        assert (refused.status_code, refused.context["listing"].passing) == (400, [])
        assert 'value="some day"' in refused.content.decode()
        turned = web.get(address, {"first": "14-Mar-2026", "last": "13-Mar-2026"})
        assert turned.status_code == 400
        assert "The interval ends before it begins." in text_of(turned)

    @pytest.mark.at("2029-05-01T10:00")
    def test_the_interval_of_a_study_long_over_is_its_last_year(self, address, treated, web):
        """RES-06: without a choice the tables of a study that is over are not empty."""
        assert web.get(address).context["interval"] == (date(2025, 3, 16), date(2026, 3, 15))

    @pytest.mark.parametrize(
        ("table", "decides"), [("cumulative", "patients"), ("exposure", "patients"), ("reactions", "term")]
    )
    def test_a_phone_shows_first_what_decides(self, address, treated, web, table, decides):
        page = web.get(address, {"table": table})
        (cell,) = re.findall(r'<td[^>]*class="[^"]*decides[^"]*"[^>]*>', page.content.decode())[:1]
        columns = page.context["listing"].columns
        assert [column.name for column in columns if column.decides] == [decides]
        assert "data-label" in cell

    def test_another_table_is_refused(self, address, web):
        assert web.get(address, {"table": "arms"}).status_code == 400

    def test_an_event_in_error_is_not_counted(self, address, treated, doctor, web):
        event = treated.adverse_events.get(number=1)
        with acting(user=doctor, role="investigator"):
            mark_entered_in_error(event=event, reason="Another patient", by=doctor, version=event.version)
        assert [row["term"] for row in rows_of(web.get(address, {"format": "csv"}))] == [
            "",
            "",
            "Lung infection",
        ]

    @pytest.mark.parametrize("table", ["cumulative", "reactions", "exposure"])
    @pytest.mark.parametrize("more", [0, 4])
    def test_many_events_take_no_more_queries(
        self, address, treated, web, table, more, django_assert_max_num_queries
    ):
        for number in range(more):
            serious(treated, f"Event {number}", "16-Mar-2026", causality="possible")
        web.get(address, {"table": table})
        with django_assert_max_num_queries(14):
            web.get(address, {"table": table})


@pytest.mark.django_db
class TestBlind:
    def test_no_arm_is_told_before_the_treatment_of_the_trial_is_opened(self):
        """RES-05, BLD-01: one group for everybody, also for who knows the treatment."""
        trial = build.trial(build.COVID_MSV)
        assert trial.masked
        build.enrolled(trial=trial)
        for role in ("investigator", "statistician", "unblinded_monitor"):
            reader = build.client(build.user(role, trial=trial))
            shown = reader.get(reverse("exports:annual", args=[trial.slug]), {"table": "exposure"})
            names = [column.name for column in shown.context["listing"].columns]
            assert names == ["by", "value", "patients", "infusions"], role
        assert AllocationSlot.objects.filter(patient__trial=trial).exists()
