"""Storing a protocol file as an immutable version of its trial."""

import hashlib
from contextlib import nullcontext
from datetime import date
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from trials.models import ProtocolVersion, Trial
from trials.protocol import Protocol, load


class VersionTaken(ValueError):
    """Another text is already stored under this version: an amendment needs a new version."""


def load_protocol(
    *, text: str, by: User | None = None, system: str = "", effective_from: date | None = None
) -> ProtocolVersion:
    """Store the TOML `text` and return its version; the same text again changes nothing.

    `effective_from` is the first day it is in force, today at the site when not given. A version in force
    today becomes the one that new patients are screened under. Acts as `by`, as `system:<name>`, or, when
    neither is given, as whoever acts already. Raises ProtocolMistakes for an invalid text and VersionTaken
    for a different text under a version that is stored.
    """
    rules = load(text)
    with acting(user=by, system=system) if by or system else nullcontext():
        return _store(rules, text, effective_from)


@transaction.atomic
def _store(rules: Protocol, text: str, effective_from: date | None) -> ProtocolVersion:
    trial, _created = Trial.objects.get_or_create(slug=rules.trial.slug)
    trial = Trial.objects.select_for_update().get(pk=trial.pk)
    today = timezone.localdate(timezone=ZoneInfo(rules.trial.site.time_zone))
    version = _version(trial, rules.trial.version, text, effective_from or today)
    if version.effective_from <= today and _is_newer(version, trial.protocol):
        trial.protocol = version
        trial.save(update_fields=["protocol"])
    version.trial = trial
    return version


def _version(trial: Trial, name: str, text: str, effective_from: date) -> ProtocolVersion:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    stored = trial.versions.filter(version=name).first()
    if stored is None:
        return trial.versions.create(version=name, text=text, sha256=sha256, effective_from=effective_from)
    if stored.sha256 != sha256:
        sentence = _(
            "Version %(version)s of %(trial)s is stored with another text: give the amendment a new version."
        )
        raise VersionTaken(sentence % {"version": name, "trial": trial})
    return stored


def _is_newer(version: ProtocolVersion, current: ProtocolVersion | None) -> bool:
    return current is None or (version.pk != current.pk and version.effective_from >= current.effective_from)
