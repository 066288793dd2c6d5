"""Makes a report pack: lays out the data of the moment, fills the tables, has them set as a PDF (P11-02, CTL-03).

Nothing in the file says who made it and when: these stand in the register of exports. So the same pack of the same
moment, for the same rights and language, has the same bytes.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from exports.authorities.annual.interval import NO_CHOICE, ReportInterval
from exports.documents import Choices, Copy, Progress
from exports.paper import labels
from exports.paper.audience import Audience
from exports.paper.casebook import trial_facts
from exports.paper.typesetting import Making, typeset
from exports.tables.past import trail_clock
from reports.packs.contents import PackView
from reports.packs.past_moments import data_of
from reports.packs.registry import PACKS, Pack
from trials.access import Access
from trials.blinding.unblinded_files import sentence

GATHERED = 60
AUTHOR = "Stroma"


def pack_of(choices: Choices) -> Pack | None:
    """Return the pack that a request names, None for an unknown one."""
    return PACKS.get(str(choices.get("pack", "")))


def pack_choices(code: str, moment: datetime | None, interval: ReportInterval) -> dict[str, str]:
    """Return the choices of a request as plain values. Without a moment the pack is of the time when it is made."""
    days = {"first": interval.first, "last": interval.last}
    return {
        "pack": code,
        "as_of": moment.isoformat() if moment else "",
        **{name: day.isoformat() for name, day in days.items() if day},
    }


def interval_of(choices: Choices) -> ReportInterval:
    """Return the interval that a request names; of no day without one."""
    days = (str(choices.get(name, "")) for name in ("first", "last"))
    return ReportInterval(*(date.fromisoformat(day) if day else None for day in days))


class PackMaker:
    """Makes the documents of the kind *report pack* for `exports.documents`."""

    def may(self, access: Access, choices: Choices) -> bool:
        """Return whether this person may have the pack."""
        pack = pack_of(choices)
        return pack is not None and access.may(pack.see)

    def holds_treatment(self, access: Access, choices: Choices) -> bool:
        """Return whether the pack shows this person the arms."""
        pack = pack_of(choices)
        return pack is not None and pack.by_arm(access)

    def write(self, copy: Copy, out: Path, progress: Progress, most: int | None) -> str:
        """Write the PDF and return the SHA-256 of its data. Raises NotPrinted, and ValueError for an unknown pack."""
        pack, access = pack_of(copy.choices), copy.access
        if pack is None or access is None:
            raise ValueError(f"No report pack {copy.choices.get('pack')!r}")
        typed = str(copy.choices.get("as_of", ""))
        moment = datetime.fromisoformat(typed) if typed else trail_clock()
        moment = moment.astimezone(access.trial.zone)
        interval = interval_of(copy.choices)
        parts = sections_of(pack, access, moment, copy.audience.language, progress, interval)
        unblinded = access.trial.masked and pack.by_arm(access)
        head = _head(pack, copy.audience, moment, interval, unblinded=unblinded)
        making = Making(at=moment, at_words="", by=AUTHOR)
        return typeset(template="pack", head=head, parts=parts, making=making, out=out, most_bytes=most)


def sections_of(
    pack: Pack,
    access: Access,
    moment: datetime,
    language: str,
    progress: Progress = lambda done: None,
    interval: ReportInterval = NO_CHOICE,
) -> list[dict[str, Any]]:
    """Return the chapters of a pack as plain values, from the data of the moment with the rights of today."""
    found = []
    with data_of(access, moment) as reader:
        view = PackView(reader, moment, language, pack.by_arm(access), interval)
        for number, section in enumerate(pack.sections, start=1):
            found.append(section(view).as_data())
            progress(GATHERED * number // len(pack.sections))
    return found


def _head(
    pack: Pack, audience: Audience, moment: datetime, interval: ReportInterval, *, unblinded: bool
) -> dict[str, Any]:
    facts = audience.trial.rules.trial
    words = {"id": facts.id, "title": facts.title.in_language(audience.language), "version": facts.version}
    as_of = _("Data as of %(moment)s.") % {"moment": audience.instant(moment)}
    return {
        "language": audience.language.partition("-")[0],
        "title": str(pack.title),
        "kind": _("Report"),
        # Wide tables: a column for each arm, or for each grade.
        "flipped": True,
        "moment": as_of,
        "footed": as_of,
        "trial": {**words, "unblinded": sentence()} if unblinded else words,
        "facts": [
            *trial_facts(audience),
            (_("Data as of"), audience.instant(moment)),
            (_("Moment, to make the same report again"), moment.isoformat()),
            (_("Report"), pack.code),
            *_chosen_days(interval),
        ],
        "notes": _notes(pack, audience, unblinded=unblinded),
        "words": {name: str(each) for name, each in labels.COMMON.items()},
    }


def _chosen_days(interval: ReportInterval) -> list[tuple[str, str]]:
    days = (
        (_("First day of the interval, as chosen"), interval.first),
        (_("Last day of the interval, as chosen"), interval.last),
    )
    return [(words, day.isoformat()) for words, day in days if day]


def _notes(pack: Pack, audience: Audience, *, unblinded: bool) -> list[str]:
    blind = (
        [_("The blind is kept: all numbers are pooled over the arms.")]
        if audience.trial.masked and not unblinded
        else []
    )
    return [
        str(pack.holds),
        _(
            "Under each heading stands from which rows its numbers come. Patients are named by their code only."
        ),
        *blind,
        _(
            "The same report of the same moment, for the same rights and language, has the same bytes. Who had it made "
            "and when is in the register of exports, with the SHA-256 of the file."
        ),
    ]
