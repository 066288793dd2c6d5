"""The rows of the table of an outcome: `{% outcome_rows shown %}`.

They are made in one loop: a template takes three times as long for them as for the rest of the page.
"""

from collections.abc import Iterator
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from reports.outcomes.page import ShownOutcome, ShownOutcomeLine, ShownReading

register = template.Library()


@register.simple_tag
def outcome_rows(shown: ShownOutcome) -> SafeString:
    """Return a row for each line of an outcome. Every text is escaped here."""
    words = {
        "all": _("Patients"), "yes": _("Yes"), "known": _("Known"), "no": _("No"), "open": _("Undetermined"),
        "figures": _("Figures"),
    }  # fmt: skip
    safe = {name: escape(word) for name, word in words.items()}
    return mark_safe("".join(_rows(shown, safe)))  # noqa: S308  escaped above and below


def _rows(shown: ShownOutcome, words: dict[str, str]) -> Iterator[str]:
    for reading in shown.readings:
        for number, row in enumerate(reading.lines):
            yield f'<tr><th scope="row">{_heading(reading, row, first=number == 0)}</th>'
            line, labels = row.line, {"yes": words["known" if reading.numeric else "yes"]}
            counts = (("all", line.patients), ("yes", line.yes), ("no", line.no), ("open", line.undetermined))
            for answer, count in counts:
                label, address = labels.get(answer, words[answer]), escape(row.addresses[answer])
                yield f'<td class="num" data-label="{label}"><a href="{address}">{count}</a></td>'
            yield f'<td data-label="{words["figures"]}">{"<br>".join(_figures(reading, row))}</td></tr>'


def _heading(reading: ShownReading, row: ShownOutcomeLine, *, first: bool) -> str:
    name = f'<span class="quiet">{escape(row.part)}</span>' if row.part else escape(reading.title)
    parts = [f'{name} <span class="quiet">{escape(row.visit)}</span>' if row.visit else name]
    if first:
        notes = [reading.population, *([reading.choice] if reading.choice else [])]
        parts += [f'<span class="tiny quiet">{escape(note)}</span>' for note in notes]
    return "<br>".join(parts)


def _figures(reading: ShownReading, row: ShownOutcomeLine) -> Iterator[str]:
    if reading.reading.event:
        yield escape(row.events)
    for figure, method in row.figures:
        yield (
            f'{escape(figure)} <span class="tiny quiet">{escape(method)}</span>' if method else escape(figure)
        )
