"""`{% page_help %}`: at the end of a page of a trial, its help and the link to report a problem (VAL-03)."""

from typing import Any

from django import template

from trials.help_texts import HELP

register = template.Library()


@register.inclusion_tag("components/page_help.html", takes_context=True)
def page_help(context: dict[str, Any]) -> dict[str, Any]:
    """Return name and help of the page that is shown, and the trial."""
    request = context["request"]
    name = request.resolver_match.view_name if request.resolver_match else ""
    return {"name": name, "help": HELP.get(name, ""), "slug": request.trial.slug}
