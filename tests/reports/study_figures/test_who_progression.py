"""The WHO clinical progression scale by visit: who is in which category, who died, of whom it is not known."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from audit.context import acting
from patients.models import Patient, Record
from reports.study_figures import who_progression
from reports.study_figures.contract import FigureView
from reports.study_figures.who_progression import ScalePatient, counted, scale_of
from tests.support import build
from tests.support.protocols.shipped import LIEGE, protocol
from tests.support.study import cohort
from trials.access import access_to

CODES = tuple(str(number) for number in range(11))
ZERO, TODAY = date(2026, 3, 10), date(2026, 3, 20)
RULES = protocol(LIEGE)


def on(number: int) -> date:
    return ZERO + timedelta(days=number)


def patient(*, died: int | None = None, planned: dict[str, int] | None = None, **scores: str) -> ScalePatient:
    days = {code: on(day) for code, day in (planned or {}).items()}
    return ScalePatient(None if died is None else on(died), ZERO, days, scores)


def numbers(*patients: ScalePatient, at: str) -> dict[str, int]:
    """Return the categories of a visit that have patients; not known under a question mark."""
    (found,) = counted(patients, [RULES.visit(at)], TODAY, CODES)
    return {code or "?": number for code, number in found.numbers.items() if number}


def test_a_recorded_category_counts_and_a_missing_one_is_not_known():
    """OUT-06: day 7 has come for all three."""
    assert numbers(patient(D7="6"), patient(D7="UNK"), patient(), at="D7") == {"6": 1, "?": 2}


def test_who_died_stays_in_the_last_category():
    """OUT-06: nobody asks at later visits; from the day of death on, not before."""
    died = patient(died=5, D1="8")
    assert numbers(died, at="D1") == {"8": 1}
    assert numbers(died, at="D2") == {"?": 1}
    assert numbers(died, at="D7") == {"10": 1}
    assert numbers(died, at="D60") == {"10": 1}


def test_a_visit_still_to_come_is_in_no_column():
    """OUT-06: today is day 10, so day 14 is open; a visit held early counts at once."""
    assert numbers(patient(), patient(planned={"D14": 10}), at="D14") == {"?": 1}
    assert numbers(patient(D14="4"), at="D14") == {"4": 1}


def test_the_scale_is_found_by_its_controlled_terms_in_both_trials():
    """OUT-06: whatever the form is called."""
    for slug in (LIEGE, "nct04361942"):
        form, item = scale_of(protocol(slug))
        assert (form.code, item.name, item.codes) == ("who_cps", "score", CODES)


@pytest.mark.django_db
def test_the_columns_show_category_and_number_and_the_table_every_category(django_assert_num_queries):
    """OUT-06: of four patients two are in category 5, one died, one is not known."""
    trial = build.trial()
    patients = cohort.patients(trial, 4, days_ago=40)
    with acting(system="test", reason="a category"):
        for row, score in zip(patients, ("5", "5", "", ""), strict=True):
            record = Record.objects.get(patient=row, form="who_cps", visit__code="D7")
            record.values, record.version = {"score": score} if score else {}, record.version + 1
            record.save(update_fields=["values", "version"])
        Patient.objects.filter(pk=patients[2].pk).update(
            state="ended", end_reason="death", ended_on=patients[2].enrolled_on + timedelta(days=3)
        )
    reader = build.user("investigator", trial=trial)
    view = FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now())
    with django_assert_num_queries(5):
        figure = who_progression.draw(view)
    seventh = {cells[2].code: cells[3] for cells in figure.table.rows if cells[0].code == "D7"}
    assert {code: number for code, number in seventh.items() if number} == {"5": 2, "10": 1, "unknown": 1}
    words = [shape.text for shape in figure.drawings[0].figure.shapes if hasattr(shape, "text")]
    assert {"5 (2)", "10 (1)", "? (1)", "D7"} <= set(words)
    # The file says alone what its parts mean.
    assert words[-1].endswith("10: dead · ?: not known")


@pytest.mark.django_db
def test_without_a_patient_the_page_says_why():
    """OUT-06."""
    trial = build.trial()
    reader = build.user("investigator", trial=trial)
    view = FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now())
    assert who_progression.draw(view).why == "No patient is included yet."
