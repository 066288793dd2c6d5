"""Whatever switches the trail off, writes past it or was added by others is named (AUD-06, REL-07)."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit import triggers
from audit.sealing.verification import Tally, findings

pytestmark = pytest.mark.django_db
sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'")
postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'")


def found(*statements: str) -> list[str]:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    return [str(finding) for finding in findings(Tally())]


def test_a_database_as_migrated_has_nothing_to_name():
    assert list(triggers.objections()) == []


LOCKED = "EXECUTE FUNCTION stroma_locked_patients_record()"
NEVER = "WHEN (false) EXECUTE FUNCTION stroma_trail_trials_trial()"
REFUSES = "EXECUTE FUNCTION stroma_refuse('x')"
FUNCTION = "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
FOREIGN = "is not one of Stroma's: it could change or prevent what is stored"
OFF = "is missing, changed or switched off"
REFUSE = """CREATE OR REPLACE FUNCTION stroma_refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS 'BEGIN RETURN NULL; END'"""
GRANTED = "role_of_test has the right to {}, which the application does not need"


@postgresql
@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (
            ["ALTER TABLE trials_trial ENABLE REPLICA TRIGGER stroma_trail"],
            f"trigger stroma_trail on trials_trial: {OFF}",
        ),
        (
            ["ALTER TABLE trials_trial ENABLE ALWAYS TRIGGER stroma_trail"],
            f"trigger stroma_trail on trials_trial: {OFF}",
        ),
        (
            [
                "DROP TRIGGER stroma_locked ON patients_record",
                "CREATE TRIGGER stroma_locked BEFORE UPDATE OF state ON patients_record FOR EACH ROW "
                + LOCKED,
            ],
            f"trigger stroma_locked on patients_record: {OFF}",
        ),
        (
            [
                "DROP TRIGGER stroma_trail ON trials_trial",
                "CREATE TRIGGER stroma_trail AFTER INSERT OR UPDATE ON trials_trial FOR EACH ROW " + NEVER,
            ],
            f"trigger stroma_trail on trials_trial: {OFF}",
        ),
        (
            [
                "DROP TRIGGER stroma_only_triggers ON trials_historicaltrial",
                "CREATE TRIGGER stroma_only_triggers BEFORE INSERT ON trials_historicaltrial " + REFUSES,
            ],
            f"trigger stroma_only_triggers on trials_historicaltrial: {OFF}",
        ),
        ([REFUSE], f"trigger stroma_refuse: {OFF}"),
        (
            ["ALTER FUNCTION stroma_signed() SECURITY INVOKER"],
            f"trigger stroma_signed: {OFF}",
        ),
        (
            ["ALTER FUNCTION stroma_trail_trials_trial() SET search_path = other"],
            f"trigger stroma_trail_trials_trial: {OFF}",
        ),
        (
            [
                FUNCTION,
                "CREATE TRIGGER other BEFORE INSERT ON trials_trial FOR EACH ROW EXECUTE FUNCTION other()",
            ],
            f"trigger other on trials_trial: {FOREIGN}",
        ),
        (
            ["CREATE FUNCTION stroma_more() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
            f"function stroma_more: {FOREIGN}",
        ),
        (
            ["CREATE RULE nothing AS ON UPDATE TO trials_trial DO INSTEAD NOTHING"],
            f"rule nothing on trials_trial: {FOREIGN}",
        ),
        (
            ["CREATE POLICY other ON trials_trial USING (false)"],
            f"policy other on trials_trial: {FOREIGN}",
        ),
        (
            ["ALTER TABLE trials_trial ENABLE ROW LEVEL SECURITY"],
            "row security of trials_trial: is switched on: rows could be hidden or kept from being written",
        ),
        (
            ["CREATE TABLE more () INHERITS (trials_trial)"],
            f"table more, a child of trials_trial,: {FOREIGN}",
        ),
        (
            ["SET CONSTRAINTS ALL IMMEDIATE", "ALTER TABLE trials_delegation DISABLE TRIGGER ALL"],
            "foreign keys of trials_delegation: are switched off",
        ),
        (
            ["CREATE ROLE role_of_test", "ALTER TABLE trials_trial OWNER TO role_of_test"],
            "table trials_trial: belongs to role_of_test, not to the owner of the triggers, who could switch them off",
        ),
        (
            ["CREATE ROLE role_of_test", "ALTER ROLE role_of_test SET session_replication_role = replica"],
            "setting session_replication_role for role_of_test: switches triggers off",
        ),
        (
            ["CREATE ROLE role_of_test", "GRANT INSERT ON trials_historicaltrial TO role_of_test"],
            f"table trials_historicaltrial: {GRANTED.format('INSERT')}",
        ),
        (
            ["CREATE ROLE role_of_test", "GRANT DELETE ON trials_trial TO role_of_test"],
            f"table trials_trial: {GRANTED.format('DELETE')}",
        ),
        (
            ["CREATE ROLE role_of_test", "GRANT UPDATE (printed_name) ON audit_signature TO role_of_test"],
            f"column printed_name of audit_signature: {GRANTED.format('UPDATE')}",
        ),
        (
            ["CREATE ROLE role_of_test", "GRANT SELECT ON stroma_key TO role_of_test"],
            f"table stroma_key: {GRANTED.format('SELECT')}",
        ),
        (
            ["GRANT TRUNCATE ON audit_accessevent TO PUBLIC"],
            "table audit_accessevent: everybody has the right to TRUNCATE, which the application does not need",
        ),
    ],
)
def test_what_the_trail_cannot_rely_on_is_named(statements, named):
    assert named in found(*statements)


@postgresql
def test_the_rights_of_the_applications_role_are_what_it_needs():
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE role_of_test")
    call_command("grant_role", "role_of_test")

    assert list(triggers.objections()) == []


@sqlite
@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (
            ["DROP TRIGGER stroma_patients_record_locked"],
            f"trigger stroma_patients_record_locked: {OFF}",
        ),
        (
            ["CREATE TRIGGER other BEFORE INSERT ON trials_trial BEGIN SELECT RAISE(IGNORE); END"],
            f"trigger other on trials_trial: {FOREIGN}",
        ),
        (
            ["CREATE TRIGGER stroma_more AFTER INSERT ON trials_trial BEGIN SELECT 1; END"],
            f"trigger stroma_more on trials_trial: {FOREIGN}",
        ),
        (["DROP VIEW stroma_guard"], f"trigger stroma_guard: {OFF}"),
    ],
)
def test_what_an_sqlite_trail_cannot_rely_on_is_named(statements, named):
    assert named in found(*statements)


def test_verify_trail_fails_by_it():
    statement = {
        "sqlite": "CREATE TRIGGER other BEFORE INSERT ON trials_trial BEGIN SELECT RAISE(IGNORE); END",
        "postgresql": "ALTER TABLE trials_trial ENABLE REPLICA TRIGGER stroma_trail",
    }
    with connection.cursor() as cursor:
        cursor.execute(statement[connection.vendor])

    with pytest.raises(CommandError, match="on trials_trial: is "):
        call_command("verify_trail")
