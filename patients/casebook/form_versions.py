"""Values of items that a form no longer asks for, shown with the labels of the protocol version that had them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook
from patients.casebook.form_content import ReadLine, ReadSection, line, sections
from patients.models import Record
from protocol.document.items import Form, Item
from protocol.values.parsing import Value
from protocol.values.reference_ranges import Readings
from trials.models import ProtocolVersion
from trials.reader import reader_language


def forms_before(casebook: Casebook, form: Form, values: Mapping[str, Any]) -> list[Form]:
    """Return a form in every protocol version, newest first, if `values` hold items that the form does not have.

    Otherwise return an empty list. One query if they do.
    """
    if all(name in form for name in values):
        return []
    return forms_in(casebook.versions(), form.code)


def forms_in(versions: Iterable[ProtocolVersion], code: str) -> list[Form]:
    """Return a form in each of the versions that have it."""
    return [version.rules.form(code) for version in versions if code in version.rules.forms]


def item_in(forms: Iterable[Form], name: str) -> Item | None:
    """Return an item from the first form that has it, or None."""
    return next((form.item(name) for form in forms if name in form), None)


def item_of(casebook: Casebook, form: Form, name: str) -> Item | None:
    """Return an item of the form, also one that this version of it does not ask any more."""
    return item_in([form], name) or item_in(forms_before(casebook, form, {name: None}), name)


def path_label(casebook: Casebook, form: Form, path: str) -> str:
    """Return the name of an item or a cell (`sbp`, `vitals-0-sbp`), in the reader's language."""
    name, _dash, cell = path.partition("-")
    item, language = item_of(casebook, form, name), reader_language()
    label = item.label.in_language(language) if item else name
    row, _dash, column = cell.partition("-")
    if not row.isdigit() or item is None:
        return label
    return f"{label} {int(row) + 1}, {item.column(column).label.in_language(language)}"


def lines_not_in_form(
    form: Form, values: Mapping[str, Value], before: Sequence[Form], language: str
) -> list[ReadLine]:
    """Return one line for each value whose item the form no longer has; `before` are other versions of the form."""
    found = []
    for name, value in values.items():
        item = None if name in form else item_in(before, name)
        if item is not None:
            found.append(line(item, value, language))
    return found


def all_sections(
    casebook: Casebook, form: Form, values: Mapping[str, Value], **more: Any
) -> list[ReadSection]:
    """Return the sections of a form, and a last one for values of items that the form no longer has."""
    language = reader_language()
    left = lines_not_in_form(form, values, forms_before(casebook, form, values), language)
    return [
        *sections(form, values, **more),
        *([ReadSection(_("No longer asked"), tuple(left))] if left else []),
    ]


def record_sections(record: Record, readings: Readings | None = None) -> list[ReadSection]:
    """Return the sections of a captured form, values of removed items included.

    Reads record.protocol. One query more if there are such values.
    """
    form = record.protocol.rules.form(record.form)
    return all_sections(Casebook(record.patient, []), form, record.values, readings=readings)
