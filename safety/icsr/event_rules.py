"""Rules of the sections E and F: the events and the tests."""

from safety.icsr import codes
from safety.icsr.case import CaseTest, IndividualCase, Reaction
from safety.icsr.checking import Findings, Flaw

LANGUAGE_CODE = "[a-z]{3}"
COMPARATORS = ("", "<", "<=", ">", ">=")


def check(case: IndividualCase, found: Findings) -> None:
    """Add what is missing or wrong in E and F."""
    if not case.events:
        found.add("E.i", Flaw.MISSING)
    for here, event in zip(found.each(case.events), case.events, strict=True):
        _event(event, here)
    for here, test in zip(found.each(case.tests), case.tests, strict=True):
        _test(test, here)


def _event(event: Reaction, found: Findings) -> None:
    found.text("E.i.1.1a", event.native_text, needed=not event.translation)
    found.form("E.i.1.1b", event.native_language, LANGUAGE_CODE, needed=bool(event.native_text))
    found.text("E.i.1.2", event.translation)
    found.term(("E.i.2.1a", "E.i.2.1b"), event.term, needed=True)
    found.code("E.i.3.1", event.highlighted)
    if event.seriousness - set(codes.SERIOUSNESS):
        found.add("E.i.3.2", Flaw.WRONG_CODE)
    found.time("E.i.4", event.start, needed=not (event.end or event.duration.number))
    found.time("E.i.5", event.end)
    found.order("E.i.5", event.start, event.end)
    found.amount(("E.i.6a", "E.i.6b"), event.duration, codes.DURATION_UNITS)
    if event.end and event.duration.number:
        found.add("E.i.6a", Flaw.BOTH_GIVEN)
    found.code("E.i.7", event.outcome, needed=True)
    found.country("E.i.9", event.country, needed=True)


def _test(test: CaseTest, found: Findings) -> None:
    found.time("F.r.1", test.day, needed=True, absent="UNK")
    found.text("F.r.2.1", test.name, needed=not test.term.code)
    found.term(("F.r.2.2a", "F.r.2.2b"), test.term)
    found.code("F.r.3.1", test.result_code)
    found.number("F.r.3.2", test.result.number, needed=bool(test.result.unit or test.comparator))
    found.text("F.r.3.3", test.result.unit, needed=bool(test.result.number))
    if test.comparator not in COMPARATORS:
        found.add("F.r.3.2", Flaw.WRONG_FORM)
    found.text("F.r.3.4", test.result_text, needed=not (test.result.number or test.result_code))
    found.number("F.r.4", test.low)
    found.number("F.r.5", test.high)
    # The limits have no unit of their own: they are in the unit of the result.
    if (test.low or test.high) and not test.result.unit:
        found.add("F.r.3.3", Flaw.MISSING)
    found.text("F.r.6", test.comment)
