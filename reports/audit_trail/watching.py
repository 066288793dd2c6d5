"""The data that a protocol file names to be watched in the trail, as tables and items of the trail."""

from collections.abc import Iterable

from django.db.models import Model

from audit.trail import item_name, told_columns, tracked_models, trail_of
from audit.trail_reading.sources import WorkingHours
from patients.casebook.facts import KINDS
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.document.risk_review import parts_of
from protocol.expressions.rules import rules_of

Watched = tuple[str, str, tuple[str, ...]]
"""Table, code of the form (empty for other tables), and items; without items the whole form or table."""
RECORD, CRITERIA = "patients.record", "criteria"
# The facts of a product are in a table of their own, which only some may see. Seriousness is a set of criteria.
TABLES = {"product": "dosing.preparation"}
SERIOUSNESS = (
    "results_in_death", "life_threatening", "hospitalisation", "disability", "congenital_anomaly",
    "medically_important", "none_of_these",
)  # fmt: skip


def watched(rules: Protocol, code: str) -> tuple[Watched, ...]:
    """Return the scope of a watch of the protocol. Raises KeyError for an unknown code."""
    found: dict[tuple[str, str], list[str] | None] = {}
    if CRITERIA in rules.trail_review.watch[code].data:
        # Besides what the criteria read: what the investigator decided from it.
        found[table_of("eligibility"), ""] = None
    for path in _paths(rules, code):
        place, name = parts_of(path)
        key = (RECORD, place) if place in rules.forms else (table_of(place), "")
        names = SERIOUSNESS if name == "seriousness" else (name,)
        if not name:
            found[key] = None
        elif (kept := found.setdefault(key, [])) is not None:
            kept.extend(each for each in names if each not in kept)
    return tuple((*key, tuple(items or ())) for key, items in found.items())


def places_of(versions: Iterable[Protocol], item: str) -> tuple[tuple[str, str], ...]:
    """Return the places of an item, as (table, code of the form): forms of any version, and tables with the column."""
    forms = {code for rules in versions for code, form in rules.forms.items() if _has(form, item)}
    tables = {
        model._meta.label_lower
        for model in tracked_models()
        if not trail_of(model).form and item in _columns(model)
    }
    return (*((RECORD, form) for form in sorted(forms)), *((table, "") for table in sorted(tables)))


def is_of_every_form(item: str) -> bool:
    """Return whether an item is a column of every captured form, such as its state."""
    return any(trail_of(model).form and item in _columns(model) for model in tracked_models())


def _has(form: Form, item: str) -> bool:
    return any(each.name == item for each in form.items)


def _columns(model: type[Model]) -> set[str]:
    """Return the columns of a table as the index names them."""
    return {item_name(field.attname) for field in told_columns(model)} - {trail_of(model).items}


def working_hours(rules: Protocol) -> WorkingHours:
    """Return when people work at the site."""
    return WorkingHours(rules.trail_review.days, *rules.trail_review.minutes)


def table_of(kind: str) -> str:
    """Return the table of a kind of row outside the forms."""
    return TABLES.get(kind) or KINDS[kind].model._meta.label_lower


def _paths(rules: Protocol, code: str) -> list[str]:
    """Return the paths of a watch; `criteria` stands for the items that criteria and group rules read."""
    found: list[str] = []
    for path in rules.trail_review.watch[code].data:
        if path != CRITERIA:
            found.append(path)
            continue
        read = sorted(rules_of(rules).eligibility.references)
        found += [name for name in read if name.partition(".")[0] in rules.forms]
    return found
