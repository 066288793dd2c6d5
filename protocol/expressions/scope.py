"""The values on which expressions are evaluated: those that are known about a subject at one moment."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Answers = Mapping[str, Any]
"""Captured values of one form: JSON values by item name."""


NOTHING: Answers = {}


class Scope:
    """The values that an expression can read, under the names of the protocol file; an unknown value is undetermined.

    ``form_values`` are the values of ``form``; ``other_forms`` those of other forms by code. ``subject`` has
    first_consent_at, first_consent_type, consent_at, consent_type, inclusion_on, screened_on, group and
    first_infusion_on (dates, aware datetimes, texts). ``other_forms`` also holds what is named beside the forms: visit,
    infusion and logs.
    By form, ``previous`` holds the record before this one, ``last`` the latest known values, ``same`` those of the
    same visit.
    """

    __slots__ = ("form", "form_values", "last", "other_forms", "previous", "same", "subject")

    def __init__(
        self,
        form_values: Answers = NOTHING,
        other_forms: Mapping[str, Answers] = NOTHING,
        subject: Mapping[str, Any] = NOTHING,
        *,
        form: str = "",
        previous: Mapping[str, Answers] = NOTHING,
        last: Mapping[str, Answers] = NOTHING,
        same: Mapping[str, Answers] = NOTHING,
    ) -> None:
        self.form_values = form_values
        self.other_forms = other_forms
        self.subject = subject
        self.form = form
        self.previous = previous
        self.last = last
        self.same = same

    def get(self, name: str) -> Any:
        """Return the value of ``item``, ``form.item``, ``subject.x``, ``previous(…)``, ``last(…)`` or ``here(…)``."""
        function, form, item = _parts(name)
        if function:
            return {"previous": self._earlier, "last": self._latest, "here": self._here}[function](item)
        if not form:
            return self.form_values.get(item)
        return self.subject.get(item) if form == "subject" else self._answers(form).get(item)

    def with_values(self, values: Answers, *, form: str | None = None) -> "Scope":
        """Return the same scope with other values for its own form, or with the values of another form."""
        return Scope(
            values,
            self.other_forms,
            self.subject,
            form=self.form if form is None else form,
            previous=self.previous,
            last=self.last,
            same=self.same,
        )

    def _answers(self, form: str) -> Answers:
        return self.form_values if form == self.form else self.other_forms.get(form, NOTHING)

    def _earlier(self, path: str) -> Any:
        form, item = self._split(path)
        return self.previous.get(form, NOTHING).get(item)

    def _latest(self, path: str) -> Any:
        form, item = self._split(path)
        now = self._answers(form).get(item)
        return now if is_answered(now) else self.last.get(form, NOTHING).get(item)

    def _here(self, path: str) -> Any:
        form, item = self._split(path)
        return (self.form_values if form == self.form else self.same.get(form, NOTHING)).get(item)

    def _split(self, path: str) -> tuple[str, str]:
        form, dot, item = path.rpartition(".")
        return (form, item) if dot else (self.form, path)


# A protocol has some hundred names, and each is asked of every patient.
@lru_cache(maxsize=8192)
def _parts(name: str) -> tuple[str, str, str]:
    """Return function, form and item of a name; those that it does not have are empty."""
    if name.endswith(")"):
        function, _, path = name[:-1].partition("(")
        return function, "", path
    form, dot, item = name.partition(".")
    return ("", form, item) if dot else ("", "", name)


def is_answered(value: Any) -> bool:
    """Return True if a captured value is neither blank nor marked missing."""
    if isinstance(value, Mapping):
        return is_answered(value.get("limit", value.get("value")))
    return value is not None and value != "" and value != []
