"""Annotated forms: where each item of each protocol version goes.

The table of the package, the PDF of the forms, the page references of Define-XML and the annotated CRF on paper are all
made of these rows and words.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from exports.sdtm.answers import choice_words
from exports.sdtm.bedside import bedside_form
from exports.sdtm.captured import EACH_CHOICE, NOBODY
from exports.sdtm.pages import AnnotationRow, annotated_pages
from exports.sdtm.standard.tables import domains
from protocol.document.document import Protocol
from protocol.document.items import MOMENT_TYPES, Form, Item
from protocol.document.tabulation import NOTHING, FormTabulation, TargetKind

HEADER: Final = ("version", "form", "item", "label", "data set", "annotation")
NOT_SUBMITTED: Final = "[NOT SUBMITTED]"
NO_FORM: Final = FormTabulation()


def annotation(form: Form, item: Item) -> tuple[str, str]:
    """Return the data set of an item (empty: not submitted) and its annotation: `VSORRES when VSTESTCD = TEMP`."""
    to, mapping = form.target(item), item.sdtm or NOTHING
    domain = to.domain
    match to.kind:
        case TargetKind.FINDING:
            return domain, f"{domain}ORRES when {domain}TESTCD = {to.name}{_told_apart(form, item, domain)}"
        case TargetKind.OCCURRENCE:
            topic = f"{domain}TERM" if domain in ("MH", "HO") else f"{domain}TRT"
            if item.type in MOMENT_TYPES:
                return domain, f"{domain}STDTC when {topic} = {to.name}"
            return domain, f"{domain}OCCUR when {topic} = {_terms(item, to.name)}"
        case TargetKind.VARIABLE | TargetKind.SUBJECT:
            return domain, to.name
        case TargetKind.QUALIFIER:
            return f"SUPP{domain}", f"QVAL when QNAM = {to.name}"
        case TargetKind.DONE:
            return domain, f"{domain}STAT when {domain}TESTCD = {domain}ALL"
        case TargetKind.COMMENT:
            return "CO", "COVAL"
        case TargetKind.RELATION:
            return "RELREC", f"related with {to.name}"
    return "", f"{NOT_SUBMITTED}: {mapping.omit}" if mapping.omit else NOT_SUBMITTED


def _told_apart(form: Form, item: Item, domain: str) -> str:
    """Return what tells the records of an item from those of another one with the same test."""
    mapping, shared = item.sdtm or NOTHING, form.sdtm or NO_FORM
    method = mapping.method or (shared.method if mapping.domain in (None, form.cdisc_domain) else None)
    told = {
        "OBJ": _terms(item, mapping.object or ""),
        "CAT": mapping.category or shared.category,
        "METHOD": method,
    }
    names = domains()[domain].names
    return "".join(
        f" and {domain}{part} = {value}"
        for part, value in told.items()
        if value and f"{domain}{part}" in names
    )


def _terms(item: Item, name: str) -> str:
    """Return the terms of the data sets: the name, or those of the choices if each is a record of its own."""
    if name != EACH_CHOICE:
        return name
    return " / ".join(choice_words(item, code, upper=True) for code in item.codes if code not in NOBODY)


def annotated_forms(rules: Protocol) -> tuple[Form, ...]:
    """Return the forms of a version, and after them its observations at the bedside."""
    return (*rules.forms.values(), *([bedside_form(rules)] if rules.bedside.items else []))


def annotated_form(rules: Protocol, form: Form, *, with_masked: bool) -> Iterator[AnnotationRow]:
    """Yield a row for each item and column of a form. with_masked: also what tells the arm."""
    for item in (*form.items, *(form.masked_items if with_masked else ())):
        for each in item.columns or (item,):
            name = f"{item.name}.{each.name}" if item.columns else item.name
            words = each.label.in_language("en")
            yield AnnotationRow(rules.trial.version, form.code, name, words, *annotation(form, each))


def annotated(versions: Iterable[Protocol], *, with_masked: bool) -> Iterator[AnnotationRow]:
    """Yield the table. with_masked: also what tells the arm.

    The forms of each version come first, its observations at the bedside after them, the other pages last.
    """
    for rules in versions:
        for form in annotated_forms(rules):
            yield from annotated_form(rules, form, with_masked=with_masked)
    yield from annotated_pages(with_treatment=with_masked)


def annotation_file(versions: Iterable[Protocol], *, with_masked: bool) -> bytes:
    """Return the table as CSV (RFC 4180, UTF-8)."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(HEADER)
    writer.writerows(annotated(versions, with_masked=with_masked))
    return lines.getvalue().encode("utf-8")
