"""Questions of a form that states a date of death: everything recorded after that day, and another end of study."""

from typing import Any

from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook
from patients.casebook.casebook_queries import parsed_values
from patients.models import Patient, Record
from patients.models.visit_forms import in_order
from patients.participation.after_death import questions_after_death
from patients.participation.death import Death
from patients.participation.questions import Question, ask
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from trials.reader import shown_day


def ask_about_death(casebook: Casebook, record: Record, confirmed: str) -> None:
    """Raise Questioned if the new date of death in the form that was just written contradicts other records.

    One query for the events and one for the infusions, none without a date. The transaction of the caller
    takes the form back.
    """
    place, patient = casebook.here, casebook.patient
    rules, item = place.protocol.rules, place.date_of_death
    if not isinstance(day := record.values.get(item), str):
        return
    visit = place.visit.key if place.visit else ""
    death = Death(Moment.from_iso(day, rules.trial.site.time_zone), record.form, item, visit, record.repeat)
    after = questions_after_death(patient, death, **_known(casebook, rules))
    ask([*_end_of_study(patient, death), *after], confirmed)


def _known(casebook: Casebook, rules: Protocol) -> dict[str, Any]:
    """Return the visits, and the records of forms with dates, as the save has read them. At most one query."""
    dated = {code for code, form in rules.forms.items() if form.has_dates}
    casebook.read_values(dated)
    visits = {visit.pk: visit for visit in casebook.visits}
    records = [record for record in casebook.records if record.form in dated]
    for record in records:
        record.values, record.patient = parsed_values(record), casebook.patient
        record.visit = visits[record.visit_id] if record.visit_id else None
    return {"visits": in_order(visits.values()), "records": records}


def _end_of_study(patient: Patient, death: Death) -> list[Question]:
    if patient.ended_on is None or death.agrees_with_end(patient):
        return []
    text = _("The study ended on %(day)s (%(reason)s): the date of death says otherwise.")
    words = text % {"day": shown_day(patient.ended_on), "reason": patient.get_end_reason_display()}
    address = ("patients:end", (patient.trial.slug, patient.code), "")
    return [
        Question(
            f"died:{death.moment.iso}:end:{patient.ended_on}:{patient.end_reason}",
            words,
            address,
            _("Open the end of study"),
        )
    ]
