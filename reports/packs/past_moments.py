"""Past moments of reports: how they are written, and the data of one for a reader with the rights of today."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from audit.trail import history_model
from exports.selection import ChoiceRefused, moment_of
from exports.tables.snapshot import snapshot_of
from trials.access import Access
from trials.models import ProtocolVersion, Trial

LOST_PLUS = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:.]+) (\d\d:\d\d)$")


def moment_with_offset(trial: Trial, typed: str) -> datetime | None:
    """Return the moment of ISO 8601 that a command was given; None for an empty text. One query.

    Raises ChoiceRefused for a text that is no moment, for one without offset, one to come, or before the trial existed.
    """
    text = typed.strip()
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        says = _("“%(typed)s” is no moment with an offset. Write it as 2026-03-01T14:30+01:00.")
        raise ChoiceRefused("as_of", says % {"typed": typed.strip()[:60]})
    return moment_of(trial, text)


def moment_on_page(trial: Trial, typed: str) -> datetime | None:
    """Return the moment that a person typed or an address names; None for an empty text. One query.

    A day is its end at the site; a day with a time is on the clock of the site. Raises ChoiceRefused as `moment_of`.
    """
    # In an address a plus sign means a blank.
    return moment_of(trial, LOST_PLUS.sub(r"\1+\2", typed.strip()))


@contextmanager
def data_of(access: Access, moment: datetime) -> Iterator[Access]:
    """Let every query read the data of the moment, until the end. Yield the reader, with the trial as it was.

    What a role may know is a matter of today: of a trial whose treatment is opened now the past is open too.
    """
    with snapshot_of(access.trial, moment) as then:
        then.opened_to = access.trial.opened_to
        yield replace(access, trial=then)


def under_protocol_of(access: Access, moment: datetime) -> Access:
    """Return the reader with the protocol version that was in force at the moment. Two queries."""
    past = history_model(Trial)._default_manager.filter(id=access.trial.pk, history_date__lte=moment)
    version = past.order_by("-history_id").values_list("protocol_id", flat=True).first()
    then = copy(access.trial)
    if version is not None and version != then.protocol_id:
        then.protocol = ProtocolVersion.objects.get(pk=version)
    return replace(access, trial=then)
