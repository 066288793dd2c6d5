"""Titles of people, roles, laboratories and protocol versions in the audit trail."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import PasswordKey, User
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.row_titles import Needs, TitleMaker
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.values.writing import day_text
from trials.models import Delegation, Laboratory, ProtocolVersion, Trial


def versions(reader: Reader, first: int | None = None) -> Iterator[Protocol]:
    """Yield the rules of the loaded protocol versions: the one with the key `first`, then all."""
    loaded = reader.rows.get(ProtocolVersion, {})
    version = loaded.get(first)
    for each in ([version] if version is not None else []) + [
        row for row in loaded.values() if row is not version
    ]:
        # A file that this release cannot read still has its entries in the trail, with names instead of labels.
        with suppress(ValueError):
            if each is not None:
                yield each.rules


def form_of(reader: Reader, code: str, protocol_id: int | None = None) -> Form | None:
    """Return a form of the protocol, of the given version first; None if no version has it."""
    return next((rules.forms[code] for rules in versions(reader, protocol_id) if code in rules.forms), None)


def item_words(reader: Reader, form: str, item: str, protocol_id: int | None = None) -> str:
    """Return the label of an item of a form; its name if no version of the protocol has it."""
    for rules in versions(reader, protocol_id):
        if form in rules.forms and item in rules.forms[form]:
            return rules.forms[form].item(item).label.in_language(reader.language)
    return item


def _name(key: int | None, reader: Reader) -> str:
    user = reader.find(User, key) if key else None
    return str(user) if user else _("a person")


def _password_key(row: Any, reader: Reader) -> str:
    told = {"name": _name(row.user_id, reader)}
    if row.way == PasswordKey.Way.PEOPLE:
        return _("Code for a password of %(name)s") % told
    return _("Link for a password of %(name)s") % told


def _calendar(row: Any, reader: Reader) -> str:
    delegation = reader.find(Delegation, row.delegation_id)
    return _("Calendar address of %(name)s") % {
        "name": _name(delegation.user_id if delegation else None, reader)
    }


def _range(row: Any, reader: Reader) -> str:
    laboratory = reader.find(Laboratory, row.laboratory_id)
    told = {
        "analyte": item_words(reader, row.form, row.item),
        "laboratory": laboratory.name if laboratory else "",
    }
    return _("Reference range of %(analyte)s, laboratory %(laboratory)s") % told


def _access_review(row: Any, reader: Reader) -> str:
    told = {"first": day_text(row.since, reader.language), "last": day_text(row.until, reader.language)}
    return _("Review of access from %(first)s to %(last)s") % told


def _training(row: Any, reader: Reader) -> str:
    told = {"name": _name(row.user_id, reader), "document": row.title, "version": row.version}
    return _("Training of %(name)s: %(document)s, version %(version)s") % told


TITLES: dict[str, TitleMaker] = {
    "accounts.passwordkey": _password_key,
    "accounts.signingsuspension": lambda row, reader: (
        _("Signing suspended for %(name)s") % {"name": _name(row.user_id, reader)}
    ),
    "accounts.user": lambda row, reader: _("Account of %(name)s") % {"name": row.full_name},
    "audit.savedview": lambda row, reader: _("Saved view: %(name)s") % {"name": row.name},
    "mfa.authenticator": lambda row, reader: (
        _("Second factor of %(name)s") % {"name": _name(row.user_id, reader)}
    ),
    "audit.redaction": lambda row, reader: _("Redaction %(number)s") % {"number": row.id},
    "trials.accessreview": _access_review,
    "trials.calendaraddress": _calendar,
    "trials.delegation": lambda row, reader: _("Role of %(name)s") % {"name": _name(row.user_id, reader)},
    "trials.factorrecovery": lambda row, reader: (
        _("Removal of the second factors of %(name)s") % {"name": _name(row.user_id, reader)}
    ),
    "trials.holdrelease": lambda row, reader: _("Release of a hold"),
    "trials.incident": lambda row, reader: _("Problem %(number)s") % {"number": row.number},
    "trials.incidentreview": lambda row, reader: _("Review of the problems"),
    "trials.invitation": lambda row, reader: (
        _("Invitation of %(name)s") % {"name": row.full_name or row.username}
    ),
    "trials.laboratory": lambda row, reader: (
        pgettext("subject of an entry", "Laboratory %(name)s") % {"name": row.name}
    ),
    "trials.protocolversion": lambda row, reader: (
        _("Protocol version %(version)s") % {"version": row.version}
    ),
    "trials.referencerange": _range,
    "trials.trainingconfirmation": _training,
    "trials.trialhold": lambda row, reader: _("Hold %(number)s") % {"number": row.number},
    "trials.trial": lambda row, reader: _("Trial %(trial)s") % {"trial": str(Trial(slug=row.slug))},
}
NEEDS: dict[str, Needs] = {"trials.delegation": lambda row: [(User, row.user_id)]}
