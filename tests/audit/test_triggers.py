"""Every write path adds a row to the trail or is refused; nothing in the trail can be changed."""

import pytest
from django.db import IntegrityError, connection, models, transaction

from audit import triggers
from audit.context import acting
from audit.integrity import replay
from audit.trail import history_model, tracked_columns, tracked_models, trail_of
from audit.triggers.tables import append_only_tables, tracked_table
from tests.support.database import tracked_rows

TRACKED = list(tracked_models())
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


def each_model(test):
    return pytest.mark.parametrize("model", TRACKED, ids=lambda model: model._meta.label)(test)


def someone():
    return acting(system="test", role="coordinator", reason="it was wrong")


def raw(sql: str, params=()) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def history(row):
    return history_model(type(row)).objects.filter(**{row._meta.pk.name: row.pk}).order_by("history_id")


def columns_of(row):
    return {field.attname: getattr(row, field.attname) for field in tracked_columns(type(row)._meta.model)}


def copied(entry, model):
    return {field.attname: getattr(entry, field.attname) for field in tracked_columns(model)}


def assert_last_row_tells(row, *, kind, rows_in_all):
    model = type(row)
    entries = list(history(row))
    live = model._base_manager.get(pk=row.pk)
    assert [entry.history_type for entry in entries][-1] == kind
    assert len(entries) == rows_in_all
    assert copied(entries[-1], model) == columns_of(live)
    assert entries[-1].history_user_name == "system:test"
    assert entries[-1].history_change_reason == "it was wrong"


def an_edit(row):
    """Return a column of the row that can be edited, and a new value for it."""
    plain = [
        field for field in tracked_rows.changeable(type(row)) if not (field.many_to_one or field.one_to_one)
    ]
    field = next((field for field in plain if not field.choices), plain[0])
    return field, tracked_rows.other(field, getattr(row, field.attname))


def free_to_edit(model) -> bool:
    """Return True if rows can be changed freely: not signatures and final rows, which have their own tests."""
    return model._meta.label != "audit.Signature" and not trail_of(model).final


EDITED = [model for model in TRACKED if free_to_edit(model)]


def each_edited_model(test):
    return pytest.mark.parametrize("model", EDITED, ids=lambda model: model._meta.label)(test)


@each_model
def test_a_saved_row_leaves_a_row_in_the_trail(model):
    """AUD-01, AUD-02."""
    with someone():
        row = tracked_rows.stored(model)

    assert_last_row_tells(row, kind="+", rows_in_all=1)


@each_edited_model
def test_a_change_saved_leaves_the_new_content(model):
    """AUD-01."""
    with someone():
        row = tracked_rows.stored(model)
        field, value = an_edit(row)
        setattr(row, field.attname, value)
        row.save(update_fields=[field.name])

    assert_last_row_tells(row, kind="~", rows_in_all=2)


@each_edited_model
def test_update_of_a_queryset_leaves_a_row(model):
    """AUD-01: update() sends no signal."""
    with someone():
        row = tracked_rows.stored(model)
        field, value = an_edit(row)
        assert model._base_manager.filter(pk=row.pk).update(**{field.attname: value}) == 1

    assert_last_row_tells(row, kind="~", rows_in_all=2)


@each_model
def test_bulk_create_leaves_a_row_each(model):
    """AUD-01: bulk_create() sends no signal."""
    with someone():
        made = model._base_manager.bulk_create([tracked_rows.unsaved(model), tracked_rows.unsaved(model)])

    for row in made:
        assert_last_row_tells(row, kind="+", rows_in_all=1)


@each_edited_model
def test_bulk_update_leaves_a_row_each(model):
    """AUD-01: bulk_update() sends no signal."""
    with someone():
        made = [tracked_rows.stored(model), tracked_rows.stored(model)]
        field, _ = an_edit(made[0])
        for row in made:
            setattr(row, field.attname, tracked_rows.other(field, None))
        model._base_manager.bulk_update(made, [field.name])

    for row in made:
        assert_last_row_tells(row, kind="~", rows_in_all=2)


@each_edited_model
def test_raw_sql_leaves_a_row(model):
    """AUD-01: a statement past the ORM."""
    with someone():
        row = tracked_rows.stored(model)
        field, value = an_edit(row)
        written = field.get_db_prep_save(value, connection)
        raw(f'UPDATE "{model._meta.db_table}" SET "{field.column}" = %s WHERE id = %s', [written, row.pk])

    assert_last_row_tells(row, kind="~", rows_in_all=2)


@each_edited_model
def test_a_change_of_any_column_leaves_a_row(model):
    """AUD-01, AUD-03: no column escapes."""
    with someone():
        row = tracked_rows.stored(model)
        for number, field in enumerate(tracked_rows.changeable(model), start=2):
            value = tracked_rows.other(field, getattr(row, field.attname))
            model._base_manager.filter(pk=row.pk).update(**{field.attname: value})
            assert_last_row_tells(row, kind="~", rows_in_all=number)


@each_model
def test_without_an_actor_nothing_is_stored(model):
    """AUD-01, AUD-06: a write that names nobody is refused, by every path."""
    with someone():
        row, new = tracked_rows.stored(model), tracked_rows.unsaved(model)
        field, value = an_edit(row)
    live = model._base_manager.filter(pk=row.pk)
    setattr(row, field.attname, value)
    many = model._base_manager
    paths = [new.save, lambda: many.bulk_create([new])]
    if free_to_edit(model):
        paths += [
            row.save,
            lambda: live.update(**{field.attname: value}),
            lambda: many.bulk_update([row], [field.name]),
        ]
    before = model._base_manager.count(), live.values().get()

    for path in paths:
        with pytest.raises(IntegrityError, match="Nobody is named"), transaction.atomic():
            path()
    assert (model._base_manager.count(), live.values().get()) == before
    assert history(row).count() == 1


@each_model
def test_a_change_that_changes_nothing_leaves_no_row(model):
    """AUD-01: the trail tells changes, not saves."""
    with someone():
        row = tracked_rows.stored(model)
        row.save()
        model._base_manager.bulk_update([row], [field.name for field in tracked_rows.changeable(model)])
        raw(f'UPDATE "{model._meta.db_table}" SET id = id')

    assert history(row).count() == 1


@each_model
def test_a_row_is_never_deleted_or_leaves_its_content(model):
    """AUD-03: by queryset, by raw statement, by replacing."""
    with someone():
        row = tracked_rows.stored(model)
        old = columns_of(row)
        for path in (
            lambda: model._base_manager.filter(pk=row.pk)._raw_delete("default"),
            lambda: raw(f'DELETE FROM "{model._meta.db_table}" WHERE id = %s', [row.pk]),
        ):
            if trail_of(model).deletable:
                path()
                assert copied(history(row).last(), model) == old
            else:
                with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
                    path()
                assert model._base_manager.filter(pk=row.pk).exists()


@each_model
def test_the_key_of_a_row_never_changes(model):
    """AUD-14: else one row's history would end and another's begin in the middle."""
    with someone():
        row = tracked_rows.stored(model)
        result = "signature never changes" if model._meta.label == "audit.Signature" else "key of a row"
        with pytest.raises(IntegrityError, match=result), transaction.atomic():
            raw(f'UPDATE "{model._meta.db_table}" SET id = 987654 WHERE id = %s', [row.pk])


@pytest.mark.parametrize(
    "model", [model for model in TRACKED if trail_of(model).final], ids=lambda m: m._meta.label
)
def test_what_a_final_row_holds_never_changes(model):
    """RND-03: whatever the path; only an empty column may be filled, once."""
    with someone():
        row = tracked_rows.stored(model)
        for field in tracked_rows.changeable(model):
            value = tracked_rows.other(field, getattr(row, field.attname))
            with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
                model._base_manager.filter(pk=row.pk).update(**{field.attname: value})
    assert history(row).count() == 1


@each_model
def test_a_history_cannot_be_changed_or_deleted(model):
    """AUD-06."""
    with someone():
        row = tracked_rows.stored(model)
        past = history_model(model)
        for path in (
            lambda: past.objects.update(history_user_name="somebody else"),
            lambda: past.objects.all()._raw_delete("default"),
            lambda: raw(f'DELETE FROM "{past._meta.db_table}"'),
        ):
            with pytest.raises(IntegrityError, match="can only be added to"), transaction.atomic():
                path()

    assert_last_row_tells(row, kind="+", rows_in_all=1)


@pytest.mark.parametrize("name", append_only_tables())
def test_events_seals_and_reviews_can_only_be_added_to(name):
    """AUD-06, AUD-07."""
    with someone():
        model = next(m for m in connection.introspection.installed_models([name]))
        tracked_rows.stored(model)
        for statement in (f'UPDATE "{name}" SET id = id', f'DELETE FROM "{name}"'):
            with pytest.raises(IntegrityError, match="can only be added to"), transaction.atomic():
                raw(statement)


@each_model
def test_the_history_knows_trial_and_patient(model):
    """AUD-02: paths over several relations lead to the same ids as in Python."""
    with someone():
        row = tracked_rows.stored(model)
    entry, trail = history(row).get(), trail_of(model)

    for path, stored in ((trail.trial, entry.history_trial), (trail.patient, entry.history_patient)):
        assert stored == (follow(row, path) if path else None)


def follow(row, path):
    for step in path.split("__"):
        row = getattr(row, step)
    return row


@each_edited_model
def test_the_present_is_the_replay_of_the_past(model):
    """AUD-14: the newest history row is the row; every earlier state can be read at its time."""
    with someone():
        row = tracked_rows.stored(model)
        states = [columns_of(model._base_manager.get(pk=row.pk))]
        for _ in range(3):
            field, value = an_edit(row)
            model._base_manager.filter(pk=row.pk).update(**{field.attname: value})
            states.append(columns_of(model._base_manager.get(pk=row.pk)))

    assert [copied(entry, model) for entry in history(row)] == states
    assert list(replay.differences(connection, tracked_table(model))) == []


def test_the_triggers_are_those_of_the_models():
    """AUD-06: a trigger that is missing, changed or switched off is named."""
    assert triggers.defects() == []
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER stroma_patients_record_update")
            assert triggers.defects() == ["stroma_patients_record_update"]
        else:
            cursor.execute("ALTER TABLE patients_record DISABLE TRIGGER stroma_trail")
            assert triggers.defects() == ["stroma_trail on patients_record"]
    triggers.install()
    assert triggers.defects() == []


def test_every_clinical_table_is_tracked():
    """AUD-01: what is not tracked is a short list of technical tables.

    A document asked for is in the access events when it is asked for, made and taken; so is each failure to sign in.
    The terms of a dictionary never change: its tracked row names their files by a SHA-256.
    """
    rooms = {"accounts", "trials", "patients", "dosing", "safety", "exports", "reports"}
    tables = {model._meta.label for model in models_of(rooms)}

    untracked = tables - {model._meta.label for model in TRACKED}
    assert untracked == {
        "accounts.KeptPost", "accounts.Failures", "patients.Draft", "exports.Document", "trials.NoticeMark",
        "trials.SponsorNotice", "safety.DictionaryTerm",
    }  # fmt: skip


def models_of(rooms: set[str]) -> list[type[models.Model]]:
    from django.apps import apps

    found = [model for model in apps.get_models() if model._meta.app_label in rooms]
    return [model for model in found if not hasattr(model, "tracked_fields")]
