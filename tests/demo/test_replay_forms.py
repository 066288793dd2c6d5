"""A replayed table with strata, several codes in a cell, days in answers, cells of a table and a log."""

import io

import pytest
from django.core.management import call_command

from dosing.models import AllocationSlot
from patients.models import Patient, Record
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db
HEAD = (
    "patient,arm,knee.grade,knee.surgery,knee.painful_since,knee.pain,knee.flexion,knee.extension,knee.risks,"
    "knee.injected_before,body.sex,body.weight,body.weight-unit,J1.on,J1.diary.days_noted-0-on,"
    "J1.diary.days_noted-0-pain,J1.diary.told_at,J1.body.sex"
)
LINES = (
    "K1,adipose,G2,N,-400,6.5,120,0,NONE,N,F,154,lb,14,13,7,14 09:30,F",
    "K2,adipose,G2,N,2022-01-15,5,110,5,NONE,N,M,81.5,,,,,,",
    "K3,saline,G2,N,-300,4,100,0,NONE,N,M,90,,,,,,",
    "K4,saline,G3,Y,-300,8,95,10,NONE,N,F,66,,,,,,",
)
LOG = "patient,taken_on,tablets\nK1,3,2\nK1,2024-04,4\nK3,5,ND\n"


@pytest.fixture
def trial() -> Trial:
    return build.trial("third")


@pytest.fixture
def said(trial, tmp_path) -> str:
    """Replay four patients of two strata with their log; return what the command said."""
    table, log, out = tmp_path / "knees.csv", tmp_path / "rescue.csv", io.StringIO()
    table.write_text("\n".join([HEAD, *LINES]) + "\n", encoding="utf-8")
    log.write_text(LOG, encoding="utf-8")
    same = [part for name in ("screened", "consented", "included") for part in ("--set", f"{name}=0")]
    options = ["--log", f"rescue={log}", "--start", "2024-03-04", *same]
    call_command("replay", str(table), "--trial", trial.slug, *options, stdout=out)
    return out.getvalue()


def values(label: str, form: str, **place: object) -> list[dict]:
    rows = Record.objects.filter(patient__identity__hospital_number=label, form=form, **place)
    return [row.values for row in rows.order_by("repeat")]


def test_each_stratum_gets_its_published_arms(said, trial):
    """RND-02: the saline of K3 and that of K4 are places of two strata."""
    taken = AllocationSlot.objects.filter(trial=trial, patient__isnull=False)
    assert dict(taken.values_list("patient__identity__hospital_number", "arm")) == {
        "K1": "adipose", "K2": "adipose", "K3": "saline", "K4": "saline",
    }  # fmt: skip
    assert {slot.stratum for slot in taken} == {
        "knee.grade=G2 knee.surgery=N", "knee.grade=G3 knee.surgery=Y",
    }  # fmt: skip


def test_an_answer_is_stored_as_if_it_were_typed(said):
    """DAT-10: another unit is kept, several codes are a list, a study day is its date."""
    (knee,) = values("K1", "knee", visit__code="S0")
    assert (knee["painful_since"], knee["risks"], knee["arc"]) == ("2023-01-29", ["NONE"], "120")
    (body,) = values("K1", "body", visit__code="S0")
    assert body["weight"] == {"value": "69.85322498", "entered": "154", "unit": "lb"}


def test_cells_of_a_table_are_named_as_on_the_page(said):
    (diary,) = values("K1", "diary", visit__code="J1")
    (row,) = diary["days_noted"]
    assert (row["on"], row["pain"]) == ("2024-03-17", "7")
    assert diary["told_at"] == "2024-03-18T09:30-04:00[America/Toronto]"


def test_the_rows_of_a_log_are_numbered_in_the_order_of_the_file(said):
    """DAT-02, DAT-05: a month stays a month, and not done is an answer."""
    assert values("K1", "rescue") == [
        {"taken_on": "2024-03-07", "tablets": "2"}, {"taken_on": "2024-04", "tablets": "4"},
    ]  # fmt: skip
    assert values("K3", "rescue") == [{"taken_on": "2024-03-09", "tablets": {"missing": "ND"}}]


def test_a_form_without_a_required_answer_stays_a_draft_and_is_counted(said):
    """DAT-01: the weight of the visit is not in the table."""
    record = Record.objects.get(form="body", visit__code="J1")
    assert (record.state, record.values) == ("draft", {"sex": "F"})
    assert "  body.weight: 1\n" in said
    assert Patient.objects.filter(state="enrolled").count() == 4
