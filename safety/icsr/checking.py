"""How a value of a case is checked: what was found, and the checks that every section shares."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from protocol.values.refusals import gettext_noop as _
from safety.icsr import codes, times
from safety.icsr.case import Absent, Amount, CodedTerm, Value
from safety.icsr.elements import ELEMENTS


class Flaw(StrEnum):
    """The kind of a fault of an element."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    WRONG_CODE = "wrong_code"
    NOT_A_NUMBER = "not_a_number"
    NOT_A_TIME = "not_a_time"
    NOT_PRECISE = "not_precise"
    FUTURE = "future"
    BACKWARDS = "backwards"
    NOT_ALLOWED_ABSENT = "not_allowed_absent"
    WRONG_FORM = "wrong_form"
    OTHER_VERSION = "other_version"
    NO_DICTIONARY = "no_dictionary"
    TEST_DICTIONARY = "test_dictionary"
    NOT_ONCE = "not_once"
    BOTH_GIVEN = "both_given"
    UNPRINTABLE = "unprintable"
    SHOWS_TREATMENT = "shows_treatment"
    NAMES_TREATMENT = "names_treatment"


SENTENCES: dict[Flaw, str] = {
    Flaw.MISSING: _("%(element)s %(name)s: enter it, it is missing."),
    Flaw.TOO_LONG: _("%(element)s %(name)s: shorten it to %(longest)s characters."),
    Flaw.WRONG_CODE: _("%(element)s %(name)s: the code is not in the list of E2B(R3)."),
    Flaw.NOT_A_NUMBER: _("%(element)s %(name)s: enter a number with a decimal point."),
    Flaw.NOT_A_TIME: _("%(element)s %(name)s: this is not a date or time."),
    Flaw.NOT_PRECISE: _("%(element)s %(name)s: give the date more precisely."),
    Flaw.FUTURE: _("%(element)s %(name)s: this date has not come yet."),
    Flaw.BACKWARDS: _("%(element)s %(name)s: this is before the date that it must follow."),
    Flaw.NOT_ALLOWED_ABSENT: _("%(element)s %(name)s: this reason for an absent value is not allowed here."),
    Flaw.WRONG_FORM: _("%(element)s %(name)s: the value does not have the form that E2B(R3) asks for."),
    Flaw.OTHER_VERSION: _("%(element)s %(name)s: a case has one version of MedDRA; code this term again."),
    Flaw.NO_DICTIONARY: _(
        "%(element)s %(name)s: no MedDRA is loaded. Load your licensed release with manage.py load_dictionary, "
        "code the terms, then make the file."
    ),
    Flaw.TEST_DICTIONARY: _(
        "%(element)s %(name)s: the dictionary TEST is invented. Load a licensed release of MedDRA and code the terms."
    ),
    Flaw.NOT_ONCE: _("%(element)s %(name)s: exactly one reporter is the primary source."),
    Flaw.BOTH_GIVEN: _("%(element)s %(name)s: give an end or a duration, not both."),
    Flaw.UNPRINTABLE: _("%(element)s: a text holds a sign that XML cannot carry. Type the text again."),
    Flaw.SHOWS_TREATMENT: _(
        "%(element)s %(name)s: the case is blinded, and this tells the treatment. Take it out."
    ),
    Flaw.NAMES_TREATMENT: _(
        "%(element)s %(name)s: the case is blinded, and “%(word)s” names a treatment or its product. Take it out."
    ),
}


@dataclass(frozen=True, order=True)
class CaseFinding:
    """One missing or wrong element. `place` counts repeated parts from 1: (2, 1) is drug 2, dose 1."""

    element: str
    flaw: Flaw
    place: tuple[int, ...] = ()
    word: str = ""

    @property
    def words(self) -> dict[str, object]:
        """Return the parameters of the sentence of the flaw; the name is not translated yet."""
        known = ELEMENTS.get(self.element)
        place = "".join(f" [{number}]" for number in self.place)
        return {
            "element": self.element + place,
            "name": known.name if known else "",
            "longest": known.longest if known else 0,
            "word": self.word,
        }


@dataclass(frozen=True)
class LoadedDictionary:
    """The loaded dictionary: its name (`MedDRA`, or the invented `TEST`) and its version."""

    name: str
    version: str


@dataclass
class Findings:
    """The findings of one case, collected section by section. `now` is when the file is made."""

    now: datetime
    dictionary: LoadedDictionary | None
    found: list[CaseFinding] = field(default_factory=list)
    place: tuple[int, ...] = ()

    def at(self, *place: int) -> "Findings":
        """Return the same collection at another place of the case."""
        return Findings(self.now, self.dictionary, self.found, place)

    def each(self, rows: Collection[object]) -> "Iterator[Findings]":
        """Yield the collection at each of the repeated parts below this place."""
        for number in range(1, len(rows) + 1):
            yield self.at(*self.place, number)

    def add(self, element: str, flaw: Flaw, word: str = "") -> None:
        """Add a finding at this place, once."""
        finding = CaseFinding(element, flaw, self.place, word)
        if finding not in self.found:
            self.found.append(finding)

    def text(self, element: str, value: Value, *, needed: bool = False, absent: str = "") -> bool:
        """Check that a value is given if needed and not too long. Return whether it is a text to check further.

        absent: the null flavours that the element allows, separated by spaces.
        """
        if isinstance(value, Absent):
            if value.value not in absent.split():
                self.add(element, Flaw.NOT_ALLOWED_ABSENT)
            return False
        if not value.strip():
            if needed:
                self.add(element, Flaw.MISSING)
            return False
        longest = ELEMENTS[element].longest
        if longest and len(value) > longest:
            self.add(element, Flaw.TOO_LONG)
        return True

    def code(self, element: str, value: Value, *, needed: bool = False, absent: str = "") -> None:
        """Check a code against the list of the element."""
        allowed = codes.ALLOWED[element]
        if self.text(element, value, needed=needed, absent=absent) and value not in allowed:
            self.add(element, Flaw.WRONG_CODE)

    def form(
        self, element: str, value: Value, pattern: str, *, needed: bool = False, absent: str = ""
    ) -> None:
        """Check that a text has the form of a pattern."""
        given = self.text(element, value, needed=needed, absent=absent)
        if given and not re.fullmatch(pattern, str(value)):
            self.add(element, Flaw.WRONG_FORM)

    def country(self, element: str, value: Value, *, needed: bool = False, absent: str = "") -> None:
        """Check a country code of two letters."""
        self.form(element, value, "[A-Z]{2}", needed=needed, absent=absent)

    def number(self, element: str, value: str, *, needed: bool = False) -> None:
        """Check a number without sign, with a decimal point if it has decimals."""
        if self.text(element, value, needed=needed) and not re.fullmatch(r"\d+(\.\d+)?", value):
            self.add(element, Flaw.NOT_A_NUMBER)

    def amount(self, elements: tuple[str, str], value: Amount, units: Collection[str] = ()) -> None:
        """Check that number and unit are both given or both empty."""
        number, unit = elements
        self.number(number, value.number, needed=bool(value.unit))
        if self.text(unit, value.unit, needed=bool(value.number)) and units and value.unit not in units:
            self.add(unit, Flaw.WRONG_CODE)

    def time(
        self,
        element: str,
        value: Value,
        *,
        digits: int = 4,
        needed: bool = False,
        absent: str = "MSK ASKU NASK",
    ) -> None:
        """Check a time: readable, precise to `digits` and not in the future. To the second it needs its offset."""
        if not self.text(element, value, needed=needed, absent=absent):
            return
        text = str(value)
        known = times.precision(text)
        if not known:
            self.add(element, Flaw.NOT_A_TIME)
        elif known < digits or (digits == 14 and not times.has_zone(text)):
            self.add(element, Flaw.NOT_PRECISE)
        elif (first := times.earliest(text)) is not None and first > self.now:
            self.add(element, Flaw.FUTURE)

    def order(self, element: str, first: Value, last: Value) -> None:
        """Check that `last`, the value of the element, is not certainly before `first`."""
        if not (isinstance(first, str) and isinstance(last, str) and first and last):
            return
        if times.precision(first) and times.precision(last):
            digits = min(times.precision(first), times.precision(last), 8)
            if last[:digits] < first[:digits]:
                self.add(element, Flaw.BACKWARDS)

    def term(self, elements: tuple[str, str], term: CodedTerm, *, needed: bool = False) -> None:
        """Check a MedDRA term: eight digits, with the version of the loaded dictionary."""
        version, code = elements
        if not (needed or term.code or term.version):
            return
        if self.dictionary is None:
            self.add(code, Flaw.NO_DICTIONARY)
            return
        self.form(code, term.code, r"\d{8}", needed=True)
        self.form(version, term.version, r"\d{1,2}\.\d", needed=True)
        if term.version and term.version != self.dictionary.version:
            self.add(version, Flaw.OTHER_VERSION)
