"""Queries in an export: the number of the row and the value that each is about."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, IntegerField, OuterRef, QuerySet, Subquery, When

from dosing.models import Infusion
from patients.models import Query
from protocol.values.row_ids import by_id
from safety.models import AdverseEvent
from trials.models import Trial


def queries_with_numbers(trial: Trial) -> QuerySet[Any]:
    """Return the queries with the number of the adverse event or infusion that they are about."""
    asked = {Query.Target.ADVERSE_EVENT: AdverseEvent, Query.Target.INFUSION: Infusion}
    numbers = [
        When(
            target=target,
            then=Subquery(model._default_manager.filter(pk=OuterRef("target_id")).values("number")),
        )
        for target, model in asked.items()
    ]
    rows = Query.objects.filter(patient__trial=trial)
    return rows.annotate(about_number=Case(*numbers, output_field=IntegerField()))


def value_asked(values: Mapping[str, Any] | None, item: str, row: str, column: str) -> str:
    """Return the value of the item now, or of the cell of a table: `37.5`, `<0.6`, `Y N`, `missing: NA`.

    Empty without a value, for a whole table, a removed row, an attached file, and a query that is about no form.
    """
    value = (values or {}).get(item)
    if row:
        _number, cells = by_id(value).get(row, (0, {}))
        value = cells.get(column)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        if "missing" in value:
            return f"missing: {value['missing']}"
        if "comparator" in value:
            return f"{value['comparator']}{value.get('limit', '')}"
        return str(value.get("value", ""))
    if isinstance(value, list):
        return " ".join(each for each in value if isinstance(each, str))
    return "" if value is None else str(value)
