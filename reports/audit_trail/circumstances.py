"""In which circumstances an entry of the trail was written: local time, after inclusion, signature, lock or unlock.

The index of the trail (`audit.trail_index`) keeps them. They depend only on what was stored before the entry, so an
entry that is indexed again gets the same.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit.models import Signature
from audit.trail_index.entries import IndexedEntry
from patients.models import DataLock, Patient, Record, Visit
from patients.participation.eligibility_decisions.eligibility_data import is_before_inclusion
from trials.models import Trial

DAY = 24 * 60
RECORD, VISIT, PATIENT = (each._meta.label_lower for each in (Record, Visit, Patient))
Target = tuple[str, int]


class Held(NamedTuple):
    """A lock in force from one moment to another; `until` is None while it is in force."""

    since: datetime
    until: datetime | None


def circumstances(entries: Sequence[IndexedEntry]) -> list[Mapping[str, Any]]:
    """Return the circumstances of each entry. At most seven queries for all."""
    batch = _Batch(entries)
    return [batch.told(entry) for entry in entries]


class _Batch:
    """The rows that the circumstances of some entries depend on, each kind read once."""

    def __init__(self, entries: Sequence[IndexedEntry]) -> None:
        self.patients = {entry.patient_id for entry in entries if entry.patient_id}
        self.trials = {entry.trial_id for entry in entries if entry.trial_id}
        self.visits = {entry.row["visit_id"] for entry in entries if entry.row.get("visit_id")}
        self.of_records = {
            entry.row["record_id"]
            for entry in entries
            if entry.of is not Record and entry.row.get("record_id")
        }

    @cached_property
    def zones(self) -> dict[int, tzinfo]:
        """Time zone by trial; under 0 that of the first trial, for entries that belong to none."""
        found = {pk: _zone(zone) for pk, zone in Trial.objects.order_by("pk").values_list("pk", "time_zone")}
        return {0: next(iter(found.values()), _zone("UTC")), **found}

    @cached_property
    def inclusions(self) -> dict[int, datetime]:
        """When each patient was included, as recorded."""
        rows = Patient.objects.filter(pk__in=self.patients, enrolled_at__isnull=False)
        return {pk: at for pk, at in rows.values_list("pk", "enrolled_at") if at}

    @cached_property
    def after_screening(self) -> set[int]:
        """The visits of patients that say nothing about the inclusion: all but those of screening."""
        rows = Visit.objects.filter(pk__in=self.visits).select_related("patient__protocol")
        return {row.pk for row in rows if not is_before_inclusion(row.patient, row.code, row.held_on)}

    @cached_property
    def held_on(self) -> dict[int, date]:
        """The day of each visit that took place."""
        return dict(
            Visit.objects.filter(pk__in=self.visits, held_on__isnull=False).values_list("pk", "held_on")
        )

    @cached_property
    def visit_of(self) -> dict[int, int | None]:
        """The visit of each form that other rows belong to."""
        return dict(Record.objects.filter(pk__in=self.of_records).values_list("pk", "visit_id"))

    @cached_property
    def signed(self) -> dict[Target, datetime]:
        """The first signature on each row of these patients."""
        rows = Signature.objects.filter(patient_id__in=self.patients).order_by("pk")
        found: dict[Target, datetime] = {}
        for label, key, at in rows.values_list("target_type", "target_id", "signed_at"):
            found.setdefault((label, key), at)
        return found

    @cached_property
    def locks(self) -> dict[Target, list[Held]]:
        """The locks of these trials and what they were on; freezes are none."""
        found: dict[Target, list[Held]] = {}
        rows = DataLock.objects.filter(trial__in=self.trials, kind=DataLock.Kind.LOCK)
        names = ("level", "trial_id", "patient_id", "visit_id", "record_id", "set_at", "released_at")
        for level, *keys, since, until in rows.values_list(*names):
            key = dict(zip(("trial", "patient", "visit", "record"), keys, strict=True))[level]
            found.setdefault((level, key), []).append(Held(since, until))
        return found

    def told(self, entry: IndexedEntry) -> dict[str, Any]:
        """Return the circumstances of one entry."""
        local = entry.at.astimezone(self.zones.get(entry.trial_id) or self.zones[0])
        found: dict[str, Any] = {"minute": local.weekday() * DAY + local.hour * 60 + local.minute}
        if not entry.is_history:
            return found
        if (delay := self._delay(entry, local.date())) is not None:
            found["delay"] = delay
        included = self.inclusions.get(entry.patient_id) if entry.patient_id and entry.content else None
        held = [each for place in self._places(entry) for each in self.locks.get(place, ())]
        return found | {
            "after_inclusion": included is not None
            and entry.at > included
            and (entry.of is not Record or entry.row.get("visit_id") not in self.after_screening),
            "after_signature": self._after_signature(entry),
            "after_lock": any(each.since < entry.at and not _released(each, entry.at) for each in held),
            "after_unlock": entry.content and any(_released(each, entry.at) for each in held),
        }

    def _delay(self, entry: IndexedEntry, day: date) -> int | None:
        """Return the days from the visit to the first entry of one of its forms."""
        if entry.of is not Record or entry.kind != "created" or not entry.row.get("visit_id"):
            return None
        held_on = self.held_on.get(entry.row["visit_id"])
        return max(-32_000, min(32_000, (day - held_on).days)) if held_on else None

    def _after_signature(self, entry: IndexedEntry) -> bool:
        """Return whether an entry changed what was signed before, or invalidated a signature."""
        if entry.of is Signature:
            return entry.kind == "unsigned"
        if not entry.content or not entry.patient_id:
            return False
        places = [(RECORD, entry.row["id"])] if entry.of is Record else []
        visit = (
            entry.row["id"]
            if entry.of is Visit
            else entry.row.get("visit_id")
            if entry.of is Record
            else None
        )
        places += [(VISIT, visit)] if visit else []
        own = (entry.table.name, entry.row["id"])
        return any(
            (at := self.signed.get(place)) is not None and at < entry.at
            for place in {*places, own, (PATIENT, entry.patient_id)}
        )

    def _places(self, entry: IndexedEntry) -> list[Target]:
        """Return what a lock would have to be on to hold this row: the form, the visit, the patient, the trial."""
        # The lock itself, and what is done with it, does not lie below it.
        if entry.of is DataLock or entry.table.name == "patients.unlockrequest":
            return []
        row = entry.row
        record = row["id"] if entry.of is Record else row.get("record_id")
        visit = row["id"] if entry.of is Visit else row.get("visit_id") or self.visit_of.get(record or 0)
        patient = row["id"] if entry.of is Patient else entry.patient_id
        places = (("record", record), ("visit", visit), ("patient", patient), ("trial", entry.trial_id))
        return [(level, key) for level, key in places if key]


def _zone(name: str) -> tzinfo:
    """Return a time zone; UTC for one that this machine does not know, so that every entry can be indexed."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _released(lock: Held, at: datetime) -> bool:
    return lock.until is not None and lock.until < at
