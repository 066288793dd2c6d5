"""One patient's visits and captured forms, read together, and the scope in which expressions are evaluated.

A page reads the casebook of a patient (`Casebook.open`). A save finds its form (`Casebook.open_at`), then reads the
casebook for it under the lock (`Casebook.for_save`): every record, but values only where the rules of that form need
them, because a patient has some two hundred records.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from django.utils import timezone

from accounts.models import User
from patients.casebook.casebook_queries import (
    LOCKED,
    MARKED_RECORDS,
    RECORDS,
    STORED_NOW,
    VALUES,
    VISIT,
    VISITS,
    FormValues,
    InfusionValues,
    SubjectValues,
    has_values,
    parsed_values,
)
from patients.models import Consent, Identity, Patient, Record, Visit
from patients.models.visit_forms import day_of, has_form, in_order
from patients.participation.consents.consent import consents_of
from patients.participation.consents.reconsent import version_to_sign
from patients.participation.eligibility_decisions.eligibility_data import eligibility_subject
from protocol.document.items import Form
from protocol.expressions.rules import FormRules, rules_of
from protocol.expressions.scope import Scope
from protocol.values.parsing import Clock
from trials.models import ProtocolVersion, Trial
from trials.reader import reader_language

PATIENT_OF_VISIT: Any = Visit._meta.get_field("patient")
VERSION_OF_VISIT: Any = Visit._meta.get_field("protocol")


@dataclass(frozen=True)
class FormPlace:
    """The location of a form in a casebook: at a visit or as a numbered row of a log, under one protocol version."""

    patient: Patient
    visit: Visit | None
    protocol: ProtocolVersion
    form: Form
    repeat: int = 1

    @property
    def key(self) -> str:
        """Return the key of the location, unique for the patient: `D28/vitals`, or `medication/3` for a log row."""
        return f"{self.visit.key}/{self.form.code}" if self.visit else f"{self.form.code}/{self.repeat}"

    @property
    def day(self) -> date | None:
        """Return the day of the visit, held or else planned; None if it is not known, or in a log."""
        return day_of(self.visit) if self.visit else None

    @cached_property
    def reads(self) -> frozenset[str]:
        """Return the codes of the forms with whose captured values its rules and its dates are checked."""
        if self.date_of_death:
            # A date of death is compared with every date.
            forms = self.protocol.rules.forms
            return self.rules.reads | {code for code, form in forms.items() if form.has_dates}
        death = (self.protocol.rules.profile.died_on or "").partition(".")[0]
        return self.rules.reads | {death} if death and self.form.has_dates else self.rules.reads

    @property
    def date_of_death(self) -> str:
        """Return the item of the form that states the date of death; empty if another form does, or none."""
        form, _dot, item = (self.protocol.rules.profile.died_on or "").partition(".")
        return item if form == self.form.code else ""

    @property
    def rules(self) -> FormRules:
        """The compiled rules of the form, under the protocol version of the location."""
        return rules_of(self.protocol.rules).form(self.form.code)

    @property
    def read_elsewhere(self) -> frozenset[str]:
        """All names, of any form, with which other forms, criteria or dates are checked."""
        rules = self.protocol.rules
        return rules_of(rules).read_elsewhere | {rules.profile.died_on or ""}

    @property
    def clock(self) -> Clock:
        """The clock on which dates and times of the form are read, with the language of the reader."""
        return Clock(self.protocol.rules.trial.site.time_zone, self.day, language=reader_language())

    def holds(self, record: Record) -> bool:
        """Return True if the record was captured at this location, struck out or not."""
        # At a visit `repeat` does not count: a struck-out form keeps its number, the next one gets another.
        if record.form != self.form.code:
            return False
        if self.visit is None:
            return record.visit_id is None and record.repeat == self.repeat
        return record.visit_id == self.visit.pk


@dataclass
class Casebook:
    """A patient with all visits. Records, consent and other protocol versions are read at first use."""

    patient: Patient
    visits: list[Visit]
    # Set if read for a save: the records then have no marks, and values only where the rules read them.
    save_place: FormPlace | None = None
    _records: list[Record] | None = field(default=None, repr=False)
    _consents: list[Consent] | None = field(default=None, repr=False)
    _birth_date: str | None = field(default=None, repr=False)
    _versions: dict[int, ProtocolVersion] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, *, user: User, trial: Trial, code: str) -> "Casebook":
        """Return the casebook of a patient the person may see. Raises Patient.DoesNotExist.

        One query; one more for a patient without visits, one more if a visit was held under another version.
        """
        visits = VISITS.rows(user=user.pk, trial=trial.pk, code=code, now=timezone.now())
        patient = (
            visits[0].patient if visits else Patient.objects.visible_to(user).get(trial=trial, code=code)
        )
        patient.share(trial, trial.protocol)
        casebook = cls(patient, visits)
        casebook.attach_visits()
        return casebook

    @classmethod
    def open_at(cls, *, user: User, trial: Trial, code: str, visit: str | None) -> "Casebook":
        """Return the casebook with only the visit that has this key, for a save: it reads the others under the lock.

        Return the whole casebook without such a visit, or for a log (`visit` is None). Raises as `open`. One query.
        """
        place = {"trial": trial.pk, "code": code, "key": visit}
        rows = VISIT.rows(user=user.pk, now=timezone.now(), **place) if visit is not None else []
        if not rows:
            return cls.open(user=user, trial=trial, code=code)
        casebook = cls(rows[0].patient, rows)
        casebook.patient.share(trial, trial.protocol)
        casebook.attach_visits()
        return casebook

    @classmethod
    def for_save(cls, place: FormPlace) -> "Casebook":
        """Return the casebook for a save at a location, with the patient's row locked until the transaction ends.

        `here` is then the location with its visit as stored now.
        """
        # The lock is a statement of its own. One that waits for it still reads trial, consent and visits as they were
        # before the wait: another request may have locked the trial or marked the visit as missed meanwhile.
        patient = LOCKED.rows(patient=place.patient.pk)[0]
        visits = STORED_NOW.rows(patient=patient.pk)
        patient.share(place.patient.trial, place.patient.protocol)
        trial = patient.trial
        if visits:
            trial.frozen_at, trial.locked_at = visits[0].trial_frozen_at, visits[0].trial_locked_at
        else:
            trial.refresh_from_db(fields=["frozen_at", "locked_at"])
        casebook = cls(patient, visits)
        if visits:
            casebook._consents, casebook._birth_date = Consent.joined_to(visits[0]), visits[0].born or ""
        else:
            casebook._consents = []
        casebook._versions = {place.protocol.pk: place.protocol}
        casebook.attach_visits()
        here = next((visit for visit in visits if place.visit and visit.pk == place.visit.pk), None)
        casebook.save_place = replace(place, patient=patient, visit=here)
        return casebook

    def attach_visits(self) -> None:
        """Set patient and protocol version of each visit. One query if a version is not known yet."""
        for visit in self.visits:
            PATIENT_OF_VISIT.set_cached_value(visit, self.patient)
            if visit.protocol_id:
                VERSION_OF_VISIT.set_cached_value(visit, self.version(visit.protocol_id))

    @property
    def here(self) -> FormPlace:
        """Return the location for which the casebook was read under the lock. Raises ValueError if it was not."""
        if self.save_place is None:
            raise ValueError("this casebook was not read for a save")
        return self.save_place

    @property
    def consent(self) -> Consent | None:
        """Return the consent in force, or None. One query at first use."""
        return next(iter(self.consents[-1:]), None)

    @property
    def consents(self) -> list[Consent]:
        """Return the consents; the last one is in force. Read for a save, the first and the last. One query."""
        if self._consents is None:
            self._consents = consents_of(self.patient)
        return self._consents

    @property
    def birth_date(self) -> str:
        """Return the date of birth as stored, empty if it is not known. One query, none if read for a save."""
        if self._birth_date is None:
            known = Identity.objects.filter(patient=self.patient).values_list("birth_date", flat=True)
            self._birth_date = known.first() or ""
        return self._birth_date

    @property
    def records(self) -> list[Record]:
        """Return every captured form, struck-out ones included. One query at first use.

        The forms have the annotations of `with_marks`, unless the casebook was read for a save.
        """
        if self._records is None and self.save_place is None:
            self._records = MARKED_RECORDS.rows(patient=self.patient.pk)
        if self._records is None:
            self._records = _records_for_save(self.here)
        return self._records

    def read_values(self, forms: Collection[str]) -> None:
        """Read the values of the records of some forms, if the casebook was read for a save. At most one query."""
        unread = [record for record in self.records if record.form in forms and not has_values(record)]
        if unread:
            wanted = ",".join(["", *sorted({record.form for record in unread}), ""])
            texts = dict(VALUES.rows(patient=self.patient.pk, forms=wanted))
            for record in unread:
                vars(record)["read"] = texts[record.pk]

    def with_forms(self, forms: Collection[str]) -> "Casebook":
        """Return the casebook with the records of some forms only, for many scopes that read no others."""
        records = [record for record in self.records if record.form in forms]
        return Casebook(
            self.patient, self.visits, _records=records, _consents=self.consents, _versions=self._versions
        )

    def version(self, pk: int) -> ProtocolVersion:
        """Return a protocol version by its key. One query at first use if it is not the patient's own.

        Raises KeyError if the trial has no such version.
        """
        if pk == self.patient.protocol_id:
            return self.patient.protocol
        if pk not in self._versions:
            self._versions = {version.pk: version for version in self.versions()}
        return self._versions[pk]

    def versions(self) -> list[ProtocolVersion]:
        """Return every version of the trial's protocol, newest first. One query."""
        rows = ProtocolVersion.objects.filter(trial=self.patient.trial_id)
        return list(rows.order_by("-effective_from", "-pk"))

    def version_for(self, form: str, visit: Visit | None, record: Record | None) -> ProtocolVersion:
        """Return the protocol version under which a form is entered now: the patient's version, as a rule.

        A form that this version does not have keeps the version of its record, or else of its visit. Every record
        keeps its version while the patient has yet to sign the consent that an amendment asks for.
        """
        own = self.patient.protocol
        if record is not None and record.state == Record.State.STRUCK_OUT:
            record = None
        if record is not None and (
            form not in own.rules.forms or version_to_sign(self.patient, self.consent)
        ):
            return self.version(record.protocol_id)
        if form not in own.rules.forms and visit is not None and visit.protocol_id:
            return self.version(visit.protocol_id)
        return own

    def place(
        self, form: str, visit_key: str | None = None, repeat: int = 1, protocol: Any = None
    ) -> FormPlace:
        """Return the location of a form. Raises LookupError if neither the protocol nor the patient has it."""
        visit = self.visit(visit_key) if visit_key is not None else None
        if repeat < 1 or (visit is not None and repeat != 1):
            raise LookupError(form)
        return self.place_at(form, visit, repeat, protocol)

    def place_at(self, form: str, visit: Visit | None, repeat: int = 1, protocol: Any = None) -> FormPlace:
        """Return the location of a form at a visit, or in a log. Raises LookupError as `place` does."""
        version = protocol or self.version_for(
            form, visit, self._version_deciding_record(form, visit, repeat)
        )
        if not has_form(version, form, visit) and not self._record_at(form, visit, repeat):
            raise LookupError(form)
        return FormPlace(self.patient, visit, version, version.rules.form(form), repeat)

    def _version_deciding_record(self, form: str, visit: Visit | None, repeat: int) -> Record | None:
        """Return the record of a location if it may decide the version of the form, else None.

        Usually the patient's version decides alone, and the records are not read.
        """
        patient = self.patient
        if form in patient.protocol.rules.forms and not patient.reconsent_version:
            return None
        return self._record_at(form, visit, repeat)

    def _record_at(self, form: str, visit: Visit | None, repeat: int) -> Record | None:
        here = (visit.pk, 1) if visit else (None, repeat)
        rows = [r for r in self.records if r.form == form and (r.visit_id, 1 if visit else r.repeat) == here]
        in_force = [record for record in rows if record.state != Record.State.STRUCK_OUT]
        return next(iter(in_force or rows[-1:]), None)

    def visit(self, key: str) -> Visit:
        """Return the visit with a key such as `D28` or `UNS-2`. Raises LookupError."""
        for visit in self.visits:
            if visit.key == key:
                return visit
        raise LookupError(key)

    def record(self, place: FormPlace) -> Record | None:
        """Return the record of a location: the one in force, else the last struck out, None before the first save."""
        here = [record for record in self.records if place.holds(record)]
        in_force = [record for record in here if record.state != Record.State.STRUCK_OUT]
        return next(iter(in_force or here[-1:]), None)

    def records_at(self, visit: Visit) -> list[Record]:
        """Return the records of a visit, those struck out too."""
        return [record for record in self.records if record.visit_id == visit.pk]

    def following_row(self, form: str) -> int:
        """Return the number of the next new row of a log. Numbers of struck-out rows are not used again."""
        rows = (r.repeat for r in self.records if r.form == form and r.visit_id is None)
        return 1 + max(rows, default=0)

    def ordered_visits(self) -> list[Visit]:
        """Return the visits in the order in which they take place; one without a date follows its predecessor."""
        return in_order(self.visits)

    def scope(self, place: FormPlace, values: Mapping[str, Any]) -> Scope:
        """Return the scope in which the expressions of a form are evaluated; `values` are its own answers.

        The name of another form means its record at the same visit, else at the latest earlier visit, else the
        latest of all. `here(…)` reads the same visit only, `previous(…)` earlier records only.
        """
        order = {visit.id: number for number, visit in enumerate(self.ordered_visits())}
        here = order.get(place.visit.id, len(order)) if place.visit else len(order)
        past: dict[str, tuple[int, Record]] = {}
        latest: dict[str, tuple[int, Record]] = {}
        for record in self.records:
            if record.state == Record.State.STRUCK_OUT or place.holds(record):
                continue
            when = order.get(record.visit_id, -1) if record.visit_id else _log_order(record, place, here)
            for found, included in ((past, when < here), (latest, True)):
                if included and (record.form not in found or when >= found[record.form][0]):
                    found[record.form] = when, record
        at = [record for record in self.records if place.visit and record.visit_id == place.visit.pk]
        same = FormValues({r.form: r for r in at if r.state != Record.State.STRUCK_OUT})
        previous, last = (
            FormValues({form: record for form, (_when, record) in each.items()}) for each in (past, latest)
        )
        return Scope(
            values,
            FormValues({**last.by_form, **previous.by_form, **same.by_form}, self._context_names(place)),
            SubjectValues(lambda: eligibility_subject(self.patient, consents=self.consents)),
            form=place.form.code,
            previous=previous,
            last=last,
            same=same,
        )

    def _context_names(self, place: FormPlace) -> dict[str, Mapping[str, Any]]:
        """Return the names of expressions outside the forms: the visit, its infusion, the other rows of the logs."""
        logs: dict[str, list[Record]] = {}
        for record in self.records:
            in_log = record.visit_id is None and record.state != Record.State.STRUCK_OUT
            if in_log and not place.holds(record):
                logs.setdefault(record.form, []).append(record)
        visit = {"code": place.visit.code, "on": place.day} if place.visit else {}
        infusion = InfusionValues(place.visit.pk if place.visit else None)
        return {"visit": visit, "infusion": infusion, "logs": FormValues(logs)}


def _records_for_save(place: FormPlace) -> list[Record]:
    """Return every record of the patient; values that the rules of the location do not read stay in the database."""
    # A row of a log has no visit by which the query could find it: the values of its whole log are read.
    forms = ",".join(["", *sorted(place.reads if place.visit else place.reads | {place.form.code}), ""])
    visit = place.visit.pk if place.visit else 0
    rows = RECORDS.rows(patient=place.patient.pk, forms=forms, form=place.form.code, visit=visit)
    for record in rows:
        if place.holds(record):
            record.values = parsed_values(record)
    return rows


def _log_order(record: Record, place: FormPlace, here: int) -> int:
    """Return the position of a log row among the visits.

    Lower rows of the same log come before the current location. Rows of other logs come before all visits.
    """
    if place.visit is None and record.form == place.form.code:
        return here - 1 if record.repeat < place.repeat else here
    return -1
