"""The values of other forms that a calculated item was made from: label, value, and where it comes from."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook, FormPlace
from patients.models import Record
from patients.models.visit_forms import day_of
from protocol.values.parsing import display
from trials.reader import reader_language, shown_day


def score_inputs(casebook: Casebook, place: FormPlace, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return by calculated item a sentence for each value of another form that it reads. No query."""
    if not place.rules.calculates_from_elsewhere:
        return {}
    scope = casebook.scope(place, values)
    found: dict[str, list[str]] = {}
    for item in place.form.items:
        reads = place.rules.read_by(item.name) if item.is_calculated else {}
        for path, only_here in reads.items():
            form, dot, _name = path.partition(".")
            if dot and form != place.form.code and form in place.protocol.rules.forms:
                record = _record(scope.same if only_here else scope.other_forms, form)
                found.setdefault(item.name, []).append(_sentence(casebook, place, path, record))
    return found


def _record(forms: Any, code: str) -> Record | None:
    """Return the record of a form in the scope of an expression (`FormValues`)."""
    found = getattr(forms, "by_form", {}).get(code)
    return found if isinstance(found, Record) else None


def _sentence(casebook: Casebook, place: FormPlace, path: str, record: Record | None) -> str:
    language = reader_language()
    form, _dot, name = path.partition(".")
    item = place.protocol.rules.item(path)
    value = record.values.get(name) if record else None
    parameters = {
        "label": item.label.in_language(language),
        "value": display(value, item, language, _) or _("no value"),
        "form": place.protocol.rules.form(form).title.in_language(language),
    }
    visit = next((visit for visit in casebook.visits if record and visit.pk == record.visit_id), None)
    if visit is None:
        return _("%(label)s: %(value)s (%(form)s)") % parameters
    when = shown_day(day_of(visit)) or visit.key
    return _("%(label)s: %(value)s (%(form)s, %(when)s)") % {**parameters, "when": when}
