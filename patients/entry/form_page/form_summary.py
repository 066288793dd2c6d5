"""The lines at the head of a form: who entered, completed, changed and signed it, and which values changed since."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook
from patients.casebook.form_history import ChangedValue, FormAct, FormHistory, history_of
from patients.casebook.form_signatures import FormSignature, changed_since, signatures_on
from patients.casebook.form_versions import item_of
from patients.casebook.item_history import FormChange, form_changes, role_words
from patients.models import Record
from protocol.document.items import Form, Item
from protocol.values.labels import exact
from protocol.values.parsing import display
from trials.reader import reader_language, shown_moment_with_offset

SCOPES = {
    "patients.record": lambda: _("This form"),
    "patients.visit": lambda: _("The whole visit"),
    "patients.patient": lambda: _("The casebook"),
}


@dataclass(frozen=True, slots=True)
class ValueMark:
    """A value that changed since it was entered, as text: its first value and its last change."""

    label: str
    original: str
    last: str
    times: int
    since_completed: bool
    since_signed: bool


@dataclass(frozen=True)
class FormSummary:
    """History, signatures and changed values of one record. zone: IANA time zone of the site."""

    casebook: Casebook
    record: Record
    form: Form
    zone: str
    sees_files: bool = False

    @cached_property
    def history(self) -> FormHistory:
        """Return who entered, completed and changed the form. One query."""
        return history_of(self.record)

    @cached_property
    def acts(self) -> list[str]:
        """Return who entered, completed, last changed and struck out the form, as sentences."""
        history = self.history
        told = [
            (_("Entered by %(who)s on %(when)s."), history.entered),
            (_("Completed by %(who)s on %(when)s."), history.completed),
            (_("Last changed by %(who)s on %(when)s."), self._last_change),
            (_("Struck out by %(who)s on %(when)s."), history.struck_out),
        ]
        return [sentence % self._words(act) for sentence, act in told if act is not None]

    @property
    def _last_change(self) -> FormAct | None:
        history = self.history
        known = (history.entered, history.completed, history.struck_out)
        return None if history.last in known else history.last

    def _words(self, act: FormAct) -> dict[str, str]:
        who = ", ".join(part for part in (act.who, role_words(act.role)) if part)
        return {"who": who, "when": shown_moment_with_offset(act.at, self.zone)}

    @cached_property
    def signatures(self) -> list[tuple[str, FormSignature]]:
        """Return the signatures that cover the form, oldest first, each with what was signed. At most three queries."""
        return [(SCOPES[each.signature.target_type](), each) for each in signatures_on(self.record)]

    @cached_property
    def marks(self) -> Mapping[str, ValueMark]:
        """Return by item what changed since it was entered."""
        since = changed_since(self.history, [signature for _scope, signature in self.signatures])
        return {
            name: self._mark(name, changed, name in since) for name, changed in self.history.changed.items()
        }

    def _mark(self, name: str, changed: ChangedValue, since_signed: bool) -> ValueMark:
        item = item_of(self.casebook, self.form, name)
        last = (shown_moment_with_offset(changed.at, self.zone), changed.who, str(changed.reason))
        return ValueMark(
            item.label.in_language(reader_language()) if item else name,
            self._value(item, changed) or _("blank"),
            ", ".join(part for part in last if part),
            changed.times,
            name in self.history.since_completed,
            since_signed,
        )

    def _value(self, item: Item | None, changed: ChangedValue) -> str:
        words = exact if self.sees_files else display
        return words(changed.original, item, reader_language(), _) if item else str(changed.original or "")

    @cached_property
    def changes(self) -> list[FormChange]:
        """Return every change of the form, item by item, newest first. One query."""
        return form_changes(self.record, self.casebook, self.form, self.zone, files=self.sees_files)
