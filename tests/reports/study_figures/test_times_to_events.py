"""Times of patients to death, ventilation and weaning, and the curves of them."""

import pytest
from django.utils import timezone

from audit.context import acting
from dosing.allocation.lists import generate_list
from outcomes.statistics.survival import ObservedTime
from patients.models import Patient
from reports.figures.shapes import Path, Words
from reports.figures.time_curves import AtRisk, TimeCurve, TimeFigure, TimePoint, time_figure
from reports.study_figures import survival, times, weaning
from reports.study_figures.contract import FigureView
from reports.study_figures.course_data import StudyCourse, SupportSpell, study_courses, support_log
from tests.support import build
from tests.support.study.bedside import INCLUDED
from trials.access import access_to
from trials.roles import ROLES

CENSORED, EVENT, COMPETING = 0, 1, 2


def course(code: str = "P-1", **known) -> StudyCourse:
    """Return a patient in follow-up, last seen on day 60."""
    fields = {
        "group": "", "arm": "", "dead": "died" in known, "died": None, "observed": 60, "last": 90, "state": "enrolled",
        "end_reason": "", "infusions": (), "spells": (), "events": (),
    }  # fmt: skip
    return StudyCourse(code=code, **{**fields, **known})


def spell(start, end, kind: str = "IMV", *, by_death: bool = False, going_on: bool = False) -> SupportSpell:
    return SupportSpell(kind, start, end, going_on, by_death)


@pytest.mark.parametrize(
    ("patient", "time"),
    [
        (course(died=12, observed=12), ObservedTime(12, EVENT)),
        (course(), ObservedTime(60, CENSORED)),
        # A death known by its month, and a patient of whom nothing is known after inclusion.
        (course(died=None), None),
        (course(observed=None), None),
        (course(died=-1), ObservedTime(0, EVENT)),
    ],
)
def test_the_time_to_death(patient, time):
    """OUT-08: a day that is not known leaves the patient out."""
    assert times.death(patient) == time


@pytest.mark.parametrize(
    ("patient", "time"),
    [
        (course(spells=(spell(3, 9),)), ObservedTime(3, EVENT)),
        (course(spells=(spell(3, 9), spell(20, 25))), ObservedTime(3, EVENT)),
        # Oxygen is no ventilation; neither is a ventilation that ended before inclusion.
        (course(spells=(spell(2, 8, "OXYGEN"), spell(-9, -2))), ObservedTime(60, CENSORED)),
        (course(died=5, spells=(spell(8, 9),)), ObservedTime(5, EVENT)),
        (course(died=12, spells=(spell(8, 12),)), ObservedTime(8, EVENT)),
        (course(observed=None, spells=(spell(4, None, going_on=True),)), ObservedTime(4, EVENT)),
        (course(spells=(spell(None, 9),)), None),
        (course(died=None, spells=(spell(8, 12),)), None),
    ],
)
def test_the_time_to_ventilation_or_death(patient, time):
    """OUT-08: the first of both."""
    assert times.ventilation_or_death(patient) == time


@pytest.mark.parametrize(
    ("patient", "time"),
    [
        (course(spells=(spell(-2, 7),)), ObservedTime(7, EVENT)),
        (course(died=30, spells=(spell(-2, 7),)), ObservedTime(7, EVENT)),
        (course(died=7, spells=(spell(-2, 7),)), ObservedTime(7, COMPETING)),
        (course(died=None, spells=(spell(-2, 7, by_death=True),)), ObservedTime(7, COMPETING)),
        (course(died=9, spells=(spell(0, None, going_on=True),)), ObservedTime(9, COMPETING)),
        (course(spells=(spell(0, None, going_on=True),)), ObservedTime(60, CENSORED)),
        # Again within two days, and from ventilation to ECMO: one spell. After three days it was a weaning.
        (course(spells=(spell(-2, 7), spell(9, 15))), ObservedTime(15, EVENT)),
        (course(spells=(spell(-2, 3), spell(3, 11, "ECMO"))), ObservedTime(11, EVENT)),
        (course(spells=(spell(-2, 7), spell(10, 15))), ObservedTime(7, EVENT)),
        (course(spells=(spell(-2, 7), spell(8, None, going_on=True))), ObservedTime(60, CENSORED)),
        # The end, or the death, is not known to the day.
        (course(spells=(spell(-2, None),)), None),
        (course(died=None, spells=(spell(-2, 7),)), None),
    ],
)
def test_the_time_to_weaning_with_death_as_competing_event(patient, time):
    """OUT-08: who dies on the ventilator was not weaned."""
    assert times.ventilated_at_inclusion(patient)
    assert times.weaning_or_death(patient) == time


def test_who_is_ventilated_at_inclusion():
    assert not times.ventilated_at_inclusion(course(spells=(spell(-5, -1), spell(1, 4), spell(-5, 5, "NIV"))))
    assert times.not_ventilated_at_inclusion(course(spells=(spell(1, 4),)))
    assert times.ventilated_at_inclusion(course(spells=(spell(0, 4),)))


def test_patients_without_a_known_time_are_counted_apart():
    patients = [course("P-1", died=3), course("P-2", died=None), course("P-3")]
    found = times.times_of(patients, times.everybody, times.death)
    assert found.by_patient == {"P-1": ObservedTime(3, EVENT), "P-3": ObservedTime(60, CENSORED)}
    assert found.left_out == 1


def a_time_figure(*curves: TimeCurve):
    return time_figure(
        TimeFigure(
            label="Survival", axis="Days", share="Share", risk="At risk", curves=curves,
            at_risk=[AtRisk(label="All", on=lambda day: 10 - day // 7)],
        )
    )  # fmt: skip


def test_labels_of_curves_at_zero_stay_above_the_days_and_the_numbers_at_risk_stand_under_them():
    """OUT-08: the days are written from 18 pixels below the axis, which lies at 280."""
    curves = [TimeCurve(label=label, begin=0.0, points=[], until=14) for label in ("Weaned", "Died on it")]
    words = [shape for shape in a_time_figure(*curves).shapes if isinstance(shape, Words)]
    labels = {each.text: each.y for each in words if each.text in ("Weaned", "Died on it")}
    assert labels == {"Weaned": 267, "Died on it": 284}
    days = {each.x for each in words if each.y == 298}
    at_risk = {each.x for each in words if each.y > 330 and each.text.isdigit()}
    assert days == at_risk


def test_the_limits_begin_where_the_curve_leaves_one_and_end_where_it_has_none():
    """OUT-08: no limit is drawn where none can be computed."""
    points = [
        TimePoint(day=2, share=1.0, censored="1 patient"),
        TimePoint(day=5, share=0.5, low=0.2, high=0.8, tip="Day 5"),
        TimePoint(day=9, share=0.0, tip="Day 9"),
    ]
    figure = a_time_figure(TimeCurve(label="All", begin=1.0, points=points, until=12))
    low, high = (each for each in figure.shapes if isinstance(each, Path) and each.css == "limits-1")
    tips = [each.tip for each in figure.shapes if getattr(each, "tip", "")]
    assert tips == ["1 patient", "Day 5", "Day 9"]
    assert len(low.points) == 2
    assert low.points[0][0] == high.points[0][0] < low.points[1][0]
    assert low.points[0][1] > high.points[0][1]


def test_labels_of_curves_that_end_together_do_not_overlap():
    """WCAG 1.4.1: the label at its end says which curve it is."""
    ends = [TimeCurve(label=name, begin=1.0, points=[], until=10) for name in ("One", "Two", "Three")]
    figure = a_time_figure(*ends)
    labels = [each for each in figure.shapes if isinstance(each, Words) and each.css == "ink strong"]
    assert [each.text for each in labels] == ["One", "Two", "Three"]
    boxes = [each.box for each in labels]
    assert not any(one.overlaps(two) for at, one in enumerate(boxes) for two in boxes[at + 1 :])


def drawn(figure, reader, trial):
    access = access_to(user=reader, slug=trial.slug)
    return figure.draw(FigureView(access, "en", timezone.now()))


def rows(figure) -> list[list[str]]:
    """Return the data table with codes and plain values."""
    return [[str(getattr(cell, "code", cell)) for cell in row] for row in figure.table.rows]


def support(patient, kind: str, start: str, end: str = "", *, why: str = "WEANED", repeat: int = 1) -> None:
    ended = {"ongoing": "N", "ended_at": end, "ended_because": why} if end else {"ongoing": "Y"}
    build.record(
        patient, "support_episode", {"kind": kind, "started_at": start, **ended}, visit=None, repeat=repeat
    )


def clock(text: str) -> str:
    """Return a time at the site as stored."""
    return f"{text}+01:00[Europe/Brussels]"


@pytest.fixture
def followed(trial):
    """One patient of each group: weaned on day 5, seen on day 14; the other ventilated from day 2, dead on day 8."""
    doctor = build.user("investigator", trial=trial)
    first = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    second = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    support(first, "IMV", clock("2026-03-09T08:00"), clock("2026-03-15T11:00"))
    support(
        second,
        "IMV",
        clock("2026-03-12T08:00"),
        clock("2026-03-18T09:00"),
        why="DEATH",
    )
    build.record(
        first, "vital_status",
        {"survival_status": "ALIVE", "last_contact_on": "2026-03-24", "contact_by": "PHONE", "location": "WARD"},
        visit="D28",
    )  # fmt: skip
    with acting(system="test"):
        Patient.objects.filter(pk=second.pk).update(state="ended", ended_on="2026-03-18", end_reason="death")
    return trial, doctor


@pytest.mark.django_db
@pytest.mark.at("2026-04-20T10:00:00+00:00")
class TestTheFigures:
    """The figures of stored patients."""

    def test_the_courses_are_read_from_forms_and_log(self, followed):
        """OUT-08, OUT-09: in a fixed number of queries."""
        trial, doctor = followed
        view = FigureView(access_to(user=doctor, slug=trial.slug), "en", timezone.now())
        first, second = study_courses(view)
        assert (first.dead, first.observed, first.in_study) == (False, 14, True)
        assert (second.dead, second.died, second.in_study) == (True, 8, False)
        assert [(each.kind, each.start, each.end) for each in first.spells] == [("IMV", -1, 5)]
        assert second.spells[0].by_death

    def test_survival_has_a_step_for_the_death_and_a_median_at_the_plateau(self, followed):
        """OUT-08: 1 of 2 dead on day 8: the curve is one half from then on."""
        trial, doctor = followed
        figure = drawn(survival.FIGURE, doctor, trial)
        assert [each.name for each in figure.drawings] == ["overall", "ventilator-free"]
        overall = [row for row in rows(figure) if row[0] == "overall"]
        assert [row[2:7] for row in overall] == [
            ["8", "2", "1", "0", "0.5000"],
            ["14", "1", "0", "1", "0.5000"],
        ]
        free = [row for row in rows(figure) if row[0] == "ventilator-free"]
        assert [row[2:7] for row in free] == [["2", "1", "1", "0", "0.0000"]]
        assert any("median 8.0 days" in note for note in figure.notes)
        assert figure.methods[0].startswith("Kaplan-Meier")

    def test_weaning_is_an_incidence_beside_death(self, followed):
        """OUT-08: the other patient was not ventilated at inclusion."""
        trial, doctor = followed
        figure = drawn(weaning.FIGURE, doctor, trial)
        assert rows(figure) == [
            ["weaned", "5", "1", "1", "0", "0", "1.0000", "None", "None"],
            ["died", "5", "1", "0", "1", "0", "0.0000", "None", "None"],
        ]

    def test_without_a_ventilated_patient_the_figure_says_so(self, trial):
        doctor = build.user("investigator", trial=trial)
        build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
        figure = drawn(weaning.FIGURE, doctor, trial)
        assert figure.drawings == ()
        assert figure.why.startswith("No patient was on invasive ventilation")

    def test_the_arms_have_curves_only_for_who_may_know_how_they_do(self):
        """BLD-01, OUT-08: pooled for everybody else, the laboratory among them."""
        trial = build.trial(build.COVID_MSV)
        staff = {role: build.user(role, trial=trial) for role in ROLES}
        with acting(system="test"):
            generate_list(trial=trial, by=None, seed="known")
        for _arm in range(2):
            build.enrolled(trial=trial, on=INCLUDED, investigator=staff["investigator"])
        for role in ("investigator", "cell_laboratory", "data_monitoring_board", "statistician"):
            view = FigureView(access_to(user=staff[role], slug=trial.slug), "en", timezone.now())
            parts = [part.code for part in survival.parts_of(view)]
            assert parts == (["cells", "placebo"] if role == "statistician" else [""]), role
            assert drawn(survival.FIGURE, staff[role], trial).treatment is (role == "statistician")

    def test_both_shipped_protocols_have_a_log_of_respiratory_support(self):
        for slug in (build.LIEGE, build.COVID_MSV):
            log = support_log(build.trial(slug).rules)
            assert log is not None
            assert log.kinds == ("OXYGEN", "HFNO", "NIV", "IMV", "ECMO")
            assert log.title_of("IMV", "en") == "Invasive mechanical ventilation"
