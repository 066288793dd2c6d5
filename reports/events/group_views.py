"""The page of grouped adverse events: by patient, term or class, and the summary by organ class and term (SAF-14)."""

from functools import cached_property

from django.core.exceptions import BadRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from reports.events.group_columns import WAY_TITLES, events_behind, group_columns
from reports.figures import charts
from reports.figures.shapes import Figure
from reports.home.event_grades import kept_terms
from safety.listing.counting import PATIENT, SUMMARY, GroupLine, lines_of
from safety.listing.filters import AdverseEventFilter
from safety.listing.groups import GRADES
from safety.models import AdverseEvent
from trials.access import TrialRequest, trial_page
from trials.listing.column_selection import SelectionLines
from trials.permissions import Permission as P

PAGE = 200


class GroupListing(SelectionLines):
    """The groups as a listing; page, CSV and XLSX have the same columns."""

    by: str

    @property
    def kept_parameters(self) -> list[tuple[str, str]]:
        """Parameters that the filter form submits besides its own fields."""
        return [*super().kept_parameters, ("by", self.by)]

    @cached_property
    def total(self) -> int:
        """Number of groups, without the line of all events."""
        return max(0, len(self.passing) - 1)


@trial_page(see=P.SEE_TRIAL)
def groups(request: TrialRequest) -> HttpResponseBase:
    """Show the adverse events that pass the filters in groups; `?by=patient` names what they are grouped by."""
    by = request.GET.get("by") or SUMMARY
    if by not in WAY_TITLES:
        raise BadRequest(_("Adverse events cannot be grouped that way."))
    rows = AdverseEvent.objects.of(request.access).not_in_error()
    filters = AdverseEventFilter(request.GET, queryset=rows, trial=request.trial)
    found = lines_of(request.trial, filters.qs, by) if filters.is_valid() else []
    kept = {name: value for name in filters.form.fields if (value := request.GET.get(name))}
    slug = request.trial.slug
    page = GroupListing(
        request,
        queryset=AdverseEvent.objects.none(),
        columns=group_columns(by),
        sort=group_columns(by)[0].name,
        filterset=filters,
        name="adverse-event-groups",
        row_url=lambda line: events_behind(slug, line, kept),
        every=found,
        keep=lambda **_cleaned: lambda _line: True,
        page_size=PAGE,
        empty=gettext_lazy("No adverse event is reported yet."),
    )
    page.by = by
    context = {
        "by": by,
        "ways": [(way, title, page.url(by=way)) for way, title in WAY_TITLES.items()],
        "figure": None if by == PATIENT else worst_grades(found),
        "kept": page.url(drop=("by",)),
    }
    return page.response("reports/event_groups.html", context)


def worst_grades(found: list[GroupLine]) -> Figure | None:
    """Return the patients of each group by worst grade: every severe group, then the most frequent ones."""
    counted = {
        name: [line.group.patients_at(grade) for grade in GRADES]
        for line in found
        if not line.is_total and (name := line.term or line.organ_class or line.event_class)
    }
    kept = kept_terms(counted)
    if not kept:
        return None
    rows = [_bar(name, counted[name]) for name in kept]
    label = _("Patients by worst grade. Most frequent: %(group)s, in %(number)s patients.")
    return charts.worst_grades(rows, label % {"group": rows[0].term, "number": rows[0].total})


def _bar(name: str, counts: list[int]) -> charts.TermRow:
    first, second, third, fourth, fifth = counts
    tips = [
        ngettext(
            "%(term)s, worst grade %(grade)s: %(number)s patient",
            "%(term)s, worst grade %(grade)s: %(number)s patients",
            number,
        )
        % {"term": name, "grade": grade, "number": number}
        for grade, number in enumerate(counts, start=1)
    ]
    return charts.TermRow(
        term=name, patients=(first, second, third, fourth, fifth), share=str(sum(counts)),
        tips=(tips[0], tips[1], tips[2], tips[3], tips[4]),
    )  # fmt: skip
