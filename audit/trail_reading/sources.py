"""The tables that make up the trail, and what a filter means in each of them.

A source is one ordered part of the stream: a history, the access events of a trial, those of its users, or the reviews.
Each returns its rows newest first from an index; `audit.trail_reading.reading` merges them.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from audit.models import AccessEvent, Signature, TrailReview
from audit.trail import history_model, tracked_columns, tracked_models, trail_of

HISTORY_KINDS = {"created": "+", "changed": "~", "marked": "~", "deleted": "-"}
SIGNATURE_KINDS = {"signed": "+", "unsigned": "~"}
KINDS = (*HISTORY_KINDS, *SIGNATURE_KINDS, "access", "review")


@dataclass(frozen=True)
class WorkingHours:
    """When people work at the site: days of the week, 0 is Monday, and minutes of the day from first to before last."""

    days: tuple[int, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Filter:
    """Filter on the trail of one trial; an empty field does not filter.

    people: ids of the users of the trial, whose accounts and sign-ins are included.
    form: code of a captured form, or label of a model (`safety.adverseevent`).
    item: an item of a captured form, or a column; only rows in which it changed. watched: several of them, as
    (table, form, items). places: where the item is, as (table, form), if no form is chosen; without them every entry is
    read. row: one row of one model, as (label, key). kind: also a kind of access event.
    user_id: -1 means no person (system processes), -2 any person. about: the person whose account or role it is.
    minutes: first and last minute of the day at the site. outside: only rows outside these hours. late: only first
    entries of forms more than so many days after the visit. states: columns of the index that must hold
    (`after_signature`). search: words in values and reasons. exactly: the time of a row.
    """

    trial_id: int
    people: tuple[int, ...] = ()
    patient_id: int | None = None
    form: str = ""
    item: str = ""
    row: tuple[str, int] | None = None
    user_id: int | None = None
    role: str = ""
    kind: str = ""
    origin: str = ""
    since: datetime | None = None
    until: datetime | None = None
    exactly: datetime | None = None
    session: str = ""
    address: str = ""
    about: int | None = None
    minutes: tuple[int, int] | None = None
    outside: WorkingHours | None = None
    late: int | None = None
    states: tuple[str, ...] = ()
    watched: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    places: tuple[tuple[str, str], ...] | None = None
    search: str = ""


@dataclass(frozen=True)
class Source:
    """One ordered part of the stream. `time` and `key` are the columns that order it."""

    name: str
    model: type[models.Model]
    of: type[models.Model] | None
    rows: QuerySet[Any]
    time: str
    key: str


def sources(trail_filter: Filter, *, may: Collection[str]) -> list[Source]:
    """Return the parts of the stream that the reader may see and the filter includes."""
    found = [source for model in tracked_models() if (source := _history(model, trail_filter, may))]
    return [*found, *_events_and_reviews(trail_filter, may)]


def hidden_signatures(may: Collection[str]) -> list[str]:
    """Return the models whose rows the reader may not see: signatures on these rows are hidden too."""
    return [model._meta.label_lower for model in tracked_models() if trail_of(model).see not in {"", *may}]


def _history(model: type[models.Model], trail_filter: Filter, may: Collection[str]) -> Source | None:
    trail, label = trail_of(model), model._meta.label_lower
    if (trail.see and trail.see not in may) or not _concerns(model, trail_filter):
        return None
    rows = history_model(model)._default_manager.filter(_of_trial(model, trail_filter))
    if model is Signature:
        rows = rows.exclude(target_type__in=hidden_signatures(may))
    kinds = SIGNATURE_KINDS if model is Signature else HISTORY_KINDS
    if trail_filter.kind:
        rows = rows.filter(history_type=kinds[trail_filter.kind])
    if trail_filter.row:
        rows = rows.filter(**{str(model._meta.pk.attname): trail_filter.row[1]})
    if trail.form and trail_filter.form and "." not in trail_filter.form:
        rows = rows.filter(**{trail.form: trail_filter.form})
    rows = _by_actor(rows, trail_filter, "history_user_id", "history_role", "history_origin", "history_date")
    if trail_filter.item:
        rows = _where_item_changed(model, rows, trail_filter.item)
    return Source(label, rows.model, model, rows, "history_date", "history_id")


def _concerns(model: type[models.Model], trail_filter: Filter) -> bool:
    """Return True if the filter can match a row of this model's history."""
    trail, label = trail_of(model), model._meta.label_lower
    kinds = SIGNATURE_KINDS if model is Signature else HISTORY_KINDS
    if trail_filter.kind and trail_filter.kind not in kinds:
        return False
    if trail_filter.row and trail_filter.row[0] != label:
        return False
    if trail_filter.form and not (
        trail_filter.form == label or (trail.form and "." not in trail_filter.form)
    ):
        return False
    if trail_filter.item and not (
        trail.items or trail_filter.item in {field.name for field in tracked_columns(model)}
    ):
        return False
    return bool(not trail_filter.patient_id or trail.patient)


def _of_trial(model: type[models.Model], trail_filter: Filter) -> Q:
    trail = trail_of(model)
    if trail_filter.patient_id:
        return Q(history_trial=trail_filter.trial_id, history_patient=trail_filter.patient_id)
    if trail.trial or not trail.person:
        return Q(history_trial=trail_filter.trial_id)
    return Q(**{f"{trail.person}__in": trail_filter.people})


def _by_actor(
    rows: QuerySet[Any], trail_filter: Filter, user: str, role: str, origin: str, time: str
) -> QuerySet[Any]:
    conditions = Q()
    if trail_filter.user_id is not None:
        conditions &= Q(
            **{f"{user}__isnull": True} if trail_filter.user_id == -1 else {user: trail_filter.user_id}
        )
    if trail_filter.role:
        conditions &= Q(**{role: trail_filter.role})
    if trail_filter.origin and origin:
        conditions &= Q(**{origin: trail_filter.origin})
    if trail_filter.since:
        conditions &= Q(**{f"{time}__gte": trail_filter.since})
    if trail_filter.until:
        conditions &= Q(**{f"{time}__lt": trail_filter.until})
    return rows.filter(conditions)


def _where_item_changed(model: type[models.Model], rows: QuerySet[Any], item: str) -> QuerySet[Any]:
    trail, key = trail_of(model), str(model._meta.pk.attname)
    columns = {field.name for field in tracked_columns(model)}
    value: Any = Cast(F(item), TextField()) if item in columns else KeyTextTransform(item, trail.items)
    earlier = (
        rows.model._default_manager.filter(**{key: OuterRef(key), "history_id__lt": OuterRef("history_id")})
        .order_by("-history_id")
        .annotate(told=Coalesce(value, Value("", TextField())))
        .values("told")[:1]
    )
    return rows.annotate(
        told=Coalesce(value, Value("", TextField())),
        told_before=Coalesce(Subquery(earlier), Value("", TextField())),
    ).exclude(told=F("told_before"))


def _events_and_reviews(trail_filter: Filter, may: Collection[str]) -> Iterator[Source]:
    """Yield access events and reviews; none of them refers to a form, an item or one row."""
    if trail_filter.form or trail_filter.item or trail_filter.row:
        return
    if trail_filter.kind in ("", "access"):
        for name, condition in _events(trail_filter):
            seen = AccessEvent.objects.filter(condition, see__in=["", *may])
            rows = _by_actor(seen, trail_filter, "user_id", "role", "origin", "at")
            yield Source(name, AccessEvent, None, rows, "at", "id")
    if (
        trail_filter.kind in ("", "review")
        and not trail_filter.patient_id
        and trail_filter.origin in ("", "web")
    ):
        reviews = TrailReview.objects.filter(trial_id=trail_filter.trial_id)
        rows = _by_actor(reviews, trail_filter, "reviewer_id", "role", "", "reviewed_at")
        yield Source("review", TrailReview, None, rows, "reviewed_at", "id")


def _events(trail_filter: Filter) -> Iterator[tuple[str, Q]]:
    if trail_filter.patient_id:
        yield "access", Q(trial_id=trail_filter.trial_id, patient_id=trail_filter.patient_id)
        return
    yield "access", Q(trial_id=trail_filter.trial_id)
    yield "access of people", Q(trial_id=None, user_id__in=trail_filter.people)
    yield "access of the system", Q(trial_id=None, user_id=None) & ~Q(origin="web")
