"""The tables that make up the trail, and what a filter means in each of them.

A source is one ordered part of the stream: a history, the access events of a trial, those of its users, or the reviews.
Each returns its rows newest first from an index; `audit.reading` merges them.
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

HISTORY_KINDS = {"created": "+", "changed": "~", "deleted": "-"}
SIGNATURE_KINDS = {"signed": "+", "unsigned": "~"}
KINDS = (*HISTORY_KINDS, *SIGNATURE_KINDS, "access", "review")


@dataclass(frozen=True)
class Filter:
    """Filter on the trail of one trial; an empty field does not filter.

    people: ids of the users of the trial, whose accounts and sign-ins are included.
    form: code of a captured form, or label of a model (`safety.adverseevent`).
    item: an item of a captured form, or a column; only rows in which it changed.
    row: one row of one model, as (label, key). user_id: -1 means no person (system processes).
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


@dataclass(frozen=True)
class Source:
    """One ordered part of the stream. `time` and `key` are the columns that order it."""

    name: str
    model: type[models.Model]
    of: type[models.Model] | None
    rows: QuerySet[Any]
    time: str
    key: str


def sources(wanted: Filter, *, may: Collection[str]) -> list[Source]:
    """Return the parts of the stream that the reader may see and the filter includes."""
    found = [source for model in tracked_models() if (source := _history(model, wanted, may))]
    return [*found, *_beside(wanted, may)]


def hidden_signatures(may: Collection[str]) -> list[str]:
    """Return the models whose rows the reader may not see: signatures on these rows are hidden too."""
    return [model._meta.label_lower for model in tracked_models() if trail_of(model).see not in {"", *may}]


def _history(model: type[models.Model], wanted: Filter, may: Collection[str]) -> Source | None:
    trail, label = trail_of(model), model._meta.label_lower
    if (trail.see and trail.see not in may) or not _concerns(model, wanted):
        return None
    rows = history_model(model)._default_manager.filter(_of_trial(model, wanted))
    if model is Signature:
        rows = rows.exclude(target_type__in=hidden_signatures(may))
    kinds = SIGNATURE_KINDS if model is Signature else HISTORY_KINDS
    if wanted.kind:
        rows = rows.filter(history_type=kinds[wanted.kind])
    if wanted.row:
        rows = rows.filter(**{str(model._meta.pk.attname): wanted.row[1]})
    if trail.form and wanted.form and "." not in wanted.form:
        rows = rows.filter(**{trail.form: wanted.form})
    rows = _by_actor(rows, wanted, "history_user_id", "history_role", "history_origin", "history_date")
    if wanted.item:
        rows = _where_item_changed(model, rows, wanted.item)
    return Source(label, rows.model, model, rows, "history_date", "history_id")


def _concerns(model: type[models.Model], wanted: Filter) -> bool:
    """Return True if the filter can match a row of this model's history."""
    trail, label = trail_of(model), model._meta.label_lower
    kinds = SIGNATURE_KINDS if model is Signature else HISTORY_KINDS
    if wanted.kind and wanted.kind not in kinds:
        return False
    if wanted.row and wanted.row[0] != label:
        return False
    if wanted.form and not (wanted.form == label or (trail.form and "." not in wanted.form)):
        return False
    if wanted.item and not (trail.items or wanted.item in {field.name for field in tracked_columns(model)}):
        return False
    return bool(not wanted.patient_id or trail.patient)


def _of_trial(model: type[models.Model], wanted: Filter) -> Q:
    trail = trail_of(model)
    if wanted.patient_id:
        return Q(history_trial=wanted.trial_id, history_patient=wanted.patient_id)
    if trail.trial or not trail.person:
        return Q(history_trial=wanted.trial_id)
    return Q(**{f"{trail.person}__in": wanted.people})


def _by_actor(
    rows: QuerySet[Any], wanted: Filter, user: str, role: str, origin: str, time: str
) -> QuerySet[Any]:
    conditions = Q()
    if wanted.user_id is not None:
        conditions &= Q(**{f"{user}__isnull": True} if wanted.user_id == -1 else {user: wanted.user_id})
    if wanted.role:
        conditions &= Q(**{role: wanted.role})
    if wanted.origin and origin:
        conditions &= Q(**{origin: wanted.origin})
    if wanted.since:
        conditions &= Q(**{f"{time}__gte": wanted.since})
    if wanted.until:
        conditions &= Q(**{f"{time}__lt": wanted.until})
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


def _beside(wanted: Filter, may: Collection[str]) -> Iterator[Source]:
    """Yield access events and reviews; none of them refers to a form, an item or one row."""
    if wanted.form or wanted.item or wanted.row:
        return
    if wanted.kind in ("", "access"):
        for name, condition in _events(wanted):
            seen = AccessEvent.objects.filter(condition, see__in=["", *may])
            rows = _by_actor(seen, wanted, "user_id", "role", "origin", "at")
            yield Source(name, AccessEvent, None, rows, "at", "id")
    if wanted.kind in ("", "review") and not wanted.patient_id and wanted.origin in ("", "web"):
        reviews = TrailReview.objects.filter(trial_id=wanted.trial_id)
        rows = _by_actor(reviews, wanted, "reviewer_id", "role", "", "reviewed_at")
        yield Source("review", TrailReview, None, rows, "reviewed_at", "id")


def _events(wanted: Filter) -> Iterator[tuple[str, Q]]:
    if wanted.patient_id:
        yield "access", Q(trial_id=wanted.trial_id, patient_id=wanted.patient_id)
        return
    yield "access", Q(trial_id=wanted.trial_id)
    yield "access of people", Q(trial_id=None, user_id__in=wanted.people)
    yield "access of the system", Q(trial_id=None, user_id=None) & ~Q(origin="web")
