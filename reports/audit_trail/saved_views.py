"""Views of the trail: named filters of the protocol file and of people, with the plans of their review (AUD-11)."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import address
from accounts.models import User
from audit.models import SavedView, TrailReview
from trials.models import Trial
from trials.reader import reader_language


@dataclass(frozen=True)
class OfferedView:
    """A view as the page offers it. plan: words about its plan; due: whether a review is due."""

    name: str
    url: str
    plan_url: str = ""
    due_on: date | None = None
    due: bool = False


def offered_views(trial: Trial, *, reviews: bool) -> list[OfferedView]:
    """Return the views of the protocol file, then those that people saved. Two queries."""
    page = address("audit:trail", trial.slug)
    risks = [OfferedView(name, f"{page}?{urlencode(query)}") for name, query in risk_views(trial)]
    saved = [
        OfferedView(
            view.name,
            f"{page}?{view.query}",
            address("audit:view", trial.slug, view.pk) if reviews else "",
            due_on,
            due_on is not None and due_on <= trial.today,
        )
        for view, due_on in views_with_due(trial)
    ]
    return [*risks, *saved]


def risk_views(trial: Trial) -> list[tuple[str, dict[str, str]]]:
    """Return name and filters of the views that the protocol file ships with. No query."""
    language = reader_language()
    watch = trial.rules.trail_review.watch
    found = [(each.title.in_language(language), {"watch": code}) for code, each in watch.items()]
    if "eligibility" in watch:
        told = _("Eligibility data changed after inclusion")
        found.append((told, {"watch": "eligibility", "state": "after_inclusion"}))
    return [
        *found,
        (_("Late entry"), {"state": "late"}),
        (_("Night and weekend"), {"state": "outside"}),
        (_("Changed after signature"), {"state": "after_signature"}),
        (_("Changed after unlock"), {"state": "after_unlock"}),
        (_("Many by one person in minutes"), {"state": "in_bulk"}),
        (_("Deletions"), {"kind": "deleted"}),
        (_("Commands with a named person"), {"origin": "command", "user": "*"}),
    ]


def views_with_due(trial: Trial, *, person: int | None = None) -> list[tuple[SavedView, date | None]]:
    """Return the views in use, each with the day on which its next review is due. Two queries.

    person: only views that this person has to review.
    """
    rows = SavedView.objects.filter(trial_id=trial.pk, listing="", retired_at=None)
    views = list(rows if person is None else rows.filter(person_id=person))
    planned = [view.pk for view in views if view.every_days]
    last: dict[int, Any] = (
        dict(
            TrailReview.objects.filter(view_id__in=planned)
            .order_by()
            .values_list("view_id")
            .annotate(last=Max("reviewed_at"))
        )
        if planned
        else {}
    )
    return [(view, _due_on(view, last.get(view.pk), trial)) for view in views]


def due_on(view: SavedView, trial: Trial) -> date | None:
    """Return the day on which the next review is due; None without a plan. One query."""
    last = TrailReview.objects.filter(view_id=view.pk).aggregate(last=Max("reviewed_at"))["last"]
    return _due_on(view, last, trial)


def _due_on(view: SavedView, last: Any, trial: Trial) -> date | None:
    if not view.every_days or view.starts_on is None:
        return None
    if last is None:
        return view.starts_on
    return max(view.starts_on, trial.day_of(last) + timedelta(days=view.every_days))


@transaction.atomic
def save_view(
    *, trial: Trial, name: str, query: str, purpose: str, plan: dict[str, Any], by: User
) -> SavedView:
    """Store a view that everybody who reads the trail is offered. Raises ValidationError by field.

    plan: `every_days`, `sample`, `person` (a User) and `starts_on`, all None without a plan.
    """
    view = SavedView(
        trial_id=trial.pk,
        name=name,
        query=query,
        purpose=purpose,
        made_by=by.pk,
        made_by_name=by.full_name,
        made_at=timezone.now(),
    )
    _set_plan(view, plan)
    view.validate_constraints()
    view.save()
    return view


@transaction.atomic
def change_plan(*, view: SavedView, purpose: str, plan: dict[str, Any], seen: str) -> SavedView:
    """Change what to look for in a view and its plan. seen: the version that the page showed, as it was sent.

    Raises ValidationError by field, and for a view that somebody changed meanwhile or retired.
    """
    kept = SavedView.objects.select_for_update().get(pk=view.pk)
    if kept.retired_at is not None:
        raise ValidationError(_("This view was retired."))
    if str(kept.version) != seen:
        raise ValidationError(_("The view was changed meanwhile. Open it again and repeat your change."))
    kept.purpose = purpose
    kept.version += 1
    _set_plan(kept, plan)
    kept.validate_constraints()
    kept.save()
    return kept


def _set_plan(view: SavedView, plan: dict[str, Any]) -> None:
    person: User | None = plan["person"]
    view.every_days, view.sample, view.starts_on = plan["every_days"], plan["sample"], plan["starts_on"]
    view.person_id = person.pk if person else None
    view.person_name = person.full_name if person else ""
    if view.every_days is not None and person is None:
        raise ValidationError({"person": _("A plan needs a person who reviews.")})
