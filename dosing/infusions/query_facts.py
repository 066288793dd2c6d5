"""The bedside facts of an infusion, as queries name them: both arms share them, and none is of the product."""

from collections.abc import Mapping

from django.urls import reverse
from django.utils.translation import gettext as _

from dosing.labels import bedside_facts
from dosing.models import Infusion
from patients.casebook.facts import FactKind, Words
from patients.models import Query


def _facts(row: Infusion) -> Mapping[str, Words]:
    return {name: (label, value) for name, label, value in bedside_facts(row)}


def _page(row: Infusion) -> str:
    return reverse("dosing:infusion", args=[row.patient.trial.slug, row.patient.code, row.number])


def _refusal(row: Infusion) -> str:
    return _("Nothing is recorded yet.") if row.state == Infusion.State.PLANNED else ""


KIND = FactKind(
    target=Query.Target.INFUSION,
    model=Infusion,
    title=lambda row: _("Infusion %(number)s") % {"number": row.number},
    facts=_facts,
    page=_page,
    refusal=_refusal,
    joins=("visit",),
    day=lambda row: row.started,
    day_column="started",
)
