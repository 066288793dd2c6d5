"""Results of the items that the protocol masks (BLD-07): entered by who prepares the product, read with the treatment.

The ward records in the form that the sample was taken, the same in both arms; what was found belongs to that sample.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from dosing.models import MaskedResult
from patients.models import Patient, Record
from patients.participation.lifecycle import lock_patient, refuse_when_closed
from patients.participation.questions import Question, ask
from protocol.document.items import Form, Item
from protocol.values.inputs import Clock
from protocol.values.labels import display
from protocol.values.parsing import Value, limit_findings, parse
from protocol.values.refusals import ValueRefused
from trials.models import Trial
from trials.reader import reader_language, shown_sentence

_BEYOND = re.compile(r"^([<>]=?)(.*)$", re.DOTALL)
Stored = tuple[str, str]
NOTHING: Stored = ("", "")


@dataclass(frozen=True)
class MaskedForm:
    """A form with masked items at a visit of a patient, and the results that are stored. seen: their versions."""

    record: Record
    form: Form
    rows: Mapping[str, MaskedResult]

    @property
    def seen(self) -> str:
        """Return the versions of the results, by which a save knows that they are those that the page showed."""
        return ",".join(f"{name}:{row.version}" for name, row in sorted(self.rows.items()))

    @property
    def is_complete(self) -> bool:
        """Return True if each required result is given, or missing with a reason."""
        needed = (item.name for item in self.form.masked_items if item.required)
        return all(stored_of(self.rows.get(name)) != NOTHING for name in needed)

    def value(self, item: Item) -> Value | None:
        """Return the result of an item in the form that `protocol.values` reads."""
        text, missing = stored_of(self.rows.get(item.name))
        return value_of(item, text, missing)


def stored_of(row: MaskedResult | None) -> Stored:
    return (row.value, row.missing) if row is not None else NOTHING


def value_of(item: Item, text: str, missing: str) -> Value | None:
    """Return a stored text and missing code as a value; None without both."""
    if missing:
        return {"missing": missing}
    beyond = _BEYOND.match(text) if item.is_numeric else None
    if beyond is not None:
        return {"comparator": beyond[1], "limit": beyond[2]}
    return text or None


def as_stored(value: Value | None) -> Stored:
    """Return a parsed value as text and missing code."""
    if isinstance(value, Mapping):
        if "missing" in value:
            return "", str(value["missing"])
        return f"{value['comparator']}{value['limit']}", ""
    return (str(value), "") if value is not None else NOTHING


def masked_codes(trial: Trial) -> list[str]:
    """Return the codes of the forms with masked items, of all versions of the trial. One query."""
    versions = trial.versions.all()
    return sorted({form.code for version in versions for form in version.rules.masked_forms})


def masked_form(record: Record, user: User) -> MaskedForm | None:
    """Return the masked results of a form that a person may see; None if it has no masked item. One query."""
    form = record.protocol.rules.form(record.form)
    if not form.masked_items:
        return None
    rows = MaskedResult.objects.visible_to(user).filter(visit=record.visit_id, form=record.form)
    return MaskedForm(record, form, {row.item: row for row in rows})


@transaction.atomic
def record_results(
    *, record: Record, typed: Mapping[str, str], seen: str, by: User, reason: Text = "", confirmed: str = ""
) -> None:
    """Store the results of the masked items of a form as typed; of items that are not typed nothing changes.

    seen: `MaskedForm.seen` of the page. Raises ValidationError for a value that the item does not take, results that
    somebody else changed since, a change without a reason, and a lock. Raises Questioned for an unlikely value.
    """
    patient = lock_patient(record.patient)
    refuse_when_closed(patient)
    record = Record.objects.select_related("protocol", "visit").get(pk=record.pk)
    if record.state == Record.State.STRUCK_OUT:
        raise ValidationError(_("The ward entered this sample in error: there is no result of it."))
    form = record.protocol.rules.form(record.form)
    rows = {
        row.item: row
        for row in MaskedResult.objects.select_for_update().filter(visit=record.visit_id, form=form.code)
    }
    values = _parsed(form, typed, patient.trial.time_zone)
    changed = {
        name: as_stored(value)
        for name, value in values.items()
        if as_stored(value) != stored_of(rows.get(name))
    }
    # The second of two clicks changes nothing.
    if not changed:
        return
    if MaskedForm(record, form, rows).seen != seen:
        raise ValidationError(
            _("Somebody else saved these results since: compare with what is stored, then save again.")
        )
    if any(stored_of(rows.get(name)) != NOTHING for name in changed) and not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    ask(_unlikely(form, {name: values[name] for name in changed}), confirmed)
    with because(trimmed(reason)):
        for name, stored in changed.items():
            _store(rows.get(name) or _new(patient, record, name), stored, by)


def _new(patient: Patient, record: Record, item: str) -> MaskedResult:
    return MaskedResult(
        patient=patient, visit_id=record.visit_id or 0, form=record.form, item=item, version=0
    )


def _store(row: MaskedResult, stored: Stored, by: User) -> None:
    row.value, row.missing = stored
    row.entered_by, row.entered_at = by, timezone.now()
    row.version += 1
    row.save()


def _parsed(form: Form, typed: Mapping[str, str], zone: str) -> dict[str, Value | None]:
    clock, values, errors = Clock(zone=zone, language=reader_language()), {}, {}
    for item in (each for each in form.masked_items if each.name in typed):
        try:
            values[item.name] = parse(typed[item.name], item, clock)
        except ValueRefused as refused:
            errors[item.name] = shown_sentence(refused)
            continue
        hard = [each for each in limit_findings(values[item.name], item) if each.severity == "hard"]
        if hard:
            errors[item.name] = hard[0].sentence(_, reader_language())
    if errors:
        raise ValidationError(dict(errors))
    return values


def _unlikely(form: Form, values: Mapping[str, Value | None]) -> list[Question]:
    """Return a question for each changed result outside its soft limits."""
    asked, language = [], reader_language()
    for item in (each for each in form.masked_items if each.name in values):
        if any(each.severity == "soft" for each in limit_findings(values[item.name], item)):
            told = {
                "item": item.label.in_language(language),
                "value": display(values[item.name], item, language, _),
            }
            asked.append(
                Question(f"masked:{item.name}:{told['value']}", _("%(item)s: %(value)s is unlikely.") % told)
            )
    return asked
