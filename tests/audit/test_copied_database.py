"""The tests run on copies of a migrated database: all that guards the trail must be in the copy."""

import sqlite3
from contextlib import closing

import pytest
from django.db import connection

from audit import triggers
from tests.support import migrated

pytestmark = pytest.mark.django_db


def test_the_database_of_the_tests_is_a_copy_with_every_migration():
    """AUD-01: triggers and their functions included, none missing, changed or switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_migrations WHERE app = 'audit'")
        assert cursor.fetchone() == (1,)
    assert triggers.defects() == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a copy of a file")
def test_a_copy_has_the_triggers_of_its_image_before_anything_checks_them(tmp_path):
    """`migrate` would make missing ones again on the copy: here nothing has run on it."""
    image = next(migrated.FOLDER.glob(f"{migrated.digest()}.sqlite3"))
    copy = tmp_path / "copy.sqlite3"
    migrated.fill(str(copy), image)
    assert schema(copy) == schema(image)
    assert any(kind == "trigger" for kind, _name, _sql in schema(copy))


def schema(path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as opened:
        return opened.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
