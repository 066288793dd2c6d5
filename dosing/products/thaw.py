"""Contradictions of the time of a thaw: the start of the infusion, or the day on which it was given.

Product data: in a masked trial only pages for readers who may know the treatment say it.
"""

from datetime import timedelta, tzinfo

from django.utils.translation import gettext as _

from dosing.models import Infusion, Preparation
from patients.participation.questions import Question
from protocol.values.moments import Moment
from trials.reader import shown_moment

# Proposal: no public source of the trials gives a limit. Thawed cells are given within hours.
LONG_BEFORE = timedelta(hours=6)


def thaw_questions(row: Infusion, thawed: Moment | None) -> list[Question]:
    """Return the question about a thaw that does not fit the start of the infusion; none while it is not given."""
    if thawed is None or not row.started:
        return []
    words = thaw_words(thawed, Moment.from_iso(row.started), row.patient.trial.zone)
    address = ("dosing:infusion", (row.patient.trial.slug, row.patient.code, row.number), "")
    code = f"thaw:{thawed.iso}:{row.started}"
    return [Question(code, words, address, _("Correct the start of the infusion"))] if words else []


def start_questions(row: Infusion, started: Moment) -> list[Question]:
    """Return the same question for the start that the bedside types. Never in a masked trial: the ward is blinded.

    One query in an open trial.
    """
    trial = row.patient.trial
    if trial.masked:
        return []
    thawed = Preparation.objects.filter(infusion=row).values_list("thawed", flat=True).first()
    words = thaw_words(Moment.from_iso(thawed), started, trial.zone) if thawed else ""
    address = ("dosing:preparation", (trial.slug, row.patient.code, row.number), "")
    code = f"thaw:{thawed}:{started.iso}"
    return [Question(code, words, address, _("Correct the time of the thaw"))] if words else []


def stored_contradiction(row: Infusion, product: Preparation | None) -> str:
    """Return the sentence about the stored times of product and infusion; empty if they fit."""
    if product is None or not product.thawed or not row.started:
        return ""
    thawed, started = Moment.from_iso(product.thawed), Moment.from_iso(row.started)
    return thaw_words(thawed, started, row.patient.trial.zone)


def thaw_words(thawed: Moment, started: Moment, zone: tzinfo) -> str:
    """Return the sentence about a thaw that does not fit the start of the infusion; empty if it fits.

    A time that is known in part contradicts only if each of its possible moments does.
    """
    times = {"thawed": shown_moment(thawed), "started": shown_moment(started)}
    if thawed.earliest > started.latest:
        return _("The product was thawed (%(thawed)s) after the infusion began (%(started)s).") % times
    # At the site: in UTC midnight falls on another hour.
    if thawed.latest.astimezone(zone).date() < started.earliest.astimezone(zone).date():
        return (
            _("The product was thawed on another day (%(thawed)s) than the infusion (%(started)s).") % times
        )
    before = started.earliest - thawed.latest
    if before > LONG_BEFORE:
        text = _(
            "The product was thawed (%(thawed)s) %(hours)s hours before the infusion began (%(started)s)."
        )
        return text % {**times, "hours": int(before.total_seconds() // 3600)}
    return ""
