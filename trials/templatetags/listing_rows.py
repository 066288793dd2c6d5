"""Rows of a listing: `{% listing_rows listing %}`."""

from collections.abc import Mapping
from html import escape as html_escape
from typing import Any

from django import template
from django.template.base import render_value_in_context
from django.template.context import Context
from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from trials.listing import Listing
from trials.listing.parts import BLANK, Cell, Column, Row

register = template.Library()


@register.simple_tag(takes_context=True)
def listing_rows(context: Context, listing: Listing) -> SafeString:
    """Return the rows of the page; the first cell is the heading of its row and its link.

    They are made in one loop: a template takes four times as long for them, more than for the rest of the page.
    """
    # Each label is translated and escaped once, not once per cell.
    labels = {column.name: _label(column) for column in listing.page_columns}
    return mark_safe("".join([_row(context, listing, row, labels) for row in listing.rows]))  # noqa: S308


def _row(context: Context, listing: Listing, row: Row, labels: Mapping[str, str]) -> str:
    url = escape(row.url)
    made = [f'<tr data-href="{url}">' if url else "<tr>"]
    if listing.selection:
        made.append(f"<td>{_tick(listing.selection.name, row) if row.selectable else ''}</td>")
    first, *others = row.cells
    text = _text(context, first)
    link = f'<a href="{url}">{text}</a>' if url else text
    made.append(f'<th scope="row" class="{_classes(first)}">{link}</th>')
    made += [
        f'<td class="{_classes(cell)}"{labels[cell.column.name]}>{_text(context, cell)}</td>'
        for cell in others
    ]
    made.append("</tr>\n")
    return "".join(made)


def _classes(cell: Cell) -> str:
    names = (cell.column.css, "decides" if cell.column.decides else "", "blank" if cell.text == BLANK else "")
    return " ".join(filter(None, names))


def _label(column: Column) -> str:
    """Return the label of the column as an attribute: on a phone it stands before the value."""
    return f' data-label="{escape(column.label)}"'


def _tick(name: str, row: Row) -> str:
    label = escape(_("Tick %(row)s") % {"row": row.title})
    return (
        f'<input class="form-check-input" type="checkbox" name="{escape(name)}" value="{row.object.pk}"'
        f' aria-label="{label}">'
    )


def _text(context: Context, cell: Cell) -> str:
    """Return the text of a cell as a template shows it: escaped unless it is safe HTML."""
    shown: Any = cell.text
    if isinstance(shown, SafeString):
        return shown
    if isinstance(shown, str | Promise):
        # What `conditional_escape` returns, without its way through lazy texts: a page has hundreds of cells.
        return html_escape(str(shown))
    return str(render_value_in_context(shown, context))
