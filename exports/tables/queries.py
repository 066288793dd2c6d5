"""Queries in an export: the row that each is about, with its number, visit, day and facts."""

from typing import Any

from django.db.models import Case, Expression, IntegerField, JSONField, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, JSONObject

from dosing.models import Infusion
from patients.casebook.facts import KINDS
from patients.models import ContactAttempt, Query, Sample
from safety.models import AdverseEvent
from trials.models import Trial

NUMBERED = {
    Query.Target.ADVERSE_EVENT: AdverseEvent,
    Query.Target.INFUSION: Infusion,
    Query.Target.CONTACT: ContactAttempt,
    Query.Target.SAMPLE: Sample,
}
AT_VISITS = {Query.Target.INFUSION: Infusion, Query.Target.SAMPLE: Sample}


def queries_with_rows(trial: Trial) -> QuerySet[Any]:
    """Return the queries with number and visit of the row that they are about, and its facts as JSON (`fact`)."""
    facts = [
        When(target=kind.target, then=_of(kind.model, JSONObject(**{name: name for name in kind.columns})))
        for kind in KINDS.values()
    ]
    visit = {
        f"about_visit_{name}": Coalesce(
            f"record__visit__{name}",
            *(_of_visit_of(target, model, f"visit__{name}") for target, model in AT_VISITS.items()),
        )
        for name in ("code", "number", "held_on")
    }
    return Query.objects.filter(patient__trial=trial).annotate(
        about_number=number_of_target(),
        fact=Case(*facts, output_field=JSONField()),
        **visit,
    )


def number_of_target() -> Case:
    """Return the number of the row that `target` and `target_id` name; null for a row that has none."""
    numbers = [When(target=target, then=_of(model, "number")) for target, model in NUMBERED.items()]
    return Case(*numbers, output_field=IntegerField())


def _of(model: Any, read: str | Expression) -> Subquery:
    rows = model._default_manager.filter(pk=OuterRef("target_id")).order_by()
    return Subquery(rows.values(read) if isinstance(read, str) else rows.values(found=read))


def _of_visit_of(target: str, model: Any, path: str) -> Case:
    """Return a field of the visit at which an infusion was given or a sample taken."""
    return Case(When(target=target, then=_of(model, path)), default=None)
