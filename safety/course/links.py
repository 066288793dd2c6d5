"""Link an adverse event to medication, results, hospital stays, other forms and infusions of its patient."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import trimmed
from patients.models import Patient, Record
from patients.participation.milestones import Milestone, milestones
from protocol.document.document import Protocol
from protocol.values.labels import display
from safety.models import AdverseEvent, EventLink
from safety.reporting import locked_event
from trials.reader import reader_language, shown_day

INFUSION, RECORD = "infusion", "record"


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Something that an event can be linked to. key: `record-<key>` or `infusion-<number>`, as forms send it."""

    key: str
    label: str
    url: str = ""


@transaction.atomic
def link_event(*, event: AdverseEvent, target: str, role: str, by: User, version: int) -> EventLink:
    """Link an event to one form or infusion of its patient. Raises StaleEvent, ValidationError for another's target."""
    row, patient = locked_event(event, version)
    if role not in EventLink.Role.values:
        raise ValidationError({"role": _("Choose one of the answers offered.")})
    if target not in {each.key for each in targets_of(patient)}:
        raise ValidationError({"target": _("Choose a form or an infusion of this patient.")})
    kind, _dash, number = target.partition("-")
    column = {"record_id": int(number)} if kind == RECORD else {"infusion": int(number)}
    if row.links.in_force().filter(**column).exists():
        raise ValidationError({"target": _("The event is linked to it already.")})
    return EventLink.objects.create(
        event=row, patient=patient, role=role, after_lock_reason=row.after_lock_reason, **column
    )


@transaction.atomic
def strike_out_link(*, link: EventLink, reason: str, by: User, version: int) -> EventLink:
    """Mark a link as entered in error; it stays visible. Raises StaleEvent, ValidationError without a reason."""
    locked_event(link.event, version)
    row = EventLink.objects.select_for_update(of=("self",)).get(pk=link.pk)
    if row.in_error_reason:
        raise ValidationError(_("This link is struck out already."))
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why it is struck out.")})
    row.in_error_reason = reason.strip()
    with because(row.in_error_reason):
        row.save(update_fields=["in_error_reason"])
    return row


def targets_of(patient: Patient) -> list[LinkTarget]:
    """Return the possible targets of links of an event of the patient: rows of logs first, then forms, then infusions.

    Two queries. Nothing in it depends on the arm.
    """
    rows = (
        Record.objects.filter(patient=patient).exclude(state=Record.State.STRUCK_OUT).select_related("visit")
    )
    ordered = sorted(rows.order_by("form", "repeat", "pk"), key=lambda record: record.visit_id is not None)
    rules = patient.protocol.rules
    given = milestones([patient])[patient.pk]
    return [*(_of_record(each, rules, patient) for each in ordered), *_of_infusions(given, patient)]


def targets_by_key(patient: Patient, links: Iterable[EventLink]) -> dict[str, LinkTarget]:
    """Return the targets of links by key. No query without links."""
    return {each.key: each for each in targets_of(patient)} if list(links) else {}


def key_of(link: EventLink) -> str:
    """Return the key of what a link names."""
    return f"{RECORD}-{link.record_id}" if link.record_id else f"{INFUSION}-{link.infusion}"


def _of_record(record: Record, rules: Protocol, patient: Patient) -> LinkTarget:
    form, language = rules.forms.get(record.form), reader_language()
    title = form.title.in_language(language) if form is not None else record.form
    key, place = f"{RECORD}-{record.pk}", [patient.trial.slug, patient.code]
    if record.visit is not None:
        day = shown_day(record.visit.held_on or record.visit.planned_on)
        return LinkTarget(key, " · ".join(filter(None, (title, record.visit.code, day))))
    # The first answer names the row: the medicine, the kind of stay.
    items = form.items if form is not None else ()
    names = (display(record.values.get(item.name), item, language, _) for item in items)
    words = " · ".join(filter(None, (f"{title} {record.repeat}", next(filter(None, names), ""))))
    return LinkTarget(key, words, reverse("patients:log", args=[*place, record.form, record.repeat]))


def _of_infusions(given: Iterable[Milestone], patient: Patient) -> list[LinkTarget]:
    return [LinkTarget(f"{INFUSION}-{each.number}", each.label) for each in given if each.kind == INFUSION]
