"""The baseline of an item is its last value before the infusion that the protocol file names started (P11-02)."""

from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from exports.exporting import tables_of
from exports.selection import ChosenRows
from patients.models import Patient, Record
from protocol.checking.mistakes import problems
from tests.support import build
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.graded_results import infused, result
from tests.support.study.packs import tables
from trials.models import Trial

pytestmark = pytest.mark.django_db
MOMENTS = 'before_infusion = 1\nmoments = ["vitals.measured_at", '


@pytest.fixture(autouse=True)
def _march() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def changed(old: str, new: str) -> Trial:
    """Return Liège with one change of its protocol file."""
    return build.version(build.protocol_text(build.LIEGE).replace(old, new, 1)).trial


def baselines(trial: Trial, form: str = "biochemistry", **chosen: object) -> dict[str, str]:
    """Return the baseline column by visit and its number, where it holds something."""
    tables = tables_of(trial, sees_treatment=False, selection=ChosenRows(**chosen))  # type: ignore[arg-type]
    table = next(each for each in tables if each.name == f"forms/{form}")
    rows = (dict(zip(table.header, row, strict=True)) for row in table.rows())
    return {f"{row['visit']} {row['visit_number']}": row["baseline"] for row in rows if row["baseline"]}


def test_each_item_has_its_own_last_value_before_the_infusion_started():
    """The infusion of 10 March started at 10:00: a sample of 09:59 is before it, one of 10:00 is not."""
    trial = build.trial(build.LIEGE)
    patient = infused(trial)
    result(patient, "09 08:00", alt="30", potassium="4.1")
    result(patient, "10 09:59", alt="31", potassium={"missing": "ND"})
    result(patient, "10 10:00", alt="32", potassium="4.3")
    result(patient, "12 08:00", alt="33", potassium="4.4")
    assert baselines(trial) == {"UNS 1": "potassium", "UNS 2": "alt"}


def test_a_form_entered_in_error_holds_no_baseline():
    """The value before it does."""
    trial = build.trial(build.LIEGE)
    patient = infused(trial)
    result(patient, "08 08:00", alt="30")
    wrong = result(patient, "09 08:00", alt="31")
    build.struck_out(wrong)
    assert baselines(trial) == {"UNS 1": "alt"}


def test_in_an_export_of_chosen_rows_it_is_the_last_of_these():
    """A row that is left out cannot hold the baseline of the analysis."""
    trial = build.trial(build.LIEGE)
    patient = infused(trial)
    result(patient, "08 08:00", alt="30")
    draft = result(patient, "09 08:00", alt="31")
    with acting(system="test"):
        Record.objects.filter(pk=draft.pk).update(state="draft")
    assert baselines(trial) == {"UNS 2": "alt"}
    assert baselines(trial, drafts=False) == {"UNS 1": "alt"}


def test_without_an_infusion_there_is_no_baseline():
    """Nobody knows yet which value will be the last."""
    trial = build.trial(build.LIEGE)
    build.enrolled(trial=trial, on=INCLUDED)
    result(Patient.objects.get(), "09 08:00", alt="30")
    assert baselines(trial) == {}


@pytest.mark.parametrize(("same_day", "days"), [("false", ["UNS 1"]), ("true", ["UNS 2"])])
def test_a_value_known_to_the_day_counts_on_the_day_of_the_infusion_if_the_protocol_says_so(same_day, days):
    """A form without a moment of its own has the day of its visit."""
    trial = changed(MOMENTS, f"same_day = {same_day}\n{MOMENTS}")
    patient = infused(trial)
    for day in ("09", "10"):
        visit = result(patient, f"{day} 08:00", form="haematology").visit
        with acting(system="test"):
            Record.objects.create(
                patient=patient, protocol=patient.protocol, visit=visit, form="walk_test", state="complete",
                values={"walk_done": "Y"},
            )  # fmt: skip
    assert list(baselines(trial, "walk_test")) == days


def test_a_protocol_without_a_baseline_marks_none():
    """The column is there all the same, and blank."""
    text = build.protocol_text(build.LIEGE)
    start = text.index("[baseline]")
    trial = changed(text[start : text.index("[profile]")], "")
    result(infused(trial), "09 08:00", alt="30")
    assert baselines(trial) == {}


def test_a_baseline_costs_no_query_for_each_row():
    """The starts are read once, and the forms before them once."""
    trial = build.trial(build.LIEGE)
    patient = infused(trial)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert baselines(trial)
        return len(queries)

    result(patient, "01 08:00", alt="30")
    first = cost()
    for number in range(2, 9):
        result(patient, f"0{number} 08:00", alt="30")
    assert cost() == first


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ('before_infusion = 9\nmoments = ["vitals.measured_at", ', "baseline.before_infusion: the protocol has"),
        ('before_infusion = 0\nmoments = ["vitals.measured_at", ', "baseline.before_infusion: "),
        ('before_infusion = 1\nmoments = ["vitals.measured", ', "baseline.moments: "),
        ('before_infusion = 1\nmoments = ["vitals.hr", ', "baseline.moments: "),
        ('before_infusion = 1\nmoments = ["vital.measured_at", ', "baseline.moments: "),
        ('before_infusion = 1\nmoments = ["vitals.measured_at", "vitals.measured_at", ', "baseline.moments.vitals: "),
        ('before = 1\nmoments = ["vitals.measured_at", ', "baseline.before: unknown key"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_at_its_key(new, told):
    """DAT-03: in the words of the check, before the file is loaded."""
    text = build.protocol_text(build.LIEGE)
    assert problems(text) == []
    found = [str(each) for each in problems(text.replace(MOMENTS, new, 1))]
    assert [each for each in found if each.startswith(told)] == found != []


@pytest.mark.parametrize(
    "paths",
    [
        '"demography.agee"',
        '"medical_history.symptom_onset_on"',
        '"demography.age", "demography.age"',
    ],
)
def test_the_table_of_baseline_characteristics_names_numbers_and_answers_from_a_list_once(paths):
    """DAT-03, OUT-21: an unknown item, a date and a repeated item are mistakes of the file."""
    text = build.protocol_text(build.LIEGE).replace("table = [\n", f"table = [\n  {paths},\n", 1)
    found = [str(each) for each in problems(text)]
    assert [each for each in found if each.startswith("baseline.table")] == found != []


def test_without_a_table_the_baseline_characteristics_are_those_of_the_profile():
    """OUT-21."""
    text = build.protocol_text(build.LIEGE)
    start = text.index("table = [\n")
    end = text.index("]\n", start) + 2
    trial = build.version(text[:start] + text[end:]).trial
    found = tables(trial, build.user("monitor", trial=trial), "final")["Characteristics at baseline"]
    labels = [row[0] for row in found["rows"] if row[0] != "missing"]
    assert labels[:2] == ["Age at consent (years)", "Sex at birth"]
    assert "Body mass index (kg/m²)" not in labels
