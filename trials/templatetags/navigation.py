"""Navigation of a trial: the pages that the user may open, in the order of the work."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, resolve, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.addresses import address
from audit.trail_reading.plain_words import instant_words
from trials.access import Access
from trials.blinding.unblinded_files import holds_treatment, sentence
from trials.permissions import Permission
from trials.reader import reader_language
from trials.versions.awaited_version import awaited_words

register = template.Library()

SECTIONS: tuple[tuple[str | Promise, tuple[tuple[str, str | Promise, str], ...]], ...] = (
    (
        gettext_lazy("Work"),
        (
            ("reports:home", gettext_lazy("Home"), "layout-dashboard"),
            ("reports:calendar", gettext_lazy("Calendar"), "calendar-days"),
            ("patients:listing", gettext_lazy("Patients"), "users"),
            ("patients:prescreening", gettext_lazy("Pre-screening"), "user-round-search"),
            ("patients:consents", gettext_lazy("Consents and eligibility"), "file-pen-line"),
            ("dosing:listing", gettext_lazy("Infusions"), "syringe"),
            ("dosing:stock", gettext_lazy("Stock"), "package"),
            ("dosing:instructions", gettext_lazy("Instructions for treatment"), "siren"),
            ("dosing:levels", gettext_lazy("Dose levels"), "chart-no-axes-column-increasing"),
            ("safety:listing", gettext_lazy("Adverse events"), "triangle-alert"),
            ("safety:laboratory", gettext_lazy("Laboratory results"), "flask-conical"),
            ("safety:cases", gettext_lazy("Cases"), "shield-alert"),
            ("patients:deviations", gettext_lazy("Deviations"), "split"),
            ("reports:holds", gettext_lazy("Holds"), "octagon-pause"),
            ("patients:contacts", gettext_lazy("Contacts"), "phone"),
            ("patients:samples", gettext_lazy("Samples"), "test-tubes"),
            ("patients:shipments", gettext_lazy("Shipments"), "truck"),
            ("patients:forms", gettext_lazy("Forms"), "files"),
            ("patients:queries", gettext_lazy("Queries"), "message-square-text"),
            ("patients:verification", gettext_lazy("Source verification"), "list-checks"),
            ("patients:to-sign", gettext_lazy("To sign"), "signature"),
            ("reports:outcomes", gettext_lazy("Outcomes"), "table-2"),
            ("reports:figures", gettext_lazy("Figures"), "chart-line"),
            ("exports:annual", gettext_lazy("Annual safety report"), "file-chart-column"),
            ("reports:quality", gettext_lazy("Data quality"), "clipboard-check"),
            ("reports:own-questions", gettext_lazy("Own questions"), "list-filter"),
            ("safety:reconciliation", gettext_lazy("Reconciliation"), "git-compare"),
            ("reports:closed-report", gettext_lazy("Closed report"), "file-lock"),
        ),
    ),
    (
        gettext_lazy("Output"),
        (
            ("reports:packs", gettext_lazy("Reports"), "file-stack"),
            ("documents:listing", gettext_lazy("Documents"), "file-text"),
            ("exports:index", gettext_lazy("Exports"), "download"),
            ("register:listing", gettext_lazy("Export register"), "file-output"),
            ("audit:trail", gettext_lazy("Audit trail"), "history"),
        ),
    ),
    (
        gettext_lazy("Trial"),
        (
            ("patients:protocol", gettext_lazy("Protocol"), "scroll-text"),
            ("laboratories:index", gettext_lazy("Laboratories"), "flask-conical"),
            ("accounts:people", gettext_lazy("People and roles"), "id-card"),
            ("training:own", gettext_lazy("Training"), "graduation-cap"),
            ("reports:checklist", gettext_lazy("Database lock"), "lock"),
            ("reports:problems", gettext_lazy("Reported problems"), "bug"),
            ("system:page", gettext_lazy("System"), "server"),
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
def print_head(context: dict[str, Any]) -> str:
    """Return who loaded this page, in which role and when, for the head of a print of the browser (AUD-08)."""
    access: Access = context["request"].access
    told = {
        "who": access.user.get_full_name(),
        "role": access.role.title,
        "when": instant_words(timezone.now(), str(access.trial.zone), reader_language()),
    }
    loaded = _("Page of %(who)s, %(role)s, loaded on %(when)s.") % told
    return f"{sentence()} {loaded}" if holds_treatment(access) else loaded


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
    if needed is None or not access.may(needed) or not _is_of_use(name, access):
        return None
    url = address(name, access.trial.slug)
    current = path == url if url == home else path.startswith(url)
    return NavigationLink(title, icon, url, current, path == url)


def _is_of_use(name: str, access: Access) -> bool:
    """Return False for the dose levels in a trial without levels, and for who may not open one: all others read there.

    No query: the protocol of the trial is parsed.
    """
    if name != "dosing:levels":
        return True
    dosing = access.trial.rules.dosing
    return dosing is not None and bool(dosing.levels) and access.may(Permission.SIGN)


@cache
def _needed(name: str, slug: str) -> Permission | None:
    """Return the permission that a page needs to be read; None for a page that the installation does not have."""
    try:
        view = resolve(reverse(name, args=[slug])).func
    except NoReverseMatch:
        return None
    needed: Permission | None = getattr(view, "see", None)
    return needed
