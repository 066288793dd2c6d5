"""Who knew the treatment of which patient, since when, and by which road: from delegations, events and histories.

In a masked trial a blinded reader is told the roads that depend on no arm: roles, unblinding and exposure by accident.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from json import loads
from typing import Any

from django.db import models
from django.db.models import Count, F, Max, Min, Q
from django.db.models.fields.json import KeyTextTransform
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from audit.events import AccessKind
from audit.models import AccessEvent
from audit.trail import history_model, tracked_models, trail_of
from dosing.models import Unblinding
from trials.access import Access
from trials.models import Delegation, Trial
from trials.permissions import Permission as P
from trials.roles import ROLES


class Road(models.TextChoices):
    """How somebody came to know the treatment."""

    ROLE = "role", _("May know it by the role")
    RECORDED = "recorded", _("Recorded the product")
    PAGE = "page", _("Read it on pages or in downloaded lists")
    EXPORT = "export", _("Took it in an export or a document")
    UNBLINDED = "unblinded", _("Unblinded the patient")
    EXPOSED = "exposed", _("Came to know it by accident")


class About(models.TextChoices):
    """About whom something is known that concerns no single patient."""

    EVERYBODY = "everybody", _("All patients")
    NOBODY = "nobody", pgettext_lazy("patients", "No single patient")


@dataclass(frozen=True)
class KnowledgeLine:
    """One person, one patient (or all), one road; with the first and the last time, and how often.

    patient: the code, or a value of `About`. until: the last day of a role, None while it lasts.
    """

    user_id: int | None
    full_name: str
    role: str
    patient: str
    road: str
    since: datetime | date
    until: datetime | date | None
    times: int | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """By person, road, and patient: all patients first."""
        on_top = self.patient in About.values
        return (
            self.full_name.casefold(),
            self.user_id or 0,
            Road.values.index(self.road),
            not on_top,
            self.patient,
        )


def known_by(access: Access) -> list[KnowledgeLine]:
    """Return the lines that this reader may see, by person. Two queries, or five for readers who know the treatment."""
    trial = access.trial
    lines = [*_roles(trial), *(_unblinded(trial) if trial.masked else ())]
    if trial.masked and access.sees_treatment:
        codes = dict(trial.patients.values_list("pk", "code"))
        lines += _merged(chain(_recorded(trial, codes), _read(trial, codes)), trial)
    return sorted(lines, key=lambda line: line.order)


def _unblinded(trial: Trial) -> Iterator[KnowledgeLine]:
    """Yield who unblinded a patient, or came to know the treatment by accident. The rows name no arm."""
    rows = Unblinding.objects.filter(patient__trial=trial).select_related("patient", "known_to")
    for row in rows:
        row.patient.trial = trial
        exposed = row.category == Unblinding.Category.INADVERTENT
        road = Road.EXPOSED if exposed else Road.UNBLINDED
        yield KnowledgeLine(row.known_to_id, row.who, "", row.patient.code, road, row.since, None, 1)


def _roles(trial: Trial) -> Iterator[KnowledgeLine]:
    rows = Delegation.objects.filter(trial=trial, awaits_second=False).select_related("user")
    for row in rows:
        row.trial = trial
        access = Access(user=row.user, trial=trial, role=ROLES[row.role])
        if access.may(P.SEE_TREATMENT) or access.may(P.SEE_CLOSED_REPORT):
            yield KnowledgeLine(
                row.user_id,
                row.user.full_name,
                row.role,
                About.EVERYBODY,
                Road.ROLE,
                row.starts_on,
                row.ends_on,
            )


@dataclass(frozen=True)
class _Group:
    """Readings of one person in one role by one road about the same patients."""

    user_id: int | None
    full_name: str
    role: str
    road: str
    patients: tuple[str, ...]
    since: datetime
    last: datetime
    times: int


def product_models() -> list[type[models.Model]]:
    """Return every model whose rows depend on the arm or the product: those that need the right to know it."""
    return [model for model in tracked_models() if trail_of(model).see == P.SEE_TREATMENT]


def _recorded(trial: Trial, codes: dict[int, str]) -> Iterator[_Group]:
    """Yield what people wrote of products themselves: a process that works for a person shows that person nothing.

    One query for all tables. Rows of the stock, of lots and of donors belong to no single patient.
    """
    groups = [_written(model, trial) for model in product_models()]
    for user, name, role, patient, since, last, times in groups[0].union(*groups[1:], all=True):
        yield _Group(user, name, role, Road.RECORDED, _codes([patient], codes), since, last, times)


def _written(model: type[models.Model], trial: Trial) -> models.QuerySet[Any, Any]:
    rows = history_model(model)._base_manager.filter(history_trial=trial.pk, history_user_id__isnull=False)
    rows = rows.exclude(history_user_name__startswith="system:").order_by()
    groups = rows.values_list("history_user_id", "history_full_name", "history_role", "history_patient")
    return groups.annotate(since=Min("history_date"), last=Max("history_date"), times=Count("pk"))


def _read(trial: Trial, codes: dict[int, str]) -> Iterator[_Group]:
    """Yield what people were shown, or took along: the first stage of an export, the download of a document."""
    seen = Q(kind=AccessKind.TREATMENT_SEEN)
    taken = Q(kind=AccessKind.EXPORTED, see=P.SEE_TREATMENT) & (
        Q(detail__stage="taken")
        | Q(detail__stage="started", detail__format="csv")
        | Q(detail__stage="finished", origin="command")
    )
    rows = AccessEvent.objects.filter(seen | taken, trial_id=trial.pk).order_by()
    groups = (
        rows.annotate(several=KeyTextTransform("patient_keys", "detail"))
        .values_list("user_id", "full_name", "role", "kind", "patient_id", "several")
        .annotate(since=Min("at"), last=Max("at"), times=Count("pk"), name=F("user_name"))
    )
    for user, name, role, kind, patient, several, since, last, times, user_name in groups:
        keys = loads(several) if several else [patient]
        road = Road.EXPORT if kind == AccessKind.EXPORTED else Road.PAGE
        patients = _codes(keys, codes)
        if road == Road.EXPORT and keys == [None]:
            patients = (About.EVERYBODY,)
        yield _Group(user, name or user_name, role, road, patients, since, last, times)


def _codes(keys: list[int | None], codes: dict[int, str]) -> tuple[str, ...]:
    return tuple(About.NOBODY if key is None else codes[key] for key in keys)


def _merged(groups: Iterator[_Group], trial: Trial) -> Iterator[KnowledgeLine]:
    """Yield one line for each person, patient and road."""
    found: dict[tuple[Any, ...], list[_Group]] = defaultdict(list)
    for group in groups:
        for patient in group.patients:
            found[group.user_id, group.user_id is None and group.full_name, patient, group.road].append(group)
    people = User.objects.in_bulk({group.user_id for group in chain(*found.values())} - {None})
    for (user_id, _name, patient, road), mine in found.items():
        person = people.get(user_id)
        last = max(mine, key=lambda group: group.last)
        yield KnowledgeLine(
            user_id,
            person.full_name if person else last.full_name,
            last.role,
            patient,
            road,
            min(group.since for group in mine),
            last.last,
            sum(group.times for group in mine),
        )


Keep = Callable[[KnowledgeLine], bool]


def that_pass(*, person: str = "", patient: str = "", road: str = "") -> Keep:
    """Return the filter of lines; a patient also keeps what is known about all patients."""

    def keep(line: KnowledgeLine) -> bool:
        return (
            (not person or str(line.user_id) == person)
            and (not patient or line.patient in (patient, About.EVERYBODY))
            and (not road or line.road == road)
        )

    return keep
