"""An item whose type an amendment widened: its column in a file holds the answers of every version."""

import pytest

from audit.context import acting
from exports.exporting import tables_of
from exports.formats.typed_values import typed_rows
from patients.models import Patient, Record
from tests.support import build
from tests.support.study import amended_patient, amended_protocol
from tests.support.study.amended_protocol import IN_FORCE

pytestmark = [pytest.mark.django_db, pytest.mark.at(amended_protocol.NOW)]
STEPS = '{ name = "steps", type = "integer", label = { en = "Steps" }, required = false },'
NARROW = """
  { name = "fell", type = "yes_no", label = { en = "Fell" }, required = false },
  { name = "since", type = "date", label = { en = "Walks since" }, required = false },
"""
WIDE = """
  { name = "fell", type = "choice", label = { en = "Fell, or nearly" }, required = false, choices = [
    { code = "Y", label = { en = "Yes" } },
    { code = "N", label = { en = "No" } },
    { code = "NEARLY", label = { en = "Nearly" } },
  ] },
  { name = "since", type = "partial_date", label = { en = "Walks since" }, required = false },
"""
PULSE = 'name = "pulse", type = "integer"'


def test_a_column_has_the_type_that_holds_the_answers_of_every_version():
    """Else 72.5 in a column of whole numbers and NEARLY in one of Y and N would be no values of it (P11-03)."""
    narrow = amended_protocol.text("1.0").replace(STEPS, STEPS + NARROW)
    wide = amended_protocol.text("1.1").replace(PULSE, PULSE.replace("integer", "decimal"))
    spo2 = '  { name = "spo2",'
    trial = build.version(narrow).trial
    patient = amended_patient.captured(trial, by=build.user("investigator", trial=trial))
    build.version(wide.replace(spo2, WIDE + spo2), effective_from=IN_FORCE)
    old, new = Record.objects.filter(patient=patient, form="vitals").order_by("pk")
    with acting(system="test", reason="arranged"):
        newest = Patient.objects.get(pk=patient.pk).trial.versions.get(version="1.1")
        for record, protocol, told in (
            (old, old.protocol, {"pulse": "72", "fell": "Y", "since": "2020-03-01"}),
            (new, newest, {"pulse": "72.5", "fell": "NEARLY", "since": "2020-03"}),
        ):
            record.values, record.protocol = told, protocol
            record.save()
    table = next(each for each in tables_of(trial, sees_treatment=True) if each.name == "forms/vitals")
    columns = {column.name: column for column in table.columns}
    assert [columns[name].kind for name in ("pulse", "fell", "since")] == ["decimal", "text", "partial"]
    assert [code.code for code in columns["fell"].codes] == ["Y", "N", "NEARLY"]
    assert columns["fell"].label == "Fell, or nearly"
    rows = [dict(zip(table.header, row, strict=True)) for row in typed_rows(table)]
    told = [(f"{row['pulse']}", row["fell"], row["since"], row["since__precision"]) for row in rows]
    assert told == [("72", "Y", "2020-03-01", "day"), ("72.5", "NEARLY", "2020-03", "month")]
