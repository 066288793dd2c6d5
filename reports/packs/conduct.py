"""Conduct of the trial: visits, queries, source verification, open events, deviations and consents."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from patients.models import Consent, Deviation, Query, Record, Visit
from patients.models.deviations import DeviationClass
from patients.participation.consents.reconsent import version_to_sign
from patients.participation.visit_status import OPEN_PATIENTS, due, overdue
from patients.review import source_verification
from reports.packs.contents import DASH, PackSection, PackTable, PackView, share
from reports.packs.missing_data import visit_title
from safety.models import AdverseEvent
from trials.reader import shown_day, shown_moment

AGES = ((0, 7), (8, 30), (31, None))


def visits(view: PackView) -> PackSection:
    """Return the visits by kind and status. One query."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    rows = Visit.objects.filter(patient__trial=view.trial)
    for code, state in rows.order_by("pk").values_list("code", "state"):
        counted[code][state] += 1
    died_on = view.rules.profile.died_on
    for name, condition in (("due", due(view.today, died_on)), ("overdue", overdue(view.today, died_on))):
        for code in rows.filter(condition).order_by("pk").values_list("code", flat=True):
            counted[code][name] += 1
    order = [visit.code for visit in view.rules.visits if visit.code in counted]
    order += sorted(counted.keys() - set(order))
    columns = {
        Visit.State.HELD: _("Held"), Visit.State.MISSED: _("Missed"), "due": _("Due"), "overdue": _("Overdue"),
    }  # fmt: skip
    lines = [
        [visit_title(view.rules, code, view.language), *(str(counted[code][name]) for name in columns)]
        for code in order
    ]
    total = [_("All visits"), *(str(sum(counted[code][name] for code in order)) for name in columns)]
    table = PackTable(
        title=_("Visits by status"),
        how=_(
            "Visits of all patients. Due: planned, with a window that is open on the day of the moment. Overdue: the "
            "window has passed, and the visit is neither held nor missed."
        ),
        columns=[_("Visit"), *columns.values()],
        rows=[total, *lines] if lines else [],
        strong=frozenset({0}),
        empty=_("No visit is planned yet."),
    )
    return PackSection(_("Visits"), [table])


def queries(view: PackView) -> PackSection:
    """Return the queries by origin, status and age. One query."""
    found = _queries(view)
    return PackSection(_("Queries"), [_by_origin(view, found)])


def _queries(view: PackView) -> list[dict[str, Any]]:
    columns = (
        "patient__code", "origin", "state", "target", "record__form", "record__visit__code", "item", "text",
        "opened_at", "closed_at",
    )  # fmt: skip
    rows = Query.objects.filter(patient__trial=view.trial).order_by("patient__number", "pk")
    return list(rows.values(*columns))


def _by_origin(view: PackView, found: list[dict[str, Any]]) -> PackTable:
    rows = []
    for origin in Query.Origin:
        mine = [row for row in found if row["origin"] == origin]
        if not mine:
            continue
        is_open = [row for row in mine if row["state"] == Query.State.OPEN]
        ages = [_age(view.moment, row["opened_at"]) for row in is_open]
        by_age = [
            str(sum(low <= age and (high is None or age <= high) for age in ages)) for low, high in AGES
        ]
        answered = sum(row["state"] == Query.State.ANSWERED for row in mine)
        closed = sum(row["state"] == Query.State.CLOSED for row in mine)
        rows.append(
            [str(origin.label), str(len(mine)), str(len(is_open)), *by_age, str(answered), str(closed)]
        )
    return PackTable(
        title=_("Queries by origin"),
        how=_("All queries on data of patients. Days are whole days from the opening to the moment."),
        columns=[
            _("Raised by"), _("All"), _("Open"), _("Open up to 7 days"), _("Open 8 to 30 days"),
            _("Open over 30 days"), _("Answered"), _("Closed"),
        ],
        rows=rows,
        empty=_("No query was raised."),
    )  # fmt: skip


def _age(moment: datetime, opened: datetime) -> int:
    return (moment - opened) // timedelta(days=1)


def open_queries(view: PackView) -> PackSection:
    """Return the list of queries that are not closed. One query."""
    rows = [
        [row["patient__code"], _place(view, row), row["item"] or DASH, str(row["text"]),
         str(Query.State(row["state"]).label), str(_age(view.moment, row["opened_at"]))]
        for row in _queries(view)
        if row["state"] != Query.State.CLOSED
    ]  # fmt: skip
    table = PackTable(
        title=_("Queries not closed"),
        how=_("Open and answered queries by patient, in the order in which they were raised."),
        columns=[_("Patient"), _("About"), _("Item"), _("Question"), _("Status"), _("Days")],
        rows=rows,
        texts=(0, 1, 2, 3, 4),
        empty=_("Every query is closed."),
    )
    return PackSection(_("Open queries"), [table])


def _place(view: PackView, row: dict[str, Any]) -> str:
    if not row["record__form"]:
        return str(Query.Target(row["target"]).label)
    form = row["record__form"]
    title = view.words(view.rules.form(form).title) if form in view.rules.forms else form
    return " · ".join(part for part in (row["record__visit__code"], title) if part)


def verification(view: PackView) -> PackSection:
    """Return complete and verified forms by patient, and the forms to verify. Three queries."""
    versions = source_verification.versions_of(view.trial)
    waiting: dict[str, list[str]] = defaultdict(list)
    columns = ("patient__code", "visit__code", "form", "repeat")
    rows = source_verification.waiting(view.trial, versions).order_by(
        "patient__number", "visit__position", "pk"
    )
    for patient, visit, form, repeat in rows.values_list(*columns):
        waiting[patient].append(" · ".join([visit or f"{repeat}", form]))
    complete: Counter[str] = Counter()
    verified: Counter[str] = Counter()
    known = Record.objects.filter(patient__trial=view.trial, state=Record.State.COMPLETE).order_by("pk")
    for patient, at in known.values_list("patient__code", "verified_at"):
        complete[patient] += 1
        verified[patient] += at is not None
    lines = [
        [row.code, str(complete[row.code]), share(verified[row.code], complete[row.code]),
         str(len(waiting[row.code])), "; ".join(waiting[row.code]) or DASH]
        for row in view.patients
        if complete[row.code]
    ]  # fmt: skip
    table = PackTable(
        title=_("Source data verification"),
        how=_(
            "Complete forms by patient. To verify: complete forms that the protocol plans for verification and that "
            "are not verified, or changed since. A form is named by its visit and its code."
        ),
        columns=[_("Patient"), _("Complete forms"), _("Verified"), _("To verify"), _("Forms to verify")],
        rows=lines,
        texts=(0, 4),
        empty=_("No form is complete yet."),
    )
    return PackSection(_("Source data verification"), [table])


def overdue_visits(view: PackView) -> PackSection:
    """Return the list of overdue visits and of drafts. Two queries."""
    late = Visit.objects.filter(
        overdue(view.today, view.rules.profile.died_on), patient__trial=view.trial
    ).order_by("patient__number", "position")
    rows = [
        [code, visit_title(view.rules, visit, view.language), shown_day(planned), shown_day(last),
         str((view.today - last).days)]
        for code, visit, planned, last in late.values_list("patient__code", "code", "planned_on", "window_to")
    ]  # fmt: skip
    drafts = Record.objects.filter(patient__trial=view.trial, state=Record.State.DRAFT).order_by(
        "patient__number", "pk"
    )
    begun = [
        [code, visit or DASH, form, str(_age(view.moment, at))]
        for code, visit, form, at in drafts.values_list("patient__code", "visit__code", "form", "created_at")
    ]
    tables = [
        PackTable(
            title=_("Overdue visits"),
            how=_(
                "Planned visits whose window has passed on the day of the moment, neither held nor missed."
            ),
            columns=[_("Patient"), _("Visit"), _("Planned on"), _("Window until"), _("Days over")],
            rows=rows,
            texts=(0, 1, 2, 3),
            empty=_("No visit is overdue."),
        ),
        PackTable(
            title=_("Drafts"),
            how=_("Forms that were begun and not completed, with whole days since they were begun."),
            columns=[_("Patient"), _("Visit"), _("Form"), _("Days")],
            rows=begun,
            texts=(0, 1, 2),
            empty=_("No form is a draft."),
        ),
    ]
    return PackSection(_("Overdue"), tables)


def open_events(view: PackView) -> PackSection:
    """Return the serious events that wait for their report, and the unfinished ones. Two queries."""
    rows = AdverseEvent.objects.filter(trial=view.trial).not_in_error()
    columns = ("patient__code", "number", "term", "grade", "due_at")
    waiting = rows.awaiting_report().order_by("due_at", "patient__number", "number").values_list(*columns)
    lines = [
        [code, str(number), term, str(grade), view_moment(view, at),
         _("late") if at < view.moment else _("in time")]
        for code, number, term, grade, at in waiting
    ]  # fmt: skip
    ongoing = rows.filter(serious=True, ongoing=AdverseEvent.Ongoing.YES).order_by(
        "patient__number", "number"
    )
    unsettled = [
        [code, str(number), term, str(grade), str(shown_moment(onset, view.trial.time_zone))]
        for code, number, term, grade, onset in ongoing.values_list(
            "patient__code", "number", "term", "grade", "onset"
        )
    ]
    tables = [
        PackTable(
            title=_("Events not reported to the sponsor"),
            how=_(
                "Serious or fatal events with a running clock: not reported, not entered in error, the next due first."
            ),
            columns=[_("Patient"), _("No."), _("Event"), _("Grade"), _("Due"), _("Clock")],
            rows=lines,
            texts=(0, 2, 4, 5),
            empty=_("Every serious event is reported."),
        ),
        PackTable(
            title=_("Serious events that go on"),
            how=_("Serious events that are recorded as ongoing, without those entered in error."),
            columns=[_("Patient"), _("No."), _("Event"), _("Grade"), _("Onset")],
            rows=unsettled,
            texts=(0, 2, 4),
            empty=_("No serious event goes on."),
        ),
    ]
    return PackSection(_("Open events"), tables)


def view_moment(view: PackView, at: datetime) -> str:
    """Return a moment on the clock of the site, as every page writes it."""
    return str(shown_moment(at, view.trial.zone))


def deviations(view: PackView) -> PackSection:
    """Return the deviations by category and classification. One query. Those of the product are in no pack."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    rows = Deviation.objects.filter(patient__trial=view.trial, struck_out_reason="").order_by(
        "patient__number", "number"
    )
    listed = []
    for row in rows.select_related("patient"):
        counted[row.category][row.classification] += 1
        listed.append(
            [row.patient.code, str(row), str(row.get_category_display()),
             str(shown_moment(row.occurred)), str(row.description),
             str(row.get_classification_display())]
        )  # fmt: skip
    lines = [
        [str(category.label), *(str(counted[category][each]) for each in DeviationClass)]
        for category in Deviation.Category
        if category in counted
    ]
    tables = [
        PackTable(
            title=_("Deviations by category"),
            how=_(
                "Rows of the general log of deviations in force, by what they concern and how a person classified them."
            ),
            columns=[_("Concerns"), *(str(each.label) for each in DeviationClass)],
            rows=lines,
            empty=_("No deviation is recorded."),
        ),
        PackTable(
            title=_("Log of deviations"),
            how=_("The same rows by patient and number."),
            columns=[
                _("Patient"),
                _("No."),
                _("Concerns"),
                _("Happened on"),
                _("What happened"),
                _("Classification"),
            ],
            rows=listed,
            texts=range(6),
            empty=_("No deviation is recorded."),
        ),
    ]
    return PackSection(_("Deviations"), tables)


def consents(view: PackView) -> PackSection:
    """Return the first and the latest consent of each patient, and who has to sign again. One query."""
    given: dict[int, list[Consent]] = defaultdict(list)
    rows = Consent.objects.filter(patient__trial=view.trial).not_in_error()
    for row in rows.order_by("given_at", "pk").only("patient_id", "type", "version", "given", "given_at"):
        given[row.patient_id].append(row)
    lines = []
    for patient in view.patients:
        mine = given[patient.pk]
        last = mine[-1] if mine else None
        again = version_to_sign(patient, last) if patient.state in OPEN_PATIENTS else ""
        lines.append(
            [
                patient.code,
                view_moment(view, mine[0].given_at) if mine else _("none"),
                str(last.get_type_display()) if last else DASH,
                last.version if last else DASH,
                _("version %(version)s") % {"version": again} if again else DASH,
            ]
        )
    table = PackTable(
        title=_("Consents"),
        how=_(
            "Consents not struck out, by patient. To sign again: an amendment asks a patient in the study for another "
            "version of the form. Names of representatives are in no pack."
        ),
        columns=[_("Patient"), _("First consent"), _("Last given by"), _("Version"), _("To sign again")],
        rows=lines,
        texts=range(5),
        empty=_("Nobody was screened."),
    )
    return PackSection(_("Consents"), [table])
