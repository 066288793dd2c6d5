"""Data recorded after a patient's death: visits held, samples taken, and dated answers of forms and log rows.

Computed from what is stored, at each reading: nothing is refused because of a death, and nothing hides it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from patients import signals
from patients.models import Patient, Record, Sample, Visit
from patients.participation.death import Death
from patients.participation.questions import Question
from protocol.document.document import Protocol
from protocol.document.items import MOMENT_TYPES, Form, Item
from protocol.values.moments import Moment
from trials.reader import reader_language, shown_day, shown_moment

Deaths = Mapping[int, Death]
"""The deaths by patient."""


@dataclass(frozen=True, slots=True)
class LateFact:
    """One fact after the death, as a sentence with the address of its page.

    code: what it is, with its date. visit, record, item: where it was captured, as far as it was.
    """

    patient: Patient
    code: str
    text: str
    address: tuple[str, tuple[Any, ...], str]
    visit: Visit | None = None
    record: Record | None = None
    item: str = ""


def after_death(
    patient: Patient,
    death: Death,
    *,
    visits: Iterable[Visit] | None = None,
    records: Iterable[Record] | None = None,
) -> list[LateFact]:
    """Return everything recorded after the death of one patient, in all rooms.

    visits, records: those of the patient, if they are read already; without them two queries. One more for the samples,
    and one for each room.
    """
    deaths, rules = {patient.pk: death}, patient.protocol.rules
    parts_of_rooms: list[tuple[Any, Any]] = signals.recorded_after_death.send(
        sender=Patient, patient=patient, death=death
    )
    if visits is None or records is None:
        own = captured_after(deaths, rules, slug=patient.trial.slug)
    else:
        own = _captured(visits, records, deaths, rules, patient.trial.slug)
        own += _samples(deaths, patient.trial.slug)
    return [*own, *(fact for _receiver, found in parts_of_rooms for fact in found)]


def questions_after_death(patient: Patient, death: Death, **known: Any) -> list[Question]:
    """Return a question about everything recorded after a death that is to be stored, each with the way to it.

    known: visits and records, as `after_death` takes them.
    """
    return [
        Question(f"died:{death.moment.iso}:{fact.code}", fact.text, fact.address, _("Open it"))
        for fact in after_death(patient, death, **known)
    ]


def captured_after(deaths: Deaths, rules: Protocol, *, slug: str) -> list[LateFact]:
    """Return visits, dated answers and samples after the deaths. Three queries, none without a death."""
    if not deaths:
        return []
    visits = Visit.objects.filter(patient__in=list(deaths), state=Visit.State.HELD).select_related("patient")
    rows = Record.objects.filter(patient__in=list(deaths)).exclude(state=Record.State.STRUCK_OUT)
    records = rows.select_related("visit", "patient")
    in_order = visits.order_by("patient_id", "position", "number")
    captured = _captured(in_order, records.order_by("patient_id", "pk"), deaths, rules, slug)
    return [*captured, *_samples(deaths, slug)]


def _captured(
    visits: Iterable[Visit], records: Iterable[Record], deaths: Deaths, rules: Protocol, slug: str
) -> list[LateFact]:
    in_force = [record for record in records if record.state != Record.State.STRUCK_OUT]
    held = (visit for visit in visits if visit.state == Visit.State.HELD)
    return [
        *(
            fact
            for row in held
            if not _reports_death(row, in_force, rules)
            for fact in _of_visit(row, deaths, slug)
        ),
        *(fact for row in in_force for fact in _of_record(row, deaths[row.patient_id], rules, slug)),
    ]


def _samples(deaths: Deaths, slug: str) -> list[LateFact]:
    """Return the samples that were taken after the deaths. One query."""
    taken = Sample.objects.filter(patient__in=list(deaths), collected_at__isnull=False).in_force()
    return [
        _of_sample(row, deaths[row.patient_id], slug)
        for row in taken.select_related("patient", "visit").order_by("patient_id", "number")
        if deaths[row.patient_id].before(Moment.from_iso(row.collected))
    ]


def _of_sample(row: Sample, death: Death, slug: str) -> LateFact:
    text = _("Sample %(sample)s was taken at %(at)s, after the death on %(died)s.")
    parameters = {
        "sample": row.code, "at": shown_moment(row.collected), "died": shown_moment(death.moment)
    }  # fmt: skip
    address = ("patients:sample", (slug, row.patient.code, row.number), "")
    code = f"sample:{row.number}:{row.collected}"
    return LateFact(row.patient, code, text % parameters, address, row.visit)


def _reports_death(visit: Visit, captured: list[Record], rules: Protocol) -> bool:
    """Return whether the only form of a visit is the one that holds the date of death: the site learned of it then."""
    forms = {record.form for record in captured if record.visit_id == visit.pk}
    return forms == {_form_of_death(rules)}


def _form_of_death(rules: Protocol) -> str:
    return (rules.profile.died_on or "").partition(".")[0]


def _of_visit(visit: Visit, deaths: Deaths, slug: str) -> Iterator[LateFact]:
    death = deaths[visit.patient_id]
    if visit.held_on and death.before(Moment.from_date(visit.held_on, death.moment.zone)):
        text = _("Visit %(visit)s was held on %(day)s, after the death on %(died)s.")
        parameters = {"visit": visit.key, "day": shown_day(visit.held_on), "died": shown_moment(death.moment)}
        address = ("patients:visit", (slug, visit.patient.code, visit.key), "")
        yield LateFact(visit.patient, f"visit:{visit.key}:{visit.held_on}", text % parameters, address, visit)


def _of_record(record: Record, death: Death, rules: Protocol, slug: str) -> Iterator[LateFact]:
    # The form that holds the death also says how and when the site learned of it.
    if record.form not in rules.forms or record.form == _form_of_death(rules):
        return
    form = rules.form(record.form)
    if not form.has_dates:
        return
    for item, label, moment in _dated(form, record.values, rules.trial.site.time_zone):
        if death.before(moment):
            text = _("“%(item)s” of “%(form)s” is %(day)s, after the death on %(died)s.")
            parameters = {
                "item": label,
                "form": form.title.in_language(reader_language()),
                "day": shown_moment(moment),
                "died": shown_moment(death.moment),
            }
            code = f"record:{record.pk}:{item.name}:{moment.iso}"
            address = _address(record, item, slug)
            yield LateFact(record.patient, code, text % parameters, address, record.visit, record, item.name)


def _dated(form: Form, values: Mapping[str, Any], zone: str) -> Iterator[tuple[Item, str, Moment]]:
    """Yield item, label and moment of each answered date, those in tables included."""
    language = reader_language()
    for item in form.items:
        value = values.get(item.name)
        rows = value if item.columns and isinstance(value, list) else [{item.name: value}]
        for row in rows:
            for column in item.columns or (item,):
                text = row.get(column.name)
                if column.type in MOMENT_TYPES and isinstance(text, str):
                    yield item, column.label.in_language(language), Moment.from_iso(text, zone)


def _address(record: Record, item: Item, slug: str) -> tuple[str, tuple[Any, ...], str]:
    fragment, code = f"?field={item.name}#{item.name}", record.patient.code
    if record.visit is None:
        return "patients:log", (slug, code, record.form, record.repeat), fragment
    return "patients:form", (slug, code, record.visit.key, record.form), fragment
