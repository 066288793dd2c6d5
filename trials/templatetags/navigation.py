"""Navigation of a trial: the pages that the user may open, in the order of the work."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, resolve, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.addresses import address
from trials.access import Access
from trials.awaited_version import awaited_words
from trials.permissions import Permission

register = template.Library()

SECTIONS: tuple[tuple[str | Promise, tuple[tuple[str, str | Promise, str], ...]], ...] = (
    (
        _("Work"),
        (
            ("reports:home", _("Home"), "layout-dashboard"),
            ("reports:calendar", _("Calendar"), "calendar-days"),
            ("patients:listing", _("Patients"), "users"),
            ("patients:prescreening", _("Pre-screening"), "user-round-search"),
            ("dosing:listing", _("Infusions"), "syringe"),
            ("safety:listing", _("Adverse events"), "triangle-alert"),
            ("patients:deviations", _("Deviations"), "split"),
            ("patients:contacts", _("Contacts"), "phone"),
            ("patients:forms", _("Forms"), "files"),
            ("patients:queries", _("Queries"), "message-square-text"),
            ("patients:verification", _("Source verification"), "list-checks"),
            ("patients:to-sign", _("To sign"), "signature"),
            ("reports:quality", _("Data quality"), "clipboard-check"),
        ),
    ),
    (
        _("Output"),
        (
            ("documents:listing", _("Documents"), "file-text"),
            ("exports:index", _("Exports"), "download"),
            ("audit:trail", _("Audit trail"), "history"),
        ),
    ),
    (
        _("Trial"),
        (
            ("patients:protocol", _("Protocol"), "scroll-text"),
            ("laboratories:index", _("Laboratories"), "flask-conical"),
            ("accounts:people", _("People and roles"), "id-card"),
            ("reports:checklist", _("Database lock"), "lock"),
        ),
    ),
)


@dataclass(frozen=True)
class NavigationLink:
    """One link of the navigation."""

    title: str | Promise
    icon: str
    url: str
    current: bool
    exact: bool


@dataclass(frozen=True)
class NavigationSection:
    """Links under one heading."""

    title: str | Promise
    places: list[NavigationLink]


@register.simple_tag(takes_context=True)
def awaited_version(context: dict[str, Any]) -> str:
    """Return the message of a trial of which no protocol version is in force, else an empty text."""
    return awaited_words(context["request"].access.trial)


@register.simple_tag(takes_context=True)
def trial_navigation(context: dict[str, Any]) -> list[NavigationSection]:
    """Return the sections with the pages that this user may see; empty sections are left out."""
    request: HttpRequest = context["request"]
    access: Access = request.access  # type: ignore[attr-defined]
    home = address("reports:home", access.trial.slug)
    sections = [
        NavigationSection(
            title,
            [p for name, text, icon in places if (p := _place(request.path, access, home, name, text, icon))],
        )
        for title, places in SECTIONS
    ]
    return [section for section in sections if section.places]


def _place(
    path: str, access: Access, home: str, name: str, title: str | Promise, icon: str
) -> NavigationLink | None:
    needed = _needed(name, access.trial.slug)
    if needed is None or not access.may(needed):
        return None
    url = address(name, access.trial.slug)
    current = path == url if url == home else path.startswith(url)
    return NavigationLink(title, icon, url, current, path == url)


@cache
def _needed(name: str, slug: str) -> Permission | None:
    """Return the permission that a page needs to be read; None for a page that the installation does not have."""
    try:
        view = resolve(reverse(name, args=[slug])).func
    except NoReverseMatch:
        return None
    needed: Permission | None = getattr(view, "see", None)
    return needed
