"""The trail of one item, with and without the form that it is of (AUD-11)."""

from dataclasses import replace

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.models import SavedView, TrailIndexRow
from audit.trail_index import building, finding
from audit.trail_index.entries import IndexedEntry, indexed_tables
from audit.trail_reading.sources import Filter
from patients.models import Record
from reports.audit_trail.forms import TrailForm
from reports.audit_trail.watching import RECORD, places_of
from tests.support import build
from tests.support.pages.trail_pages import lines, text_of, url, vitals
from trials.permissions import Permission

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


@pytest.fixture
def inspector(trial):
    return build.user("inspector", trial=trial)


@pytest.fixture
def patient(trial):
    return build.patient(trial=trial)


def found(person, trial, **filters) -> list[tuple[str, int]]:
    return [(line.entry.source, line.entry.row.history_id) for line in lines(person, trial, **filters)]


def test_an_item_is_found_in_every_form_that_has_it(trial, patient, inspector):
    """AUD-11: the same entries as the index has of it, in the order of the trail."""
    item = "fio2"
    forms = [form for table, form in places_of(trial.all_rules.values(), item) if table == RECORD]
    assert len(forms) > 1
    with acting(system="test"):
        for number, form in enumerate([*forms, "medication"]):
            Record.objects.create(
                patient=patient, protocol=patient.protocol, form=form, repeat=number, state="draft",
                values={item: "0.4"},
            )  # fmt: skip
    vitals(patient, temp="37.3")
    assert building.refresh()
    # The last form does not have the item in any version of the protocol.
    rows = TrailIndexRow.objects.filter(trial_id=trial.pk, items__contains=f" {item} ").exclude(
        form="medication"
    )
    expected = list(rows.order_by("-id").values_list("source", "row"))
    assert found(inspector, trial, item=item) == expected
    assert len(expected) == len(forms)


def test_a_column_is_found_in_every_table_that_has_it_also_in_accounts(trial, patient, inspector):
    """AUD-11, ACC-03: the accounts of the trial's people belong to no trial."""
    person = build.user("coordinator", trial=trial)
    with acting(system="test"):
        User.objects.filter(pk=person.pk).update(full_name="Claire Lambert-Petit")
    (entry,) = [
        line for line in lines(inspector, trial, item="full_name")
        if line.entry.source == "accounts.user" and line.first.old and line.first.old != line.first.new
        and "Petit" in line.first.new
    ]  # fmt: skip
    assert entry.entry.row.id == person.pk


def offered(trial, name: str, **filters) -> list[str]:
    """Return the choices of a field for a reader with every right."""
    form = TrailForm(filters, trial=trial, people=(), may=set(Permission))
    choices = [
        dict(title) if isinstance(title, list) else {value: title}
        for value, title in form.fields[name].choices
    ]
    return [value for group in choices for value in group if value]


def test_an_item_is_offered_under_the_name_that_the_index_has(trial):
    """AUD-11: every offered column of every table is one whose change the index notes, so that it can match a row."""
    tables = {table.of._meta.label_lower: table for table in indexed_tables() if table.of}
    labels = [label for label in offered(trial, "form") if "." in label]
    assert {"accounts.user", "audit.signature", "dosing.allocationslot"} <= set(labels)
    for label in labels:
        names = offered(trial, "item", form=label)
        row = dict.fromkeys(tables[label].columns, "new") | {"history_type": "+"}
        noted = IndexedEntry(tables[label], 1, timezone.now(), row, {}).items()
        assert sorted(names) == sorted(set(noted)), label
    assert "target" in offered(trial, "item", form="audit.signature")
    assert "password_digest" not in offered(trial, "item", form="accounts.user")


def test_a_column_with_a_number_of_another_row_is_found(trial, inspector):
    """AUD-11: the reviewer of a saved view, a column that is no foreign key."""
    with acting(system="test"):
        SavedView.objects.create(
            trial_id=trial.pk, name="Late", made_by=inspector.pk, made_by_name="Ida", made_at=timezone.now(),
            person_id=inspector.pk,
        )  # fmt: skip
    assert [table for table, _row in found(inspector, trial, form="audit.savedview", item="person")] == [
        "audit.savedview"
    ]


def test_an_unknown_item_has_no_entry(trial, patient, inspector):
    """AUD-11: a damaged address opens, and finds nothing."""
    assert found(inspector, trial, item="no_such_item") == []


@pytest.mark.parametrize("item", ["state", "visit", "locked_at"])
def test_what_every_form_has_is_asked_for_with_its_form(trial, patient, inspector, item):
    """AUD-11: a sentence beside the field; with the patient or the form it is found."""
    vitals(patient, temp="37.3")
    refused = build.client(inspector).get(url(trial, item=item))
    assert refused.status_code == 400
    assert "Choose the form too: every form has this item." in text_of(refused)
    first, _row = found(inspector, trial, patient=patient.code, item="state")[0]
    assert first == RECORD


def test_a_chosen_form_is_read_alone(trial, patient, inspector):
    """AUD-11."""
    vitals(patient, temp="37.3")
    assert [source for source, _row in found(inspector, trial, form="vitals", item="temp")] == [RECORD]
    assert found(inspector, trial, form="medication", item="temp") == []


def test_no_statement_of_an_item_reads_all_entries_of_the_trial(trial, patient):
    """AUD-11: each place has a part of the statement with the table and the form, on both engines."""
    places = places_of(trial.all_rules.values(), "temp")
    wanted = Filter(trial.pk, people=(1,), item="temp", places=places)
    conditions = finding._conditions(wanted, ())
    assert conditions is not None
    assert len(conditions) == len(places) + len({table for table, form in places if not form})
    assert all("e.source = %s AND e.form =" in each.sql for each in conditions)
    assert finding._conditions(replace(wanted, places=()), ()) is None
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            for each in conditions:
                cursor.execute(
                    f"EXPLAIN SELECT e.id FROM {finding.TABLE} e WHERE {each.sql} ORDER BY e.id DESC LIMIT 51",
                    each.params,
                )
                plan = " ".join(row[0] for row in cursor.fetchall())
                assert "Index" in plan
