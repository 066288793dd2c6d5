"""Functions and statements of the guard (`audit.integrity.guard`), installed and removed with the triggers."""

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.integrity import actor_tokens
from audit.integrity.guard import (
    KEY_TABLE,
    SQLITE_VIEW,
    TRAIL_LOCK,
    UNGUARDED,
    UNSIGNED,
    UPGRADE_LOCK,
    UPGRADING,
    sqlite_digest,
    sqlite_guarded,
)
from audit.triggers.postgresql import PREFIX, TriggerFunction

NOT_NOW = "USING ERRCODE = 'cannot_connect_now'"

PRESENT_DIGEST = f"""
SELECT md5(string_agg(line, chr(10) ORDER BY line COLLATE "C")) FROM (
  SELECT concat_ws(' ', c.relname, t.tgname, t.tgtype, t.tgenabled, p.proname, encode(t.tgargs, 'hex'), t.tgattr,
    pg_get_expr(t.tgqual, t.tgrelid)) AS line
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE NOT t.tgisinternal AND t.tgname LIKE '{PREFIX}%' AND c.relnamespace = current_schema()::regnamespace
  UNION ALL
  SELECT concat_ws(' ', proname, md5(prosrc)) FROM pg_proc
  WHERE proname LIKE '{PREFIX}%' AND proname <> '{PREFIX}digest' AND pronamespace = current_schema()::regnamespace
) AS present"""

GUARDED = TriggerFunction(
    f"{PREFIX}guarded",
    f"BEGIN RETURN ({PRESENT_DIGEST}) = {PREFIX}digest(); END",
    "boolean",
)
# The number is not in any statement, so that nobody can read it among the running statements of others.
SESSION = TriggerFunction(
    f"{PREFIX}session",
    f"""
DECLARE number text := replace(gen_random_uuid()::text, '-', '');
BEGIN
  IF NOT {PREFIX}guarded() THEN RAISE EXCEPTION '{UNGUARDED}' {NOT_NOW}; END IF;
  PERFORM set_config('stroma.session', number, false);
  RETURN number;
END""",
    "text",
)
# Returns the actor as it was signed ("" for nobody), or NULL if it was not signed for this session.
SIGNED = TriggerFunction(
    f"{PREFIX}signed",
    f"""
DECLARE
  said text := coalesce(current_setting('stroma.actor', true), '');
  content bytea := convert_to(coalesce(current_setting('stroma.session', true), '') || '.' || said, 'UTF8');
BEGIN
  IF current_setting('stroma.token', true) = (
    SELECT encode(sha256(k.outer_pad || sha256(k.inner_pad || content)), 'hex') FROM {KEY_TABLE} k)
  THEN RETURN said; END IF;
  RETURN NULL;
END""",
    "text",
)
ACT = TriggerFunction(
    f"{PREFIX}act",
    f"""
BEGIN
  IF NOT pg_try_advisory_xact_lock_shared({UPGRADE_LOCK}) THEN RAISE EXCEPTION '{UPGRADING}' {NOT_NOW}; END IF;
  PERFORM pg_advisory_xact_lock_shared({TRAIL_LOCK});
  PERFORM set_config('stroma.actor', said, true), set_config('stroma.token', token, true);
  IF {PREFIX}signed() IS NULL THEN RAISE EXCEPTION '{UNSIGNED}' {NOT_NOW}; END IF;
END""",
    "void",
    "said text, token text",
)
DIGEST = f"{PREFIX}digest"
FUNCTIONS = (GUARDED, SESSION, SIGNED, ACT)


def closing_statements(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the statements that store the digest of the triggers just installed."""
    if connection.vendor == "sqlite":
        return [f"CREATE VIEW {SQLITE_VIEW} AS SELECT '{sqlite_digest(connection.connection)}' AS digest"]
    with connection.cursor() as cursor:
        cursor.execute(PRESENT_DIGEST)
        (digest,) = cursor.fetchone()
    body = f"BEGIN RETURN '{digest}'; END"
    return [TriggerFunction(DIGEST, body, "text").sql]


def key_statements() -> list[str]:
    """Return the statements that store the key of the tokens on PostgreSQL, readable by the owner only."""
    inner, outer = (pad.hex() for pad in actor_tokens.pads())
    return [
        f"CREATE TABLE {KEY_TABLE} (inner_pad bytea NOT NULL, outer_pad bytea NOT NULL)",
        f"REVOKE ALL ON {KEY_TABLE} FROM PUBLIC",
        f"INSERT INTO {KEY_TABLE} VALUES ('\\x{inner}', '\\x{outer}')",
    ]


def is_current(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the guard lets this installation write: its digest, and its key. For the owner of the tables."""
    if connection.vendor == "sqlite":
        return guarded(connection)
    return guarded(connection) and _key_is_current(connection)


def _key_is_current(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [KEY_TABLE])
        if cursor.fetchone() == (None,):
            return False
        cursor.execute(f"SELECT inner_pad, outer_pad FROM {KEY_TABLE}")
        return [tuple(bytes(pad) for pad in row) for row in cursor.fetchall()] == [actor_tokens.pads()]


def guarded(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the triggers are as they were installed; False if they were never installed. Few milliseconds."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        return sqlite_guarded(connection.connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regprocedure(%s), to_regprocedure(%s)", [f"{PREFIX}guarded()", f"{PREFIX}digest()"]
        )
        if None in cursor.fetchone():
            return False
        cursor.execute(f"SELECT {PREFIX}guarded()")
        return bool(cursor.fetchone()[0])
