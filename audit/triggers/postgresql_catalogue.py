"""Read from PostgreSQL's catalogue what guards the audited tables, and what others have added to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.integrity import privileges
from audit.integrity.guard import KEY_TABLE
from audit.triggers.postgresql import PREFIX, TriggerFunction, TriggerState

HERE = "current_schema()::regnamespace"
WRITING = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")

TRIGGERS = f"""
SELECT c.relname, t.tgname, t.tgtype::int, t.tgenabled = 'O', t.tgattr::text, t.tgargs,
  coalesce(pg_get_expr(t.tgqual, t.tgrelid), ''), p.proname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgname LIKE '{PREFIX}%' AND c.relnamespace = {HERE} AND p.pronamespace = {HERE}
"""
FUNCTIONS = f"""
SELECT p.proname, p.prosrc, p.prosecdef, l.lanname, array_to_string(p.proconfig, ' ')
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.proname LIKE '{PREFIX}%' AND p.pronamespace = {HERE}
"""
# Place and problem; an empty problem means that it is not ours.
STRANGERS = {
    "trigger {1} on {0}": f"""
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = {HERE} AND (c.relname = ANY(%(names)s) OR t.tgname LIKE '{PREFIX}%%')""",
    "function {1}": f"""
SELECT '', proname FROM pg_proc WHERE proname LIKE '{PREFIX}%%' AND pronamespace = {HERE}""",
    "rule {1} on {0}": """
SELECT tablename, rulename FROM pg_rules WHERE schemaname = current_schema() AND tablename = ANY(%(names)s)""",
    "policy {1} on {0}": """
SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema() AND tablename = ANY(%(names)s)""",
    "event trigger {1}": "SELECT '', evtname FROM pg_event_trigger WHERE evtenabled <> 'D'",
    "table {1}, a child of {0},": f"""
SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
JOIN pg_class c ON c.oid = i.inhrelid WHERE p.relnamespace = {HERE} AND p.relname = ANY(%(names)s)""",
}
FOREIGN_KEYS_OFF = f"""
SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgisinternal AND t.tgenabled <> 'O' AND c.relnamespace = {HERE} AND c.relname = ANY(%(names)s) ORDER BY 1"""
ROW_SECURITY = f"""
SELECT relname FROM pg_class
WHERE relnamespace = {HERE} AND relname = ANY(%(names)s) AND (relrowsecurity OR relforcerowsecurity) ORDER BY 1"""
REPLICA = """
SELECT coalesce(r.rolname, 'every role') FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE array_to_string(s.setconfig, ' ') LIKE '%%session_replication_role=%%' ORDER BY 1"""
OWNERS = f"""
SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c
WHERE c.relnamespace = {HERE} AND c.relname = ANY(%(names)s)
AND c.relowner <> (SELECT proowner FROM pg_proc WHERE proname = '{PREFIX}digest' AND pronamespace = {HERE})
ORDER BY 1"""
GRANTS = f"""
SELECT c.relname, '' AS attname, CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(a.grantee) END,
  a.privilege_type
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = {HERE} AND c.relname = ANY(%(names)s) AND a.grantee <> c.relowner
UNION ALL
SELECT c.relname, t.attname, CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(a.grantee) END,
  a.privilege_type
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
WHERE c.relnamespace = {HERE} AND c.relname = ANY(%(names)s) AND a.grantee <> c.relowner
ORDER BY 1, 2, 3, 4"""


@dataclass(frozen=True)
class PresentFunction:
    """A function of ours as it is in the database; `setting` is its search path."""

    body: str
    as_owner: bool
    language: str
    setting: str

    def is_like(self, expected: TriggerFunction) -> bool:
        """Return whether it is the function that was installed."""
        return (
            self.body == expected.body and self.as_owner and self.language == "plpgsql" and bool(self.setting)
        )


def triggers(connection: BaseDatabaseWrapper) -> dict[tuple[str, str], TriggerState]:
    """Return the triggers with our prefix, by table and name."""
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        return {
            (table, name): TriggerState(bits, on, columns, bytes(arguments), when, function)
            for table, name, bits, on, columns, arguments, when, function in cursor.fetchall()
        }


def functions(connection: BaseDatabaseWrapper) -> dict[str, PresentFunction]:
    """Return the functions with our prefix."""
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        return {name: PresentFunction(*rest) for name, *rest in cursor.fetchall()}


def strangers(
    connection: BaseDatabaseWrapper,
    names: list[str],
    our_triggers: set[tuple[str, str]],
    our_functions: set[str],
) -> Iterator[tuple[str, str]]:
    """Yield place and problem of everything on the tables `names` that is not ours.

    An empty problem means just that.
    """
    ours: dict[str, Any] = {
        "trigger {1} on {0}": our_triggers,
        "function {1}": {("", name) for name in our_functions},
    }
    for place, sql in STRANGERS.items():
        for row in sorted(set(_rows(connection, sql, names)) - ours.get(place, set())):
            yield place.format(*row), ""
    for (table,) in _rows(connection, FOREIGN_KEYS_OFF, names):
        yield f"foreign keys of {table}", "are switched off"
    for (table,) in _rows(connection, ROW_SECURITY, names):
        yield f"row security of {table}", "is switched on: rows could be hidden or kept from being written"
    for (role,) in _rows(connection, REPLICA, names):
        yield f"setting session_replication_role for {role}", "switches triggers off"
    for table, owner in _rows(connection, OWNERS, names):
        yield (
            f"table {table}",
            f"belongs to {owner}, not to the owner of the triggers, who could switch them off",
        )
    yield from _grants(connection, names)


def _grants(connection: BaseDatabaseWrapper, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the rights to write that the application's role does not need; of the key, every right."""
    allowed = {table: _allowed(right) for table, right in privileges.rights().items()}
    for table, column, role, right in _rows(connection, GRANTS, [*names, KEY_TABLE]):
        if table != KEY_TABLE and (right not in WRITING or (column, right) in allowed[table]):
            continue
        if table != KEY_TABLE and column and ("", right) in allowed[table]:
            continue
        place = f"column {column} of {table}" if column else f"table {table}"
        yield place, f"{role} has the right to {right}, which the application does not need"


def _allowed(right: str) -> set[tuple[str, str]]:
    """Return the pairs of column (or "") and privilege of `SELECT, INSERT, UPDATE (a, b)`."""
    plain, _, columns = right.partition(", UPDATE (")
    named = {(column.strip(), "UPDATE") for column in columns.rstrip(")").split(",") if column.strip()}
    return {("", word) for word in plain.split(", ")} | named


def _rows(connection: BaseDatabaseWrapper, sql: str, names: list[str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"names": names})
        return list(cursor.fetchall())
