"""The weight of the day compared with earlier weights: a large change needs a confirmation (CEL-09).

Earlier weights are offered, never filled in.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from dosing.dose import changed_too_much, is_possible_weight, is_usual_weight
from dosing.models import Infusion
from patients.models import Patient, Record
from patients.participation.weights import KnownWeight, captured_weights, weight_forms
from protocol.values.moments import Moment
from trials.reader import shown_day, shown_number


def last_weight(infusion: Infusion, until: date | None = None) -> KnownWeight | None:
    """Return the latest weight up to a day (default: any day) from forms and other infusions, or None. Two queries.

    On the same day the weight of an infusion is preferred to that of the protocol's dosing item, and that to the one of
    the patient's profile.
    """
    found = [*_captured_weights(infusion.patient), *_infusion_weights(infusion)]
    fit = [weight for weight in found if until is None or weight.on <= until]
    return sorted(fit, key=lambda weight: weight.on)[-1] if fit else None


def _captured_weights(patient: Patient) -> Iterator[KnownWeight]:
    rules = patient.protocol.rules
    rows = Record.objects.filter(patient=patient, form__in=weight_forms(rules))
    shown = rows.exclude(state=Record.State.STRUCK_OUT).select_related("visit")
    return captured_weights(rules, shown)


def _infusion_weights(infusion: Infusion) -> Iterator[KnownWeight]:
    return _weights(Infusion.objects.filter(patient=infusion.patient_id).exclude(pk=infusion.pk))


def of_infusions(patient: Patient) -> Iterator[KnownWeight]:
    """Yield the weights measured for the infusions of a patient: the same in every arm. One query."""
    return _weights(Infusion.objects.filter(patient=patient).order_by("number"))


def _weights(infusions: QuerySet[Infusion]) -> Iterator[KnownWeight]:
    for each in infusions.exclude(weight_measured=""):
        day = Moment.from_iso(each.weight_measured).date
        if each.weight_kg is not None and day is not None:
            named = {"number": each.number, "day": shown_day(day)}
            yield KnownWeight(each.weight_kg, day, _("Infusion %(number)d, %(day)s") % named)


def weight_errors(infusion: Infusion, kg: Decimal, measured: Moment, confirmation: str) -> dict[str, str]:
    """Return by field why a weight in kg is refused: impossible, in the future, or unlikely without confirmation."""
    errors: dict[str, str] = {}
    if measured.precision != "minute":
        errors["weight_measured"] = _("Enter the day and the time of the weighing.")
    elif measured.earliest > timezone.now():
        errors["weight_measured"] = _("This time has not come yet. Check the date.")
    elif too_early := _too_early(infusion.patient, measured):
        errors["weight_measured"] = too_early
    if not is_possible_weight(kg):
        errors["weight_kg"] = _("A weight lies between 25 and 350 kg. Weigh again.")
    elif kg != round(kg, 2):
        errors["weight_kg"] = _("Type at most 2 decimals: nothing is rounded for you.")
    elif not confirmation and (doubt := _doubt(infusion, kg, measured)):
        errors["weight_confirmation"] = doubt
    return errors


def _max_age(patient: Patient) -> int:
    """Return the hours after which a weight no longer decides a dose."""
    dosing = patient.protocol.rules.dosing
    return dosing.weight_max_age_hours if dosing else 24


def _too_early(patient: Patient, measured: Moment) -> str:
    """Return the message about a weight too old for any infusion: none begins before inclusion. Empty if it is not."""
    day, hours = patient.enrolled_on, _max_age(patient)
    if day is None or Moment.from_date(day, measured.zone).earliest - measured.latest <= timedelta(
        hours=hours
    ):
        return ""
    text = _(
        "The patient was included on %(day)s: a weight measured more than %(hours)d hours before decides no dose."
        " Check the date."
    )
    return text % {"day": shown_day(day), "hours": hours}


def _doubt(infusion: Infusion, kg: Decimal, measured: Moment) -> str:
    last = last_weight(infusion, measured.date)
    if last is not None and changed_too_much(kg, last.kg):
        text = _(
            "The weight was %(last)s kg (%(source)s). If %(now)s kg is right, enter how it was confirmed."
        )
        return text % {"last": last.shown, "source": last.source, "now": shown_number(kg)}
    if not is_usual_weight(kg):
        return _("%(now)s kg is unusual. If it is right, enter how it was confirmed.") % {
            "now": shown_number(kg)
        }
    return ""


def age_errors(patient: Patient, measured: Moment, started: Moment) -> dict[str, str]:
    """Return by field why a weight is not valid for the dose: measured after the start, or too long before it."""
    hours = _max_age(patient)
    if measured.earliest > started.earliest:
        return {
            "weight_measured": _("The weight was measured after the start: it cannot have decided the dose.")
        }
    if started.earliest - measured.latest > timedelta(hours=hours):
        text = _("At the start the weight was older than %(hours)d hours. Weigh again.")
        return {"weight_measured": text % {"hours": hours}}
    return {}
