"""Compare events, deaths, stays, medication, deviations and laboratory results of the site with each other (SAF-13).

Nothing is refused and nothing is changed: what disagrees is listed, computed from what is stored now. A partial date
disagrees only if none of its possible days agrees (DAT-08).
"""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from patients.models import Deviation, DeviationPlace, Patient, Query
from protocol.values.labels import display
from protocol.values.moments import Moment, before
from safety.after_death import LATE
from safety.classification import is_fatal
from safety.event_questions import PatientBackground, dates_of, questions_about
from safety.models import AdverseEvent, EventLink
from safety.reconciliation.findings import Address, AskedFact, Finding, FindingKind
from safety.reconciliation.site_rows import (
    FOR_EVENT,
    STAYS,
    Episode,
    SiteRows,
    logs_of,
    named,
    overlapping,
    reason_item,
)
from trials.reader import reader_language, shown_moment

K = FindingKind
ERRORS = (AdverseEvent.Kind.MEDICATION_ERROR, AdverseEvent.Kind.MISUSE)


def site_findings(rows: SiteRows) -> list[Finding]:
    """Return the disagreements at the site, kind by kind."""
    return [
        *_of_deaths(rows),
        *_of_stays(rows),
        *_of_medication(rows),
        *_of_deviations(rows),
        *_of_results(rows),
    ]


def event_words(event: AdverseEvent) -> str:
    """Return an event with its term: `AE 3 · Fever`."""
    return f"{event} · {event.term}"


def of_event(
    kind: FindingKind, event: AdverseEvent, item: str, values: tuple[object, ...], text: str, about: str = ""
) -> Finding:
    """Return a finding about one event, with the fact that a query asks about."""
    return Finding(
        kind=kind,
        patient=event.patient,
        about=about or str(event),
        values=values,
        text=text,
        address=("safety:event", (event.patient.trial.slug, event.patient.code, event.number), ""),
        asked=AskedFact(Query.Target.ADVERSE_EVENT, event.pk, item),
    )


def _of_deaths(rows: SiteRows) -> Iterator[Finding]:
    fatal = {event.patient_id for event in rows.events if is_fatal(event.answers)}
    for event in rows.events:
        death = rows.deaths.get(event.patient_id)
        if death is None:
            if is_fatal(event.answers):
                text = _("%(event)s is fatal, but no death is recorded.") % {"event": event_words(event)}
                yield of_event(K.FATAL_WITHOUT_DEATH, event, "outcome", (), text)
            continue
        known = PatientBackground(death.moment, ended_alive=False, consent=None, twins=(), death=death)
        for question in questions_about(event.patient, dates_of(event), known, only=LATE):
            text = f"{event_words(event)}: {question.text}"
            about = f"{event}:{question.code.split(':')[1]}"
            yield of_event(K.DEATH_AND_EVENT, event, "end", (question.code,), text, about)
    for key, death in rows.deaths.items():
        if key not in fatal:
            yield _death(
                rows, rows.patients[key], death.moment, death.address(rows.patients[key]), death.item
            )


def _death(rows: SiteRows, patient: Patient, died: Moment, address: Address, item: str) -> Finding:
    record = rows.death_records.get(patient.pk)
    asked = (
        AskedFact(Query.Target.RECORD, record, item)
        if record is not None
        else AskedFact(Query.Target.DISPOSITION, patient.pk, "ended_on")
    )
    text = _("The patient died on %(died)s; no adverse event is fatal.") % {"died": shown_moment(died)}
    return Finding(
        kind=K.DEATH_WITHOUT_FATAL, patient=patient, about="death", values=(died.iso,), text=text,
        address=address, asked=asked,
    )  # fmt: skip


def _of_stays(rows: SiteRows) -> Iterator[Finding]:
    of_patient: dict[int, list[Episode]] = {}
    for stay in rows.stays:
        of_patient.setdefault(stay.record.patient_id, []).append(stay)
        if _is_new(stay, rows) and not _explained(stay, rows):
            text = _(
                "A stay in hospital began on %(day)s, and no event that led to hospitalisation belongs to it."
            )
            day = shown_moment(stay.began)
            yield _of_episode(K.STAY_WITHOUT_EVENT, stay, rows, text % {"day": day}, "STDTC")
    if not logs_of(rows.rules, STAYS):
        return
    for event in rows.events:
        stays = of_patient.get(event.patient_id, [])
        if event.hospitalisation and not _stays_of(event, stays, rows):
            text = _("%(event)s led to hospitalisation, but no stay in hospital is recorded at that time.")
            yield of_event(
                K.EVENT_WITHOUT_STAY, event, "seriousness", (event.onset, event.end),
                text % {"event": event_words(event)},
            )  # fmt: skip


def _is_new(stay: Episode, rows: SiteRows) -> bool:
    """Return whether a stay surely began after the day of inclusion: before it, it is why the patient was treated."""
    included = rows.patients[stay.record.patient_id].enrolled_on
    if stay.began is None or included is None:
        return False
    return before(Moment.from_date(included, rows.zone), stay.began) is True


def _explained(stay: Episode, rows: SiteRows) -> bool:
    if rows.links.get(stay.record.pk):
        return True
    events = [event for event in rows.by_patient[stay.record.patient_id] if event.hospitalisation]
    return overlapping(stay, events, rows.zone)


def _stays_of(event: AdverseEvent, stays: list[Episode], rows: SiteRows) -> bool:
    linked = any(link.event_id == event.pk for stay in stays for link in rows.links.get(stay.record.pk, ()))
    return linked or any(overlapping(stay, [event], rows.zone) for stay in stays)


def _of_medication(rows: SiteRows) -> Iterator[Finding]:
    for medicine in rows.medication:
        links = rows.links.get(medicine.record.pk, [])
        why = reason_item(medicine.form)
        if why is not None and medicine.record.values.get(why.name) == FOR_EVENT:
            events = rows.by_patient[medicine.record.patient_id]
            if not links and not overlapping(medicine, events, rows.zone):
                text = _("%(medicine)s was given for an adverse event, but no event belongs to it.")
                told = {"medicine": _medicine_words(medicine)}
                yield _of_episode(
                    K.MEDICINE_WITHOUT_EVENT, medicine, rows, text % told, "STDTC", item=why.name
                )
        yield from _before_events(medicine, links, rows)


def _before_events(medicine: Episode, links: list[EventLink], rows: SiteRows) -> Iterator[Finding]:
    by_key = {event.pk: event for event in rows.by_patient[medicine.record.patient_id]}
    for link in links:
        event = by_key[link.event_id]
        began = medicine.began
        if link.role != EventLink.Role.TREATMENT or began is None:
            continue
        if before(began, event.onset_moment.placed(rows.zone)) is True:
            text = _("%(medicine)s treats %(event)s, but began before it, on %(day)s.")
            told = {
                "medicine": _medicine_words(medicine),
                "event": event_words(event),
                "day": shown_moment(began),
            }
            about = f"{event}:{medicine.form.code} {medicine.record.repeat}"
            values = (began.iso, event.onset)
            yield of_event(K.MEDICINE_BEFORE_EVENT, event, "onset", values, text % told, about)


def _medicine_words(medicine: Episode) -> str:
    item = named(medicine.form, "TRT", "TERM")
    value = medicine.record.values.get(item.name) if item else None
    words = display(value, item, reader_language(), _) if item and isinstance(value, str) else ""
    return words or f"{medicine.form.title.in_language(reader_language())} {medicine.record.repeat}"


def _of_episode(
    kind: FindingKind, episode: Episode, rows: SiteRows, text: str, end: str, *, item: str = ""
) -> Finding:
    record, dated = episode.record, named(episode.form, end)
    patient = rows.patients[record.patient_id]
    name = item or (dated.name if dated else episode.form.items[0].name)
    return Finding(
        kind=kind,
        patient=patient,
        about=f"{record.form} {record.repeat}",
        values=(episode.began and episode.began.iso, episode.ended and episode.ended.iso),
        text=text,
        address=(
            "patients:log",
            (rows.trial.slug, patient.code, record.form, record.repeat),
            f"?field={name}#{name}",
        ),
        asked=AskedFact(Query.Target.RECORD, record.pk, name),
    )


def _of_deviations(rows: SiteRows) -> Iterator[Finding]:
    known = {(event.patient_id, str(event.number)): event for event in rows.all_events}
    for deviation in rows.deviations:
        event = known.get((deviation.patient_id, deviation.place_key))
        if deviation.place == DeviationPlace.ADVERSE_EVENT and event is not None and event.in_error:
            text = _("%(deviation)s is about %(event)s, which was entered in error.")
            told = {"deviation": deviation, "event": event_words(event)}
            yield _of_deviation(K.DEVIATION_WITHOUT_EVENT, deviation, rows, text % told)
        if deviation.category == Deviation.Category.MEDICATION and not _taken(deviation, rows):
            text = _("%(deviation)s is about a prohibited medicine; no medicine is recorded for that day.")
            yield _of_deviation(
                K.PROHIBITED_WITHOUT_MEDICINE, deviation, rows, text % {"deviation": deviation}
            )
    for event in rows.events:
        if event.kind in ERRORS and not _noted(event, rows):
            text = _("%(event)s is reported as “%(kind)s”, but no deviation is recorded on that day.")
            told = {"event": event_words(event), "kind": event.get_kind_display()}
            yield of_event(K.ERROR_WITHOUT_DEVIATION, event, "kind", (event.kind, event.onset), text % told)


def _of_deviation(kind: FindingKind, deviation: Deviation, rows: SiteRows, text: str) -> Finding:
    patient = rows.patients[deviation.patient_id]
    return Finding(
        kind=kind,
        patient=patient,
        about=str(deviation),
        values=(deviation.occurred_on, deviation.category),
        text=text,
        address=("patients:deviation", (rows.trial.slug, patient.code, deviation.number), ""),
    )


def _taken(deviation: Deviation, rows: SiteRows) -> bool:
    day = deviation.occurred.placed(rows.zone)
    return any(
        medicine.record.patient_id == deviation.patient_id and medicine.overlaps(day, day)
        for medicine in rows.medication
    )


def _noted(event: AdverseEvent, rows: SiteRows) -> bool:
    """Return whether a deviation belongs to an event: it names the event, or may be of the day of its onset."""
    onset = event.onset_moment.placed(rows.zone)
    for deviation in rows.deviations:
        if deviation.patient_id != event.patient_id:
            continue
        if deviation.place == DeviationPlace.ADVERSE_EVENT:
            if (
                deviation.place_key == str(event.number)
                and deviation.category != Deviation.Category.SAFETY_REPORT
            ):
                return True
            continue
        day = deviation.occurred
        if day.first_day <= onset.last_day and onset.first_day <= day.last_day:
            return True
    return False


def _of_results(rows: SiteRows) -> Iterator[Finding]:
    events = {event.pk: event for event in rows.all_events}
    for decision in rows.decisions:
        patient = rows.patients[decision.patient_id]
        told = {"term": decision.term, "grade": decision.confirmed_grade}
        event = events.get(decision.event_id or 0)
        about = f"{decision.record_id}.{decision.item}.{decision.term}"
        if event is None or event.in_error:
            text = _("%(term)s, grade %(grade)s, is clinically significant, but no event holds it.")
            yield Finding(
                kind=K.RESULT_WITHOUT_EVENT, patient=patient, about=about,
                values=(decision.confirmed_grade, event and event.number), text=text % told,
                address=("safety:patient-laboratory", (rows.trial.slug, patient.code), ""),
                asked=AskedFact(Query.Target.RECORD, decision.record_id, decision.item),
            )  # fmt: skip
        elif event.grade < decision.confirmed_grade:
            text = _(
                "%(event)s has grade %(event_grade)s, but its result %(term)s was confirmed as grade %(grade)s."
            )
            told |= {"event": event_words(event), "event_grade": event.grade}
            values = (event.grade, decision.confirmed_grade)
            yield of_event(K.RESULT_AND_EVENT, event, "grade", values, text % told, f"{event}:{about}")
