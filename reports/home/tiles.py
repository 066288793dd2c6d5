"""Tiles of the home page: each counts one kind of outstanding work and links to its list."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.addresses import address
from patients.models import Patient
from patients.participation.visit_status import COMPLETE, DRAFT, VERIFIED
from reports.home.work_counts import ENDING_SOON_DAYS, OLD_QUERY_DAYS, PREPARE_AHEAD_DAYS
from reports.home.workload import Workload
from safety.labels import duration_text
from safety.reporting_clocks.clocks import span
from trials.reader import shown_day

State = Patient.State


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: number, name, note, and the URL of the list."""

    name: str | Promise
    count: int | str
    note: str
    icon: str
    tone: str
    url: str


def _list(work: Workload, name: str, **query: str) -> str:
    listed = address(name, work.trial.slug)
    return f"{listed}?{urlencode(query)}" if query else listed


def _patients(work: Workload, show: str) -> str:
    return f"{_list(work, 'reports:home', show=show)}#patients"


def serious_reports(work: Workload) -> Tile:
    """Serious events to be reported to the sponsor, with the time left to the next deadline."""
    count, late, next_due = work.clocks["running"], work.clocks["late"], work.clocks["next"]
    note = _("No clock is running")
    if late:
        note = ngettext("%(late)s past its deadline", "%(late)s past their deadline", late) % {"late": late}
    elif next_due:
        left = duration_text(span(max(next_due - work.now, timedelta())))
        note = _("next in %(left)s") % {"left": left}
    name = ngettext("SAE report due", "SAE reports due", count)
    return Tile(name, count, note, "triangle-alert", "late", _list(work, "safety:listing", clock="open"))


def cases(work: Workload) -> Tile:
    """Serious events for drug safety: without a case, or with a running clock of the sponsor."""
    waiting, late, next_due = work.cases["waiting"], work.cases["late"], work.cases["next"]
    count = waiting + work.cases["open"]
    note = ngettext("%(waiting)s without a case", "%(waiting)s without a case", waiting) % {
        "waiting": waiting
    }
    if late:
        note = ngettext("%(late)s past its deadline", "%(late)s past their deadline", late) % {"late": late}
    elif next_due:
        note = _("next in %(left)s") % {"left": duration_text(span(max(next_due - work.now, timedelta())))}
    name = ngettext("Case to decide", "Cases to decide", count)
    return Tile(name, count, note, "shield-alert", "late", _list(work, "safety:cases"))


def event_drafts(work: Workload) -> Tile:
    """Adverse events begun and not saved, with the time left to the next deadline."""
    count, late, next_due = work.event_drafts["open"], work.event_drafts["late"], work.event_drafts["next"]
    note = _("save or discard it")
    if late:
        note = ngettext("%(late)s past its deadline", "%(late)s past their deadline", late) % {"late": late}
    elif next_due:
        note = _("next in %(left)s") % {"left": duration_text(span(max(next_due - work.now, timedelta())))}
    name = ngettext("Event: draft, unreported", "Events: draft, unreported", count)
    return Tile(name, count, note, "file-pen-line", "late", f"{_list(work, 'safety:listing')}#drafts")


def overdue_visits(work: Workload) -> Tile:
    """Visits whose window has passed."""
    count = work.overdue_visits
    oldest = min((row.oldest for row in work.visits if row.oldest), default=None)
    note = _("since %(day)s") % {"day": shown_day(oldest)} if oldest else _("All in their windows")
    name = ngettext("Overdue visit", "Overdue visits", count)
    return Tile(name, count, note, "hourglass", "late", _patients(work, "overdue"))


def contacts(work: Workload) -> Tile:
    """Patients at home who have to be reached."""
    count = work.contacts
    name = ngettext("Contact due", "Contacts due", count)
    return Tile(
        name, count, _("until the patient is reached"), "phone", "due", _list(work, "patients:contacts")
    )


def overdue_samples(work: Workload) -> Tile:
    """Required samples of held visits that are neither collected nor recorded as not collected."""
    count, _to_destroy = work.samples
    name = ngettext("Sample overdue", "Samples overdue", count)
    return Tile(
        name, count, _("of visits that were held"), "test-tubes", "late", _list(work, "patients:samples")
    )


def samples_to_destroy(work: Workload) -> Tile:
    """Tubes that still exist though consent for samples is withdrawn."""
    _overdue, count = work.samples
    name = ngettext("Tube to destroy", "Tubes to destroy", count)
    url = _list(work, "patients:samples", destroy="yes")
    return Tile(name, count, _("consent for samples withdrawn"), "trash-2", "late", url)


def drafts(work: Workload) -> Tile:
    """Draft forms."""
    count = work.forms_at(DRAFT)
    note = _("Nothing left unfinished")
    if work.oldest_draft:
        days = (work.now - work.oldest_draft).days
        note = ngettext("oldest: %(days)s day", "oldest: %(days)s days", days) % {"days": days}
    name = ngettext("Form to finish", "Forms to finish", count)
    return Tile(name, count, note, "file-pen-line", "draft", _patients(work, "drafts"))


def open_queries(work: Workload) -> Tile:
    """Open queries."""
    count, old = work.queries["open"], work.queries["old"]
    note = _("%(old)s older than %(days)s days") % {"old": old, "days": OLD_QUERY_DAYS}
    name = ngettext("Open query", "Open queries", count)
    url = _list(work, "patients:queries", state="open")
    return Tile(name, count, note, "message-square-text", "query", url)


def answered_queries(work: Workload) -> Tile:
    """Answered queries, to be closed or reopened."""
    count = work.queries["answered"]
    name = ngettext("Answer to review", "Answers to review", count)
    url = _list(work, "patients:queries", state="answered")
    return Tile(name, count, _("close or reopen the query"), "message-square-reply", "query", url)


def forms_to_sign(work: Workload) -> Tile:
    """Complete forms without a valid signature."""
    count = work.forms_at(COMPLETE, VERIFIED)
    name = ngettext("Form to sign", "Forms to sign", count)
    return Tile(
        name, count, _("complete, not signed"), "signature", "signed", _list(work, "patients:to-sign")
    )


def events_to_sign(work: Workload) -> Tile:
    """Adverse events without a valid review signature."""
    count = work.events_to_sign
    name = ngettext("Adverse event to sign", "Adverse events to sign", count)
    url = _list(work, "safety:listing", signed="no")
    return Tile(name, count, _("reviewed by nobody yet"), "signature", "signed", url)


def deviations(work: Workload) -> Tile:
    """Deviations of the general log that wait for a person."""
    count = work.deviations
    name = ngettext("Deviation to classify", "Deviations to classify", count)
    url = _list(work, "patients:deviations", state="waiting")
    return Tile(name, count, _("minor, major or reportable"), "split", "draft", url)


def product_deviations(work: Workload) -> Tile:
    """Deviations of the product that wait for the laboratory, such as a dose outside the range by an amended weight."""
    count = work.product_deviations
    name = ngettext("Product deviation to classify", "Product deviations to classify", count)
    url = _list(work, "dosing:product-deviations", state="waiting")
    return Tile(name, count, _("dose, donor or another fact of the product"), "split", "late", url)


def product_questions(work: Workload) -> Tile:
    """Open queries on the product, for who prepares it."""
    count = work.product_queries("open")
    name = ngettext("Open product query", "Open product queries", count)
    url = _list(work, "dosing:product-queries", state="open")
    return Tile(
        name, count, _("products, preparations, bags, masked results"), "message-square-text", "query", url
    )


def product_answers(work: Workload) -> Tile:
    """Answered queries on the product, for who raised them."""
    count = work.product_queries("answered")
    name = ngettext("Answer on the product to review", "Answers on the product to review", count)
    url = _list(work, "dosing:product-queries", state="answered")
    return Tile(name, count, _("close or reopen the query"), "message-square-reply", "query", url)


def forms_to_verify(work: Workload) -> Tile:
    """Complete forms and facts outside the forms that still need source data verification."""
    forms, facts = work.forms_to_verify, work.facts_to_verify
    count = forms + facts
    name = ngettext("Form or entry to verify", "Forms and entries to verify", count)
    note = _("%(forms)s forms, %(facts)s entries outside forms") % {"forms": forms, "facts": facts}
    url = _list(work, "patients:verification", waits="yes")
    return Tile(name, count, note, "list-checks", "checked", url)


def reconsents(work: Workload) -> Tile:
    """Patients who must consent again after regaining capacity or after an amendment."""
    count = work.reconsents
    name = ngettext("New consent due", "New consents due", count)
    return Tile(
        name,
        count,
        _("able to decide again, or an amendment"),
        "user-round-check",
        "draft",
        _patients(work, "reconsent"),
    )


def decisions_to_make_again(work: Workload) -> Tile:
    """Decisions on eligibility that rest on inputs that changed since."""
    count = work.decisions_to_make_again
    name = ngettext("Eligibility to decide again", "Eligibilities to decide again", count)
    note = _("inputs changed after the decision") if count else _("every decision rests on its inputs")
    return Tile(name, count, note, "circle-alert", "late", _patients(work, "decisions"))


def infusions_due(work: Workload) -> Tile:
    """Planned infusions whose window has opened."""
    count, late = work.infusions["due"], work.infusions["late"]
    note = ngettext("%(late)s past its window", "%(late)s past their window", late) % {"late": late}
    name = ngettext("Infusion due", "Infusions due", count)
    return Tile(name, count, note, "droplets", "due", _patients(work, "infusions"))


def missing_at_bedside(work: Workload) -> Tile:
    """Observations and checklists of infusions that are missing, until a person decided on them."""
    count = work.bedside_gaps
    name = ngettext("Bedside entry missing", "Bedside entries missing", count)
    note = _("vital signs or checklist of an infusion")
    return Tile(name, count, note, "activity", "late", _list(work, "reports:checklist", point="bedside"))


def screenings(work: Workload) -> Tile:
    """Patients in screening."""
    count = work.in_state(State.SCREENING)
    name = ngettext("Patient in screening", "Patients in screening", count)
    return Tile(
        name, count, _("eligibility to decide"), "user-round-search", "due", _patients(work, "screening")
    )


def to_prepare(work: Workload) -> Tile:
    """Infusions of the next days without a preparation."""
    count = work.preparations["next"]
    note = _("within %(days)s days") % {"days": PREPARE_AHEAD_DAYS}
    name = ngettext("Infusion to prepare", "Infusions to prepare", count)
    return Tile(name, count, note, "flask-conical", "due", _list(work, "dosing:listing", state="planned"))


def unrecorded_preparations(work: Workload) -> Tile:
    """Infusions that were given without a recorded preparation."""
    count = work.preparations["given"]
    name = ngettext("Preparation to record", "Preparations to record", count)
    return Tile(
        name,
        count,
        _("infusion given, product not recorded"),
        "clipboard-pen",
        "late",
        _list(work, "dosing:listing", state="given"),
    )


def in_follow_up(work: Workload) -> Tile:
    """Patients in follow-up."""
    count, ended = work.in_state(State.ENROLLED), work.in_state(State.ENDED)
    note = ngettext("%(ended)s has ended", "%(ended)s have ended", ended) % {"ended": ended}
    name = ngettext("Patient in follow-up", "Patients in follow-up", count)
    return Tile(name, count, note, "users", "due", _patients(work, "follow_up"))


def unverified_people(work: Workload) -> Tile:
    """Roles of people whose identity is not verified."""
    count = work.people["unverified"]
    name = ngettext("Identity to verify", "Identities to verify", count)
    return Tile(name, count, _("before they may sign"), "id-card", "late", _list(work, "accounts:people"))


def ending_roles(work: Workload) -> Tile:
    """Roles that end soon."""
    count = work.people["ending"]
    note = _("within %(days)s days") % {"days": ENDING_SOON_DAYS}
    name = ngettext("Role ends soon", "Roles end soon", count)
    return Tile(name, count, note, "calendar-clock", "draft", _list(work, "accounts:people"))


def people(work: Workload) -> Tile:
    """Roles in force today."""
    count = work.people["all"]
    name = ngettext("Person with a role", "People with a role", count)
    return Tile(name, count, _("delegation log"), "users-round", "due", _list(work, "accounts:people"))


def unsealed(work: Workload) -> Tile:
    """How long the oldest row of the trail has waited for its seal; not how many wait, which may tell the treatment."""
    age = work.trail_waits.age(work.now)
    late = age > timedelta(hours=1)
    note = _("every row is sealed")
    if late:
        note = _("nothing is sealed by time: call manage.py due each minute")
    elif work.trail_waits.oldest:
        note = _("until then only triggers protect it")
    name = _("Oldest row without a seal")
    tone = "late" if late else "due"
    return Tile(name, duration_text(span(age)), note, "hourglass", tone, _list(work, "audit:trail"))
