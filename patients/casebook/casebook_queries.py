"""The statements that read a casebook, for a page or under the lock of a save, and the values of the records read."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Case, F, Q, Subquery, TextField, Value, When
from django.db.models.functions import Cast, Concat, StrIndex

from audit.compiled_queries import CompiledQuery, CompiledValues
from patients.models import Consent, Identity, Patient, Record, Visit
from patients.participation.milestones import infusion_times
from trials.models import Delegation


def _visits(user: int, trial: int, code: str, now: datetime) -> Any:
    may_open = Delegation.objects.active(now).filter(user_id=user).values("trial_id")
    rows = Visit.objects.filter(patient__trial=trial, patient__code=code, patient__trial__in=may_open)
    return rows.select_related("patient")


def _visit(user: int, trial: int, code: str, now: datetime, key: str) -> Any:
    numbered = Concat(F("code"), Value("-"), Cast("number", TextField()), output_field=TextField())
    rows = _visits(user, trial, code, now).alias(numbered=numbered)
    return rows.filter(Q(code=key, number=1) | Q(numbered=key))


def _stored_now(patient: int) -> Any:
    # The first consent, the one in force and the locks of the trial come with the visits: one statement instead of
    # three. A consent is found by the key, not by the row of the visit, so that the database looks for it once.
    first = Consent.objects.filter(patient=patient).not_in_error().order_by("given_at", "pk")
    consent = {f"first_consent_{name}": Subquery(first.values(name)[:1]) for name in ("type", "given")}
    latest = first.reverse()
    consent |= {f"consent_{name}": Subquery(latest.values(name)[:1]) for name in ("type", "given", "version")}
    born = Identity.objects.filter(patient=patient).values("birth_date")[:1]
    locks = {f"trial_{name}": F(f"patient__trial__{name}") for name in ("frozen_at", "locked_at")}
    return Visit.objects.filter(patient=patient).annotate(**consent, **locks, born=Subquery(born))


def _read_for(patient: int, forms: str, form: str, visit: int) -> Any:
    """Return all records; `read` holds the values, as text, of the forms in `forms` and of `form` at the visit."""
    # A compiled query takes no list of values: `forms` is one text, `,vitals,blood,`, searched with commas.
    named = StrIndex(Value(forms), Concat(Value(","), F("form"), Value(",")))
    rows = Record.objects.filter(patient=patient).alias(named=named).defer("values").order_by("pk")
    needed_values = Case(When(Q(named__gt=0) | Q(form=form, visit=visit), then=F("values")))
    return rows.annotate(read=Cast(needed_values, TextField()))


def _values_of(patient: int, forms: str) -> Any:
    named = StrIndex(Value(forms), Concat(Value(","), F("form"), Value(",")))
    rows = Record.objects.filter(patient=patient).alias(named=named).filter(named__gt=0)
    return rows.values_list("pk", Cast("values", TextField()))


# Every row of VISITS joins the same patient: it is made once (`joined_once`).
VISITS = CompiledQuery(_visits, joined_once=True, user=int, trial=int, code=str, now=datetime)
VISIT = CompiledQuery(_visit, user=int, trial=int, code=str, now=datetime, key=str)
# The row itself is read as it is after the wait for its lock; what is joined to it would not be.
LOCKED = CompiledQuery(lambda patient: Patient.objects.select_for_update().filter(pk=patient), patient=int)
STORED_NOW = CompiledQuery(_stored_now, patient=int)
RECORDS = CompiledQuery(_read_for, patient=int, forms=str, form=str, visit=int)
VALUES = CompiledValues(_values_of, patient=int, forms=str)
MARKED_RECORDS = CompiledQuery(
    lambda patient: Record.objects.filter(patient=patient).order_by("pk").with_marks(), patient=int
)


def has_values(record: Record) -> bool:
    """Return True if the values of a record were read, as JSON or as text."""
    return "values" in vars(record) or vars(record).get("read") is not None


def parsed_values(record: Record) -> dict[str, Any]:
    """Return the values of a record. Values that were read as text are parsed now, once."""
    text = vars(record).pop("read", None)
    if text is not None:
        record.values = json.loads(text)
    return record.values


class InfusionValues(Mapping[str, Any]):
    """Start and end of the infusion given at a visit; read when an expression asks for one, at most once."""

    def __init__(self, visit: int | None) -> None:
        self.visit = visit

    @cached_property
    def _times(self) -> dict[str, str]:
        return {} if self.visit is None else infusion_times(self.visit)

    def __getitem__(self, name: str) -> str:
        return self._times[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._times)

    def __len__(self) -> int:
        return len(self._times)


class SubjectValues(Mapping[str, Any]):
    """Facts of the patient from outside the forms; gathered when an expression asks for it, at most once."""

    def __init__(self, gather: Callable[[], Mapping[str, Any]]) -> None:
        self._gather = gather

    @cached_property
    def _known(self) -> Mapping[str, Any]:
        return self._gather()

    def __getitem__(self, name: str) -> Any:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class FormValues(Mapping[str, Any]):
    """The values of records by form code, parsed when an expression reads them; `extra_names` adds further names."""

    def __init__(self, by_form: Mapping[str, Any], extra_names: Mapping[str, Any] | None = None) -> None:
        self.by_form, self.extra_names = by_form, extra_names or {}

    def __getitem__(self, form: str) -> Any:
        if form in self.extra_names:
            return self.extra_names[form]
        found = self.by_form[form]
        return [parsed_values(each) for each in found] if isinstance(found, list) else parsed_values(found)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.by_form, **self.extra_names})

    def __len__(self) -> int:
        return len({**self.by_form, **self.extra_names})
