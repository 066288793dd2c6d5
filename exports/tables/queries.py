"""Queries in an export: the number of the row that each is about."""

from typing import Any

from django.db.models import Case, IntegerField, OuterRef, QuerySet, Subquery, When

from dosing.models import Infusion
from patients.models import Query
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
