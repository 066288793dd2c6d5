"""An upgrade changes the schema and leaves the trail intact; the application's role cannot bypass the trail."""

import sys
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, migrations, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models.signals import post_migrate, pre_migrate

from audit import triggers
from audit.context import acting, current_actor
from audit.integrity import migrating, replay
from audit.management.commands.migrate import models_rendered_alone
from audit.models import AccessEvent
from audit.sealing import sealed_rows, seals
from audit.sealing.verification import Tally, findings
from audit.trail import tracked_models
from audit.triggers.tables import existing_tables
from tests.support.database import tracked_rows
from trials.models import Trial

postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'")
pytestmark = pytest.mark.django_db


class Planned:
    """A migration as `pre_migrate` receives it."""

    app_label, name = "trials", "0002_data"


PLAN = [(Planned(), False)]


def trial(slug: str) -> Trial:
    with acting(system="test"):
        return Trial.objects.create(slug=slug)


def change_schema(statement: str) -> None:
    connection.check_constraints()
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(statement)


def migrate(change) -> None:
    migrating.before(plan=PLAN)
    change()
    migrating.after(plan=PLAN)


def test_what_a_data_migration_changes_is_in_the_trail_by_the_system():
    """AUD-01: whatever it is written with; the triggers are removed while the schema changes."""
    changed, gone = trial("changed"), trial("gone")

    def data_migration():
        Trial.objects.filter(pk=changed.pk).update(recruiting=False)
        Trial.objects.filter(pk=gone.pk)._raw_delete("default")
        Trial.objects.create(slug="new")

    migrate(data_migration)
    fields = {
        (entry.slug, entry.history_type, entry.history_user_name, entry.history_change_reason)
        for entry in Trial.history.filter(history_user_name="system:migrate")
    }

    assert fields == {
        (slug, kind, "system:migrate", "trials.0002_data")
        for slug, kind in [("changed", "~"), ("gone", "-"), ("new", "+")]
    }
    assert not list(findings(Tally()))


def test_what_a_migration_leaves_alone_gets_no_row():
    one = trial("one")
    migrate(lambda: None)

    assert one.history.count() == 1


def test_a_migration_is_an_event():
    """AUD-08."""
    migrate(lambda: None)
    event = AccessEvent.objects.filter(kind="migration").latest("pk")

    assert (event.user_name, event.detail) == ("system:migrate", {"migrations": ["trials.0002_data"]})


def test_a_row_that_differs_from_its_history_is_left_as_it_is(capsys):
    """AUD-14: the upgrade does not explain a change made without the trail; what it changes itself is told."""
    bad, changed = trial("bad"), trial("changed")
    with triggers.lifted():
        Trial.objects.filter(pk=bad.pk).update(recruiting=False)
    migrating.before(plan=PLAN)
    Trial.objects.filter(pk=changed.pk).update(recruiting=False)
    migrating.after(plan=PLAN, stdout=sys.stdout)

    assert bad.history.count() == 1
    assert changed.history.first().history_user_name == "system:migrate"
    assert [str(finding) for finding in findings(Tally())] == [
        f"trials_trial {bad.pk}: differs from its newest history row"
    ]
    event = AccessEvent.objects.get(kind="unexplained")
    assert event.detail == {"count": 1, "rows": [f"trials_trial {bad.pk}"]}
    assert "1 rows differ from their history since before this upgrade" in capsys.readouterr().out


def test_a_migration_that_needs_more_than_one_transaction_is_refused():
    """Writers could not be shut out, and a kill would leave half of it."""

    class Concurrent(Planned):
        atomic = False

        def __str__(self) -> str:
            return "trials.0002_index"

    with pytest.raises(CommandError, match=r"trials\.0002_index cannot run in a transaction"):
        migrating.before(plan=[(Concurrent(), False)])
    assert triggers.defects() == []


def test_no_migration_of_ours_or_of_a_package_needs_more_than_one_transaction():
    loader = MigrationLoader(None)
    assert [key for key, migration in loader.disk_migrations.items() if not migration.atomic] == []


def test_a_column_that_the_database_does_not_have_yet_is_no_difference():
    """Before a migration the models are ahead of the tables."""
    trial("one")
    change_schema("ALTER TABLE trials_trial DROP COLUMN recruiting")
    table = next(table for table in existing_tables(connection) if table.name == "trials_trial")

    assert "recruiting" not in table.columns
    assert list(replay.differences(connection, table)) == []


def test_a_seal_made_before_a_column_was_added_still_verifies(
    monkeypatch, django_capture_on_commit_callbacks
):
    """MIG-01: the seal names the columns it covers."""
    trial("one")
    with monkeypatch.context() as earlier:
        columns = sealed_rows.SealedTable.columns.fget
        fewer = property(lambda table: [name for name in columns(table) if name != "recruiting"])
        earlier.setattr(sealed_rows.SealedTable, "columns", fewer)
        with django_capture_on_commit_callbacks(execute=True):
            seals.seal(reason="test")

    assert list(findings(Tally())) == []


def test_migrate_acts_as_the_system_and_protects_the_tables_again_when_it_fails(monkeypatch):
    """AUD-06: a migration that stops half-way leaves nothing unprotected."""
    acted = []

    def fail(*args, **kwargs):
        acted.append(current_actor().user_name)
        triggers.remove()
        raise DatabaseError("the disk is full")

    monkeypatch.setattr("django.core.management.commands.migrate.Command.handle", fail)
    with pytest.raises(DatabaseError, match="disk is full"):
        call_command("migrate", verbosity=0)

    assert acted == ["system:migrate"]
    assert triggers.defects() == []


def test_nothing_to_migrate_mends_the_triggers_only_if_needed(django_assert_max_num_queries):
    triggers.remove()
    migrating.after(plan=[])

    assert triggers.defects() == []


def test_the_signals_are_connected_once_per_run():
    """The signals are sent for every application; the triggers are handled once."""
    for signal, receiver in ((pre_migrate, migrating.before), (post_migrate, migrating.after)):
        connected = [found for found in signal.receivers if found[1]() is receiver]
        assert len(connected) == 1


def test_every_audited_table_keeps_its_columns():
    """A column dropped from a history could no longer be verified against its seals: no migration drops one."""
    loader = MigrationLoader(None)
    dropping = (
        migrations.RemoveField,
        migrations.DeleteModel,
        migrations.RenameField,
        migrations.RenameModel,
    )
    rooms = {"accounts", "trials", "patients", "dosing", "safety", "audit"}
    found = [
        (key, operation)
        for key, migration in loader.disk_migrations.items()
        if key[0] in rooms
        for operation in migration.operations
        if isinstance(operation, dropping)
        and getattr(operation, "model_name", getattr(operation, "name", "")).lower().startswith("historical")
    ]

    assert found == []


@contextmanager
def as_application():
    """Act with the privileges of the application's role until the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE stroma_app_test")
        call_command("grant_role", "stroma_app_test")
        cursor.execute("SET ROLE stroma_app_test")
        try:
            yield cursor
        finally:
            cursor.execute("RESET ROLE")


@postgresql
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE trials_trial DISABLE TRIGGER stroma_trail",
        "ALTER TABLE trials_trial DISABLE TRIGGER ALL",
        "DROP TRIGGER stroma_trail ON trials_trial",
        "DROP FUNCTION stroma_trail_trials_trial() CASCADE",
        "CREATE OR REPLACE FUNCTION stroma_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "TRUNCATE trials_historicaltrial",
        "TRUNCATE trials_trial CASCADE",
        "UPDATE trials_historicaltrial SET slug = 'x'",
        "DELETE FROM trials_historicaltrial",
        "INSERT INTO trials_historicaltrial SELECT * FROM trials_historicaltrial",
        "DELETE FROM trials_trial",
        "UPDATE audit_seal SET reason = 'x'",
        "DELETE FROM audit_accessevent",
        "UPDATE audit_signature SET printed_name = 'x'",
        "DELETE FROM django_migrations",
    ],
)
def test_the_applications_role_cannot_get_around_the_trail(statement):
    """AUD-06: run as the role that serves the pages."""
    trial("one")
    refused = pytest.raises(DatabaseError, match=r"permission|denied|must be owner")
    with as_application() as cursor, refused, transaction.atomic():
        cursor.execute(statement)


@postgresql
def test_the_applications_role_can_do_its_work():
    """It writes through the triggers, records events, and seals."""
    with as_application(), acting(system="test"):
        one = Trial.objects.create(slug="one")
        Trial.objects.filter(pk=one.pk).update(recruiting=False)
        AccessEvent.objects.create(
            at=one.history.first().history_date, kind="exported", user_name="", origin="web", detail={}
        )
        assert seals.seal(reason="test").rows >= 3

    assert [entry.history_type for entry in one.history.order_by("history_id")] == ["+", "~"]


@postgresql
def test_rights_are_given_to_an_ordinary_role_only():
    with pytest.raises(CommandError, match="not a superuser"):
        call_command("grant_role", "stroma")
    with pytest.raises(CommandError, match="must be a role"):
        call_command("grant_role", "nobody_here")


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_sqlite_has_no_roles():
    with pytest.raises(CommandError, match="Only PostgreSQL"):
        call_command("grant_role", "app")


def test_rows_made_by_introspection_are_explained_by_their_history():
    """AUD-14: over every audited table at once."""
    tracked_rows.drop_value_constraints()
    try:
        with acting(system="test"):
            for model in tracked_models():
                tracked_rows.stored(model)
    finally:
        tracked_rows.restore_value_constraints()
    differences = [d for table in existing_tables(connection) for d in replay.differences(connection, table)]

    assert differences == []


def described(state: ProjectState) -> dict[str, set[tuple[str, str, str]]]:
    """Return of every model of a state: fields with what they refer to, what refers to it, constraints and indexes."""
    return {
        model._meta.label: {
            (
                field.name or "",
                type(field).__name__,
                field.related_model._meta.label if field.is_relation else "",
            )
            for field in model._meta.get_fields(include_hidden=True)
        }
        | {
            (each.name, type(each).__name__, repr(each))
            for each in (*model._meta.constraints, *model._meta.indexes)
        }
        for model in state.apps.get_models(include_auto_created=True)
    }


def test_models_rendered_one_by_one_are_those_that_django_renders_together():
    """REL-01: a first installation renders each model once, and makes the same tables."""
    loader = MigrationLoader(connection)
    leaves = [node for node in loader.graph.leaf_nodes() if node[0] in {"accounts", "audit", "trials"}]
    together, alone = loader.project_state(leaves), ProjectState()
    assert alone.apps
    with models_rendered_alone():
        for node in loader.graph._generate_plan(leaves, at_end=True):
            loader.graph.nodes[node].mutate_state(alone, preserve=False)
    assert described(alone) == described(together)
    assert any(model._meta.constraints for model in alone.apps.get_models())
