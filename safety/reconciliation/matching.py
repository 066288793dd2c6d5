"""Match the sponsor's safety list with the events of the site by patient, term and onset, and compare their fields.

Matched first if all three agree, then if one of term and onset agrees and no other event could be meant. A list is of
serious events: an event of the site that is not serious is matched, but never missed in the list.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from protocol.values.moments import Moment
from safety.models import AdverseEvent
from safety.reconciliation.comparing import event_words, of_event
from safety.reconciliation.findings import Finding, FindingKind
from safety.reconciliation.list_files import ListRow
from safety.reconciliation.site_rows import SiteRows
from safety.terms.own_list import same_term_key
from trials.reader import shown_moment

Pair = tuple[ListRow, AdverseEvent]


@dataclass(frozen=True, slots=True)
class Compared:
    """One field that differs: as both say it in the words of the reader, and as stored values."""

    item: str
    name: str
    listed: str
    at_site: str
    values: tuple[object, object]


def list_findings(rows: SiteRows, lines: Sequence[ListRow]) -> list[Finding]:
    """Return the differences between the list and the events."""
    codes = {patient.code.casefold(): key for key, patient in rows.patients.items()}
    of_patient: dict[int, list[ListRow]] = defaultdict(list)
    found: list[Finding] = []
    for line in lines:
        key = codes.get(line.subject.casefold())
        if key is None:
            found.append(_unknown(line))
        else:
            of_patient[key].append(line)
    for key in rows.patients:
        found += _of_patient(rows, key, of_patient.get(key, []))
    return found


def _of_patient(rows: SiteRows, key: int, lines: list[ListRow]) -> Iterator[Finding]:
    events = rows.by_patient[key]
    pairs, only_listed, only_at_site = matched(lines, events)
    for line, event in pairs:
        yield from _differences(line, event)
    for line in only_listed:
        told = {"term": line.term, "onset": shown_moment(line.onset), "line": line.line}
        yield Finding(
            kind=FindingKind.ONLY_AT_SPONSOR,
            patient=rows.patients[key],
            about=f"{same_term_key(line.term)}:{line.onset.iso}",
            values=(line.term, line.onset.iso),
            text=_("Line %(line)s of the list: %(term)s, onset %(onset)s. The site has no such event.")
            % told,
            address=("reports:casebook", (rows.trial.slug, rows.patients[key].code), ""),
        )
    for event in only_at_site:
        if event.due_at is not None:
            text = _("%(event)s is serious, but is not in the list.") % {"event": event_words(event)}
            yield of_event(FindingKind.ONLY_AT_SITE, event, "reported", (event.term, event.onset), text)


def matched(
    lines: Sequence[ListRow], events: Sequence[AdverseEvent]
) -> tuple[list[Pair], list[ListRow], list[AdverseEvent]]:
    """Return the pairs of one patient, the lines that no event matches, and the events that no line matches."""
    left, free, pairs = list(lines), list(events), list[Pair]()
    for same in (_same_event, _same_term, _same_onset):
        for line in list(left):
            candidates = [event for event in free if same(line, event)]
            # Two events that agree as well as each other: the first, so that both lines of a list find one.
            if candidates and (same is _same_event or len(candidates) == 1):
                pairs.append((line, candidates[0]))
                left.remove(line)
                free.remove(candidates[0])
    return pairs, left, free


def _same_event(line: ListRow, event: AdverseEvent) -> bool:
    return _same_term(line, event) and _same_onset(line, event)


def _same_term(line: ListRow, event: AdverseEvent) -> bool:
    return same_term_key(line.term) == same_term_key(event.term)


def _same_onset(line: ListRow, event: AdverseEvent) -> bool:
    return same_day(line.onset, event.onset_moment)


def same_day(one: Moment, other: Moment) -> bool:
    """Return whether two moments may be of one day."""
    return one.first_day <= other.last_day and other.first_day <= one.last_day


def _differences(line: ListRow, event: AdverseEvent) -> Iterator[Finding]:
    for each in _compared(line, event):
        told = {
            "event": event_words(event), "field": each.name, "listed": each.listed, "site": each.at_site or "–"
        }  # fmt: skip
        yield of_event(
            FindingKind.LIST_DIFFERS,
            event,
            each.item,
            each.values,
            _("%(event)s: %(field)s is “%(listed)s” in the list and “%(site)s” at the site.") % told,
            about=f"{event}:{each.item}",
        )


def _compared(line: ListRow, event: AdverseEvent) -> Iterable[Compared]:
    """Yield the fields that the list fills and that differ."""
    if not _same_term(line, event):
        yield Compared("term", _("Term"), line.term, event.term, (line.term, event.term))
    yield from _compared_days(line, event)
    answers = (
        ("seriousness", _("Serious"), line.serious, event.serious),
        ("causality", _("Related"), line.related, event.related),
    )
    for item, name, listed, at_site in answers:
        if listed is not None and listed != at_site:
            yield Compared(item, name, _yes_no(listed), _yes_no(at_site), (listed, at_site))
    if line.grade is not None and line.grade != event.grade:
        yield Compared("grade", _("Grade"), str(line.grade), str(event.grade), (line.grade, event.grade))
    if line.outcome and line.outcome != event.outcome:
        listed_words = str(AdverseEvent.Outcome(line.outcome).label)
        values = (line.outcome, event.outcome)
        yield Compared("outcome", _("Outcome"), listed_words, event.get_outcome_display(), values)


def _compared_days(line: ListRow, event: AdverseEvent) -> Iterator[Compared]:
    if not _same_onset(line, event):
        values = (line.onset.iso, event.onset)
        words = shown_moment(line.onset), shown_moment(event.onset_moment)
        yield Compared("onset", _("Onset"), *words, values)
    ended = event.end_moment
    if line.end is not None and (ended is None or not same_day(line.end, ended)):
        at_site = shown_moment(ended) if ended else _("ongoing")
        yield Compared("end", _("End"), shown_moment(line.end), at_site, (line.end.iso, event.end))


def _yes_no(answer: bool) -> str:
    return _("Yes") if answer else _("No")


def _unknown(line: ListRow) -> Finding:
    text = _("Line %(line)s of the list names the patient “%(subject)s”, whom the trial does not have.")
    return Finding(
        kind=FindingKind.UNKNOWN_SUBJECT,
        patient=None,
        about=f"{line.subject}:{line.onset.iso}",
        values=(line.subject, line.term),
        text=text % {"line": line.line, "subject": line.subject},
    )
