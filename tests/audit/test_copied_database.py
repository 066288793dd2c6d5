"""The tests run on copies of a migrated database: all that guards the trail must be in the copy."""

import sqlite3
from contextlib import closing

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from audit import triggers
from audit.triggers import postgresql_catalogue
from tests.support.database import migrated

pytestmark = pytest.mark.django_db


def test_the_database_of_the_tests_is_a_copy_with_every_migration():
    """AUD-01: triggers and their functions included, none missing, changed or switched off."""
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert triggers.defects() == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a copy of a file")
def test_a_copy_has_the_triggers_of_its_image_before_anything_checks_them(tmp_path):
    """`migrate` would make missing ones again on the copy: here nothing has run on it."""
    image = next(migrated.FOLDER.glob(f"{migrated.digest()}.sqlite3"))
    copy = tmp_path / "copy.sqlite3"
    migrated.fill(str(copy), image)
    assert schema(copy) == schema(image)
    assert any(kind == "trigger" for kind, _name, _sql in schema(copy))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a copy on a server")
def test_a_copy_on_a_server_has_the_triggers_of_the_template_before_anything_checks_them():
    name = "stroma_copied_for_a_test"
    with connection._nodb_cursor() as server:
        server.execute(f'CREATE DATABASE {name} TEMPLATE "{migrated.PREFIX}{migrated.digest()}"')
        copy = connection.copy()
        copy.settings_dict["NAME"] = name
        try:
            assert guarding(copy) == guarding(connection)
            assert all(guarding(copy))
        finally:
            copy.close()
            server.execute(f"DROP DATABASE {name}")


def guarding(database) -> tuple[dict, dict]:
    """Return every trigger with its state, and every function with its body."""
    return postgresql_catalogue.triggers(database), postgresql_catalogue.functions(database)


def schema(path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as opened:
        return opened.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
