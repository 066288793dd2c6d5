"""SQL for PostgreSQL that undoes the marks on what changes in a row."""

from audit.triggers.masking import masked_as_decided
from audit.triggers.tables import CONTENT_CHANGED, TrackedTable

BECAUSE = f"coalesce(nullif(actor->>'reason', ''), '{CONTENT_CHANGED}')"


def differs(columns: tuple[str, ...], old: str = "OLD", new: str = "NEW") -> str:
    """Return the SQL condition that two rows differ in one of the columns."""
    before, after = (", ".join(f'{row}."{name}"' for name in columns) for row in (old, new))
    return f"ROW({before})::record *<> ROW({after})::record"


def undo_marks(table: TrackedTable) -> str:
    """Return SQL that undoes the marks on changed items and empties the column that records complete marks."""
    if table.marks is None:
        return ""
    marks = table.marks
    before, after = (f'({row}."{marks.items}"->m.item)' for row in ("OLD", "NEW"))
    other_columns = tuple(column for column in table.signed if column != marks.items)
    item = f"m.item <> '' AND ({before}::text IS DISTINCT FROM {after}::text OR {differs(other_columns)})"
    here = f'm."{marks.record}" = NEW."{table.key}" AND m.undone_at IS NULL AND (m.item = \'\' OR {item})'
    old, new = (
        f"CASE m.item WHEN '' THEN {row}.\"{marks.items}\" ELSE jsonb_build_object(m.item, {value}) END"
        for row, value in (("OLD", before), ("NEW", after))
    )
    # The column is emptied first: its condition looks for marks that are still in force.
    return f"""
  IF TG_OP = 'UPDATE' AND {differs(table.signed)} AND NOT ({_masked(table)}) THEN
    UPDATE "{table.name}" SET "{marks.clears}" = NULL
    WHERE "{table.key}" = NEW."{table.key}" AND "{marks.clears}" IS NOT NULL AND EXISTS (
      SELECT 1 FROM "{marks.name}" m WHERE m.kind = '{marks.kind}' AND {here});
    UPDATE "{marks.name}" m SET undone_at = clock_timestamp(), undone = jsonb_build_object(
      'by', actor->>'full_name', 'because', {BECAUSE}, 'old', {old}, 'new', {new})
    WHERE {here};
  END IF;"""


def undo_fact_marks(table: TrackedTable) -> str:
    """Return SQL that undoes the marks on changed facts of the row, and those on the whole row."""
    marks = table.fact_marks
    if marks is None:
        return ""
    items = " OR ".join(f"m.item = '{item}' AND {differs(columns)}" for item, columns in marks.facts)
    old, new = (
        "jsonb_build_object(" + ", ".join(f"'{name}', {row}.\"{name}\"" for name in marks.columns) + ")"
        for row in ("OLD", "NEW")
    )
    return f"""
  IF TG_OP = 'UPDATE' AND {differs(marks.columns)} AND NOT ({_masked(table)}) THEN
    UPDATE "{marks.name}" m SET undone_at = clock_timestamp(), undone = jsonb_build_object(
      'by', actor->>'full_name', 'because', {BECAUSE}, 'old', {old}, 'new', {new})
    WHERE m.target_id = NEW."{table.key}" AND m.target = '{marks.target}' AND m.undone_at IS NULL
      AND (m.item = '' OR {items});
  END IF;"""


def _masked(table: TrackedTable) -> str:
    """Return SQL for a change that only masks: undoing a mark would store the text again."""
    return masked_as_decided(table, differs, "postgresql")
