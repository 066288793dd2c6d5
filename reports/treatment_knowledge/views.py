"""The page “Who knew the treatment”: who knew what about whom, since when, by which road (AUD-08, BLD-03)."""

from datetime import datetime
from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy, pgettext_lazy

from audit.models import AccessEvent
from patients.queries.filters import ANY
from reports.treatment_knowledge.roads import About, KnowledgeLine, Road, known_by, that_pass
from trials.access import TrialRequest, trial_page
from trials.listing import Column
from trials.listing.computed import ComputedListing
from trials.permissions import Permission as P
from trials.reader import shown_day, shown_moment
from trials.roles import ROLES


class KnowledgeFilter(django_filters.FilterSet):
    """Filters of the page. They filter lines, not a queryset."""

    person = django_filters.ChoiceFilter(label=gettext_lazy("Person"), empty_label=ANY)
    patient = django_filters.ChoiceFilter(label=gettext_lazy("Patient"), empty_label=ANY)
    road = django_filters.ChoiceFilter(
        label=gettext_lazy("How the treatment was known"), choices=Road.choices, empty_label=ANY
    )

    class Meta:
        model = AccessEvent
        fields: list[str] = []

    def __init__(self, *args: Any, lines: list[KnowledgeLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = {str(line.user_id): line.full_name for line in lines if line.user_id is not None}
        self.filters["person"].extra["choices"] = sorted(people.items(), key=lambda item: item[1].casefold())
        codes = sorted({line.patient for line in lines} - set(About.values))
        self.filters["patient"].extra["choices"] = [(code, code) for code in codes]


def _when(zone: str, at: Any) -> str:
    return shown_moment(at, zone) if isinstance(at, datetime) else shown_day(at)


def columns(zone: str) -> tuple[Column, ...]:
    """Return the columns; times are those of the site."""
    return (
        Column(
            name="person", label=gettext_lazy("Person"), value=lambda line: line.full_name, free_text=True
        ),
        Column(
            name="role",
            label=gettext_lazy("Role"),
            value=lambda line: line.role,
            text=lambda line: str(ROLES[line.role].title) if line.role in ROLES else line.role,
        ),
        Column(
            name="patient",
            label=gettext_lazy("Patient"),
            value=lambda line: str(line.patient),
            text=lambda line: About(line.patient).label if line.patient in About.values else line.patient,
            css="code",
            decides=True,
        ),
        Column(
            name="road",
            label=gettext_lazy("How the treatment was known"),
            value=lambda line: str(line.road),
            text=lambda line: Road(line.road).label,
        ),
        Column(
            name="since",
            label=pgettext_lazy("first time", "Since"),
            value=lambda line: line.since,
            text=lambda line: _when(zone, line.since),
            css="nowrap",
        ),
        Column(
            name="last",
            label=gettext_lazy("Last time, or until"),
            value=lambda line: line.until,
            text=lambda line: _when(zone, line.until) if line.until else "",
            css="nowrap",
        ),
        Column(name="times", label=gettext_lazy("How often"), value=lambda line: line.times, css="num"),
    )


@trial_page(see=P.SEE_TRAIL)
def treatment_known(request: TrialRequest) -> HttpResponseBase:
    """List who knew the treatment. A blinded reader of a masked trial is told the roles and who was unblinded."""
    trial = request.trial
    lines = known_by(request.access)
    none = AccessEvent.objects.none()
    page = ComputedListing(
        request,
        queryset=none,
        columns=columns(trial.rules.trial.site.time_zone),
        sort="person",
        filterset=KnowledgeFilter(request.GET, queryset=none, lines=lines),
        row_url=lambda line: _events_of(trial.slug, line),
        name="treatment-known",
        empty=gettext_lazy("Nobody may know the treatment by a role, and nobody has read it."),
        every=lines,
        keep=that_pass,
    )
    context = {"masked": trial.masked, "whole": request.access.sees_treatment}
    return page.response("reports/treatment_known.html", context)


def _events_of(slug: str, line: KnowledgeLine) -> str:
    """Return the address of the entries of the trail behind a line."""
    trail, person = reverse("audit:trail", args=[slug]), line.user_id or "-"
    match line.road:
        case Road.ROLE:
            return f"{trail}?about={person}&form=trials.delegation"
        case Road.RECORDED:
            return f"{trail}?user={person}&form=dosing.preparation"
        case Road.PAGE:
            return f"{trail}?user={person}&kind=treatment_seen"
        case Road.UNBLINDED | Road.EXPOSED:
            return reverse("dosing:unblindings", args=[slug])
    return f"{trail}?user={person}&kind=exported"
