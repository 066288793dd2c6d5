"""Store a protocol file as an immutable version of its trial, and put the version of the day in force."""

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting, current_actor
from protocol.checking.loading import examination, load
from protocol.checking.mistakes import ProtocolMistakes
from protocol.checking.shape import Problem
from protocol.checking.succession import succession_problems
from protocol.document.document import Protocol
from protocol.document.written_values import LAST_YEAR
from trials.models import ProtocolVersion, Trial


class VersionTaken(ValueError):
    """Another text is already stored as this version: an amendment needs a new version."""


class TooEarly(ValueError):
    """The version would be in force before the one it replaces, or before its approval (DAT-09)."""


class TooLate(ValueError):
    """The first day of the version lies beyond every trial."""


class UnconfirmedDoubts(ValueError):
    """The file has rules that come to nothing, and nobody confirmed them; ``problems`` lists them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


def load_protocol(
    *,
    text: str,
    by: User | None = None,
    system: str = "",
    effective_from: date | None = None,
    reason: str = "",
) -> ProtocolVersion:
    """Store the TOML `text` and return its version; the same text again changes nothing.

    `effective_from` is the first day in force; by default today at the site, or the day of approval if that is later. A
    version in force today becomes the one under which new patients are screened; enrolled patients keep theirs. Where
    the installation asks for it, the approval of the principal investigator comes first (`version_approval`). Acts as
    `by`, as `system:<name>`, or, without either, as the current actor. Raises ProtocolMistakes for an invalid text or
    one that does not follow the earlier versions, UnconfirmedDoubts, VersionTaken for a different text under a stored
    version, TooEarly and TooLate.
    """
    rules = load(text)
    refuse_doubts(text)
    with acting(user=by, system=system, reason=reason) if by or system else nullcontext():
        return _store(rules, text, effective_from, reason)


@transaction.atomic
def put_in_force(trial: Trial) -> Trial:
    """Screen new patients under the newest version in force today. The trial's row stays locked."""
    locked = Trial.objects.for_update(trial.pk)
    for version in locked.versions.order_by("-effective_from", "-pk"):
        if version.effective_from <= _today(version.rules) and version.may_be_in_force:
            if version.pk != locked.protocol_id:
                _put(version, locked)
            return locked
    if locked.protocol is not None and locked.protocol.withdrawn_at is not None:
        locked.protocol = None
        locked.save(update_fields=["protocol"])
    return locked


def put_due_in_force() -> list[ProtocolVersion]:
    """Put in force every version whose first day has come, and return them. Two queries where there is none.

    A screening does it at once for its own trial. Until then, the pages and printed forms of the trial would keep to
    the version before.
    """
    newest: dict[int, int] = {}
    versions = ProtocolVersion.objects.select_related("trial").defer("text")
    for version in versions.order_by("effective_from", "pk"):
        if version.effective_from <= version.trial.today and version.may_be_in_force:
            newest[version.trial_id] = version.pk
    # A frozen or locked trial keeps its version: the database refuses another one.
    open_trials = Trial.objects.filter(pk__in=newest, frozen_at=None, locked_at=None)
    late = [row for row in open_trials if row.protocol_id != newest[row.pk]]
    # Each trial in a transaction of its own: none waits for the row of another one.
    return [version for version in (put_in_force(trial).protocol for trial in late) if version is not None]


def _today(rules: Protocol) -> date:
    return timezone.localdate(timezone=ZoneInfo(rules.trial.site.time_zone))


@transaction.atomic
def _store(rules: Protocol, text: str, effective_from: date | None, reason: str) -> ProtocolVersion:
    # A version may be in force later: the site has its clock from the first one on.
    zone = {"time_zone": rules.trial.site.time_zone}
    trial, _created = Trial.objects.get_or_create(slug=rules.trial.slug, defaults=zone)
    # Lock the trial: two files loaded at once must each be checked against the version before.
    trial = Trial.objects.for_update(trial.pk)
    version = _version(trial, rules, text, effective_from, reason)
    due = version.effective_from <= _today(rules) and version.may_be_in_force
    if due and _is_newer(version, trial.protocol):
        _put(version, trial)
    version.trial = trial
    return version


def _put(version: ProtocolVersion, trial: Trial) -> None:
    trial.protocol, trial.time_zone = version, version.rules.trial.site.time_zone
    trial.save(update_fields=["protocol", "time_zone"])


def _version(
    trial: Trial, rules: Protocol, text: str, effective_from: date | None, reason: str
) -> ProtocolVersion:
    earlier = list(trial.versions.order_by("effective_from", "pk"))
    stored, day = _place(earlier, rules, text, effective_from)
    if stored is not None:
        return stored
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    actor = current_actor()
    loader = actor.user_id if actor is not None else None
    return trial.versions.create(
        version=rules.trial.version, text=text, sha256=sha256, effective_from=day,
        loaded_by_id=loader, load_reason=reason,
    )  # fmt: skip


def refuse_as_successor(*, text: str, effective_from: date | None = None) -> str | None:
    """Compare the TOML `text` with the stored versions of its trial as `load_protocol` does; store nothing.

    Returns the text of the version before it, empty for the first one; None if this very text is stored. Raises
    ProtocolMistakes, VersionTaken, TooEarly and TooLate as `load_protocol` does.
    """
    rules = load(text)
    rows = ProtocolVersion.objects.filter(trial__slug=rules.trial.slug).order_by("effective_from", "pk")
    earlier = list(rows)
    stored, _day = _place(earlier, rules, text, effective_from)
    if stored is not None:
        return None
    return earlier[-1].text if earlier else ""


def refuse_doubts(text: str) -> None:
    """Raise UnconfirmedDoubts if the TOML `text` has rules that come to nothing and that nobody confirmed."""
    if doubts := examination(text).doubts:
        raise UnconfirmedDoubts(doubts)


def _place(
    earlier: Sequence[ProtocolVersion], rules: Protocol, text: str, effective_from: date | None
) -> tuple[ProtocolVersion | None, date]:
    """Return the version that stores the text already, if there is one, and the first day of the text in force."""
    name = rules.trial.version
    stored = next((version for version in earlier if version.version == name), None)
    if stored is None:
        _check_succession(rules, earlier)
        return None, _first_day(rules, earlier, effective_from)
    if stored.sha256 != hashlib.sha256(text.encode()).hexdigest():
        sentence = _(
            "Version %(version)s of %(trial)s is stored with another text: give the amendment a new version."
        )
        raise VersionTaken(sentence % {"version": name, "trial": rules.trial.slug.upper()})
    return stored, stored.effective_from


def _check_succession(rules: Protocol, earlier: Sequence[ProtocolVersion]) -> None:
    """Raise ProtocolMistakes unless the text names the version it replaces and keeps the meaning of old values."""
    found = _chain_problems(rules, earlier[-1].version if earlier else "")
    for version in earlier:
        found += succession_problems(version.rules, rules)
    if found:
        raise ProtocolMistakes(list(dict.fromkeys(found)))


def _chain_problems(rules: Protocol, last: str) -> list[Problem]:
    amendment = rules.amendment
    if not last:
        return (
            []
            if amendment is None
            else [Problem("amendment.replaces", "no version is stored before this one")]
        )
    if amendment is None:
        problem = f"is missing: version {last} is stored, say that this one replaces it and whether patients sign again"
        return [Problem("amendment", problem)]
    if amendment.replaces != last:
        return [Problem("amendment.replaces", f"the version before this one is {last}")]
    return []


def _first_day(rules: Protocol, earlier: Sequence[ProtocolVersion], requested: date | None) -> date:
    approved = rules.approval.usable_from if rules.approval else date.min
    day = requested or max(_today(rules), approved)
    if day.year > LAST_YEAR:
        raise TooLate(
            _("%(day)s: the year lies before %(last)s.") % {"day": day.isoformat(), "last": LAST_YEAR + 1}
        )
    if day < approved:
        sentence = _("Version %(version)s is approved on %(day)s: it cannot be in force before.")
        raise TooEarly(sentence % {"version": rules.trial.version, "day": approved.isoformat()})
    if earlier and day < earlier[-1].effective_from:
        sentence = _("Version %(version)s is in force from %(day)s: its amendment cannot be in force before.")
        parameters = {"version": earlier[-1].version, "day": earlier[-1].effective_from.isoformat()}
        raise TooEarly(sentence % parameters)
    return day


def _is_newer(version: ProtocolVersion, current: ProtocolVersion | None) -> bool:
    return current is None or (version.pk != current.pk and version.effective_from >= current.effective_from)
