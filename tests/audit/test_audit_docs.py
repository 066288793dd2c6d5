"""docs/audit.md matches the code."""

import re
from pathlib import Path

from django.core.management import get_commands

from audit.events import AccessKind
from audit.trail import TrailRow, tracked_models, trail_of
from audit.triggers.tables import ACTOR_COLUMNS
from reports.audit_trail.forms import ORIGINS, TrailForm

PAGE = (Path(__file__).resolve().parents[2] / "docs/audit.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_page_lists_every_audited_table_with_its_right_and_its_signed_columns():
    """AUD-01, SIG-02."""
    result = re.findall(r"^\| `([\w.]+)` \| (\w+) \| (.+) \|$", section("What is tracked"), re.MULTILINE)

    assert result == [
        (model._meta.label, trail.see or "see_trail", ", ".join(trail.signed_content) or "–")
        for model in tracked_models()
        for trail in [trail_of(model)]
    ]


def test_the_page_explains_every_column_of_a_history():
    """AUD-02."""
    result = set(re.findall(r"`(history_\w+)`", section("What a row of a history tells")))
    columns = {field.name for field in TrailRow._meta.get_fields()} | set(ACTOR_COLUMNS)

    assert result == columns | {"history_id", "history_type", "history_date"}


def test_the_page_names_every_origin():
    section_text = section("What a row of a history tells")

    assert all(f"`{origin}`" in section_text for origin, _ in ORIGINS)


def test_the_page_explains_every_kind_of_event():
    """AUD-08."""
    assert re.findall(r"^\| `(\w+)` \|", section("Events"), re.MULTILINE) == AccessKind.values


def test_the_page_names_every_filter_of_the_trail():
    """AUD-11."""
    section_text = section("Reading and reviewing")

    assert all(f"`{name}`" in section_text for name in TrailForm.base_fields)


def test_every_command_that_the_page_names_exists():
    named = set(re.findall(r"manage\.py (\w+)", PAGE)) | set(re.findall(r"`(grant_role|migrate|seal)`", PAGE))

    assert named <= set(get_commands())
    assert named == {
        "seal",
        "verify_trail",
        "migrate",
        "grant_role",
        "settle_trail",
        "backup",
        "restore_drill",
    }
