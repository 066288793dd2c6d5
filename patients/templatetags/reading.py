"""Values as text on pages for reading: one line of a form, one value with its position in the reference range."""

from types import SimpleNamespace
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.markup import joined, markup
from patients.casebook.form_content import ReadLine
from patients.entry.form_page.field_rendering import inputs_html
from trials.permissions import Permission

register = template.Library()
NOTHING = SimpleNamespace(marks={})
QUIET = mark_safe(' class="quiet"')


@register.simple_tag(takes_context=True)
def read_line(context: template.Context, line: ReadLine) -> SafeString:
    """Return label and value of one item; on a form's own page (`page`) with the link to its queries and history.

    For a reader who may ask, the link is the bubble of a query, also before anything was asked.
    """
    page = context.get("page")
    constant = {"name": line.name, "label": line.label, "calculated": "yes" if line.calculated else ""}
    made = markup("patients/_read_line.html", **constant, has_link="yes" if page else "")
    filled: dict[str, Any] = {"value": _opened(context, page, line) or read_value(context, line)}
    if page and (inputs := page.score_inputs.get(line.name)):
        filled["value"] = joined([filled["value"], inputs_html(inputs)])
    if mark := (page or context.get("summary") or NOTHING).marks.get(line.name):
        filled["value"] = joined(
            [filled["value"], render_to_string("patients/_value_mark.html", {"mark": mark})]
        )
    if line.missing:
        filled["state"] = QUIET
    if page and line.name in page.panel.open_queries:
        filled |= {"open": " is-open", "icon": "query"}
    elif page and page.panel.may_close and page.panel.record is not None:
        filled["icon"] = "query"
    return made.fill(filled)


def _opened(context: template.Context, page: Any, line: ReadLine) -> SafeString | None:
    """Return the link that opens an attached file, for a person who may; None if there is none."""
    if not (line.file and page and page.panel.may_see_files):
        return None
    opened = {"request": context["request"], "patient": page.casebook.patient, "line": line}
    return render_to_string("patients/_read_file.html", opened)


@register.simple_tag(takes_context=True)
def read_value(context: template.Context, line: ReadLine, of: str = "") -> SafeString:
    """Return one value with its position in the reference range. of: added to the name of a table.

    The hash of a file is shown only to users who may read files.
    """
    if line.rows:
        return render_to_string("patients/_read_rows.html", {"line": line, "of": of})
    may_see_files = Permission.SEE_FILES in context["request"].access.permissions
    parts: list[Any] = [(line.exact if may_see_files else line.words) or "–"]
    if line.flag:
        parts.append(markup("patients/_range_flag.html", flag=line.flag).fill({}))
    if line.corrected:
        parts.append(markup("patients/_range_corrected.html").fill({}))
    if line.reference:
        parts.append(format_html(' <span class="quiet tiny">{}</span>', line.reference))
    return joined(parts)
