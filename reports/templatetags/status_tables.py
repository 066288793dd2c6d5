"""Tables of visits and forms with a status or a number in each cell: `{% visit_cells row.cells %}`.

The cells of a row are made in one loop: a template takes longer for the cells of these tables than for the rest of
their page.
"""

from collections.abc import Iterable
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from patients.templatetags.status import linked_status
from reports.casebook.views import FormRow
from reports.closing.views import NumberRow
from reports.home.matrix import MatrixCell
from trials.reader import reader_language

register = template.Library()


@register.simple_tag
def visit_cells(cells: Iterable[MatrixCell]) -> SafeString:
    """Return the cells of one patient in the matrix of the home page."""
    language = reader_language()
    made = [f"<td>{linked_status(cell, cell.of, language)}{_infusion(cell, language)}</td>" for cell in cells]
    return mark_safe("".join(made))  # noqa: S308


def _infusion(cell: MatrixCell, language: str) -> str:
    return linked_status(cell.infusion, cell.infusion.of, language) if cell.infusion else ""


@register.simple_tag
def form_cells(row: FormRow) -> SafeString:
    """Return the cells of one form over the visits of a casebook; those of the visit to work on stand out."""
    language = reader_language()
    not_asked = escape(_("Not asked"))
    off = f'<span aria-hidden="true">·</span><span class="visually-hidden">{not_asked}</span>'
    made = []
    for link, now in row.cells:
        css = " ".join(name for name, given in (("off", link is None), ("now", now)) if given)
        start = f'<td class="{css}">' if css else "<td>"
        made.append(f"{start}{linked_status(link, row.title, language) if link else off}</td>")
    return mark_safe("".join(made))  # noqa: S308


@register.simple_tag
def number_rows(rows: Iterable[NumberRow]) -> SafeString:
    """Return the rows of the checklist of the lock: each number leads to its list."""
    zero = '<td class="num"><span class="quiet">0</span></td>'
    made = []
    for row in rows:
        made.append(
            f'<tr><th scope="row" class="code"><a href="{escape(row.url)}">{escape(row.code)}</a></th>'
        )
        made += [
            f'<td class="num"><a href="{escape(url)}">{n}</a></td>' if n else zero for n, url in row.cells
        ]
        made.append("</tr>\n")
    return mark_safe("".join(made))  # noqa: S308
