"""Readers of a document: their permissions, language and time zone."""

from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime

from audit.trail_reading.change_labels import Reader
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from protocol.values.site_clock import minutes_east
from protocol.values.writing import day_text, second_text
from trials.access import Access
from trials.models import ProtocolVersion, Trial
from trials.permissions import Permission


@dataclass
class Audience:
    """Readers of one document. Identities are never part of a document, whoever requests it (PRV-01)."""

    trial: Trial
    may: frozenset[str]
    language: str = "en"
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.may -= {str(Permission.SEE_IDENTITY)}
        self.zone = self.trial.rules.trial.site.time_zone
        self.reader = Reader(language=self.language, zone=self.zone, may=self.may)
        self.reader.rows[Trial] = {self.trial.pk: self.trial}
        self.reader.rows[ProtocolVersion] = {row.pk: row for row in self.trial.versions.all()}

    @classmethod
    def of(cls, access: Access, language: str = "en") -> "Audience":
        """Return the audience for one user."""
        return cls(access.trial, frozenset(map(str, access.permissions)), language)

    @classmethod
    def nobody(cls, trial: Trial) -> "Audience":
        """Return the audience for an unnamed user: blinded in a masked trial."""
        known = {Permission.SEE_TRIAL, Permission.SEE_TRAIL}
        return cls(trial, frozenset(map(str, known if trial.masked else {*known, Permission.SEE_TREATMENT})))

    def with_own_cache(self) -> "Audience":
        """Return the same audience with its own cache, so that one patient's rows are not kept for the next."""
        other = copy(self)
        other.reader = self.reader.fork()
        return other

    @property
    def sees_treatment(self) -> bool:
        """Return whether the document may contain product and arm."""
        return str(Permission.SEE_TREATMENT) in self.may

    @property
    def holds_treatment(self) -> bool:
        """Return whether a document for this audience holds the treatment of a masked trial."""
        return self.trial.masked and self.sees_treatment

    @property
    def sees_files(self) -> bool:
        """Return whether the document may contain names and hashes of attached files."""
        return str(Permission.SEE_FILES) in self.may

    @property
    def versions(self) -> list[ProtocolVersion]:
        """Return every protocol version, the newest first. No query."""
        rows = self.reader.rows[ProtocolVersion].values()
        return sorted(rows, key=lambda row: (row.effective_from, row.pk), reverse=True)

    def rules(self, protocol_id: int) -> Protocol:
        """Return the rules of a protocol version."""
        return self.reader.find(ProtocolVersion, protocol_id).rules

    def instant(self, at: datetime | None) -> str:
        """Return an instant in the site's time zone with its offset: `12-Mar-2021 14:05:09 +01:00`."""
        if at is None:
            return ""
        local = at.astimezone(self.trial.zone)
        return second_text(local, self.language, minutes_east(local))

    def moment(self, stored: str) -> str:
        """Return an entered date or time as text; a time has its offset."""
        return Moment.from_iso(stored).display_with_offset(self.language) if stored else ""

    def day(self, day: date | None) -> str:
        """Return a date as text; empty for None."""
        return day_text(day, self.language) if day else ""
