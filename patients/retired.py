"""Across versions of a form: items that are not asked any more, and pages that were made before an amendment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from patients import answers
from patients.carrying import carried, fitting
from patients.casebook import Casebook, Place
from patients.models import Record
from patients.reading import Line, Section, line, sections
from trials.difference import form_difference
from trials.items import Clock, Value
from trials.models import ProtocolVersion
from trials.protocol_items import Form, Item
from trials.reference import Readings


def forms_before(casebook: Casebook, form: Form, values: Mapping[str, Any]) -> list[Form]:
    """Return the other versions of a form, the newest first, when the values have items that it does not ask."""
    if all(name in form for name in values):
        return []
    return forms_in(casebook.versions(), form.code)


def forms_in(versions: Iterable[ProtocolVersion], code: str) -> list[Form]:
    """Return a form as each of the versions has it."""
    return [version.rules.form(code) for version in versions if code in version.rules.forms]


def item_in(forms: Iterable[Form], name: str) -> Item | None:
    """Return an item as the first of the forms has it."""
    return next((form.item(name) for form in forms if name in form), None)


def not_asked(form: Form, values: Mapping[str, Value], before: Sequence[Form], language: str) -> list[Line]:
    """Return in words the values of items that the form does not ask any more."""
    found = []
    for name, value in values.items():
        item = None if name in form else item_in(before, name)
        if item is not None:
            found.append(line(item, value, language))
    return found


def all_sections(casebook: Casebook, form: Form, values: Mapping[str, Value], **more: Any) -> list[Section]:
    """Return a form in words with the values of items that it does not ask any more under a heading of their own."""
    language = get_language() or "en"
    left = not_asked(form, values, forms_before(casebook, form, values), language)
    return [*sections(form, values, **more), *([Section(_("No longer asked"), tuple(left))] if left else [])]


def record_sections(record: Record, readings: Readings | None = None) -> list[Section]:
    """Return a captured form in words, whole. Reads record.protocol; the other versions only where items went."""
    form = record.protocol.rules.form(record.form)
    return all_sections(Casebook(record.patient, []), form, record.values, readings=readings)


@dataclass(frozen=True, slots=True)
class Passage:
    """What a person is told who edits a form that was captured under an earlier version."""

    before: str
    after: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    again: tuple[Line, ...]


def passage(casebook: Casebook, place: Place, record: Record) -> Passage | None:
    """Return what editing a record changes beside the answers; None when it stays under its version."""
    if record.protocol_id == place.protocol.pk:
        return None
    before, language = casebook.version(record.protocol_id), get_language() or "en"
    old = before.rules.form(record.form)
    changes = [each for each in form_difference(old, place.form) if each.section == "items"]
    titles = {kind: tuple(_title(each.title, language) for each in changes if each.kind == kind)
              for kind in ("added", "changed")}  # fmt: skip
    unfit = dict.fromkeys(path.partition("-")[0] for path in carried(record.values, place.form).unfit)
    again = tuple(line(old.item(name), record.values[name], language) for name in unfit if name in old)
    changed = tuple(title for title in titles["changed"] if title not in {each.label for each in again})
    return Passage(before.version, place.protocol.version, titles["added"], changed, again)


def _title(title: Any, language: str) -> str:
    return title if isinstance(title, str) else str(title.in_language(language))


def refitted(casebook: Casebook, place: Place, data: QueryDict, clock: Clock) -> tuple[QueryDict, list[Line]]:
    """Return what was typed on a page of another version as this one takes it, and in words what it does not take."""
    made = data.get("_protocol", "")
    if not made.isascii() or not made.isdigit() or made == str(place.protocol.pk):
        return data, []
    try:
        old = casebook.version(int(made)).rules.form(place.form.code)
    except (KeyError, ValueError):
        return data, []
    kept = QueryDict(mutable=True)
    for name, texts in fitting(place.form, data.lists(), clock):
        kept.setlist(name, list(texts))
    return kept, _left_out(old, data, kept, clock)


def _left_out(old: Form, data: QueryDict, kept: QueryDict, clock: Clock) -> list[Line]:
    language, read = get_language() or "en", answers.read(old, dict(data.lists()), clock)
    heads = {name.split("-")[0] for name in kept}
    lines = [
        line(old.item(name), value, language) for name, value in read.values.items() if name not in heads
    ]
    refused = [name for name in read.refused if name.partition("-")[0] not in heads]
    return lines + [
        Line(name, old.item(name.partition("-")[0]).label.in_language(language), data.get(name, ""))
        for name in refused
    ]
