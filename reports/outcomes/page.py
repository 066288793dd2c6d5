"""The page of the outcomes: each outcome with its lines, and the patients behind one number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.utils.translation import gettext as _

from outcomes.answers import OutcomeAnswer, OutcomeEvent, OutcomeVerdict, PatientResult
from outcomes.computing import OutcomeReport, compiled_reading, results_of
from outcomes.lines import OutcomeComparison, OutcomeLine
from outcomes.statistics.contingency import MantelHaenszel
from protocol.document.document import Protocol
from protocol.document.items import Text
from protocol.document.outcomes import NUMERIC, Outcome, OutcomeReading
from protocol.expressions.outcomes import CompiledReading, outcomes_of
from reports.outcomes.words import (
    ENDS,
    TYPES,
    events_words,
    figure_words,
    method_words,
    missing_words,
    number_words,
    p_words,
    percent_words,
    population_title,
)
from trials.access import Access
from trials.reader import reader_language, shown_number


@dataclass(frozen=True)
class ShownOutcomeLine:
    """A line in words: figures and tests with their methods. The addresses lead to the patients behind each number."""

    line: OutcomeLine
    visit: str
    part: str
    figures: list[tuple[str, str]]
    events: str
    addresses: Mapping[str, str]


@dataclass(frozen=True)
class ShownReading:
    """A reading with its lines. numeric: numbers, which are no successes."""

    reading: OutcomeReading
    title: str
    choice: str
    population: str
    lines: list[ShownOutcomeLine]

    @property
    def numeric(self) -> bool:
        return self.reading.measure in NUMERIC


@dataclass(frozen=True)
class ShownOutcome:
    """An outcome with its readings; without any it is only listed."""

    outcome: Outcome
    title: str
    type: str
    definition: str
    readings: list[ShownReading]


@dataclass(frozen=True)
class BehindEvent:
    """An adverse event behind a number. missing: what it lacks if it is undetermined whether it counts."""

    number: int
    term: str
    certain: bool
    missing: list[str]


@dataclass(frozen=True)
class BehindRow:
    """One patient behind a number, at one visit if the reading has visits."""

    patient: str
    visit: str
    verdict: str
    value: str
    events: list[BehindEvent]
    missing: list[str]


class OutcomePage:
    """The outcomes in words for one reader."""

    def __init__(self, access: Access, report: OutcomeReport, kept: Mapping[str, str] | None = None) -> None:
        """kept: parameters that every address of the page keeps, such as the moment of the data."""
        self.kept = dict(kept or {})
        self.rules: Protocol = access.trial.rules
        self.language = reader_language()
        self.report = report
        self._by_reading = {
            key: list(found)
            for key, found in groupby(report.lines, lambda line: (line.outcome, line.reading))
        }

    def outcomes(self) -> list[ShownOutcome]:
        """Return every outcome of the protocol in its order."""
        return [
            ShownOutcome(
                outcome, self.words(outcome.title), str(TYPES[outcome.type]), self.words(outcome.definition),
                [self._reading(outcome, each) for each in outcome.readings],
            )
            for outcome in self.rules.outcomes
        ]  # fmt: skip

    def words(self, text: Text | None) -> str:
        """Return a text of the protocol file in the reader's language, empty without one."""
        return text.in_language(self.language) if text else ""

    def _reading(self, outcome: Outcome, reading: OutcomeReading) -> ShownReading:
        lines = self._by_reading.get((outcome.id, reading.code), [])
        return ShownReading(
            reading, self.words(reading.title), self.words(reading.choice),
            population_title(self.rules, reading.population), [self.shown(line) for line in lines],
        )  # fmt: skip

    def shown(self, line: OutcomeLine) -> ShownOutcomeLine:
        """Return a line in words."""
        place = {"outcome": line.outcome, "reading": line.reading, "visit": line.visit}
        part = {"split": line.split, "part": line.part} if line.split else {}
        return ShownOutcomeLine(
            line=line,
            visit=self._visit(line.visit),
            part=self.part_title(line.split, line.part),
            figures=self._figures(line) + self._comparisons(line),
            events=events_words(line.events, line.events_undetermined),
            addresses={
                answer: "?" + urlencode({**self.kept, **place, **part, "answer": answer})
                for answer in ("all", *OutcomeVerdict)
            },
        )

    def _figures(self, line: OutcomeLine) -> list[tuple[str, str]]:
        """Return each figure with its method, or why there is none, once."""
        found = [
            (
                figure_words(figure),
                method_words(figure.estimate.method) if figure.estimate.value is not None else "",
            )
            for figure in line.figures
        ]
        return list(dict.fromkeys(found))

    def _comparisons(self, line: OutcomeLine) -> list[tuple[str, str]]:
        compared = self._compared(line.comparison) if line.comparison else []
        return [*compared, *(_stratified(line.stratified) if line.stratified else ())]

    def _visit(self, code: str) -> str:
        return self.rules.visit(code).title.in_language(self.language) if code else ""

    def part_title(self, split: str, part: str) -> str:
        """Return the name of a group or an arm, empty for all patients."""
        if not split:
            return ""
        found = self.rules.group(part) if split == "group" else self.rules.arm(part)
        return found.title.in_language(self.language)

    def _compared(self, comparison: OutcomeComparison) -> list[tuple[str, str]]:
        """Return the p value and the difference with their methods, or why there is none."""
        if comparison.p is None:
            return [(method_words(comparison.reason), "")]
        found = comparison.difference
        words = [(p_words(comparison.p), method_words(comparison.method))]
        if found is None or found.value is None or found.low is None or found.high is None:
            return words
        numbers = {
            name: (number_words if comparison.of_means else percent_words)(value)
            for name, value in (("value", found.value), ("low", found.low), ("high", found.high))
        }
        if comparison.of_means:
            difference = _("Difference %(value)s (%(low)s to %(high)s)") % numbers
        else:
            difference = _("Difference %(value)s points (%(low)s to %(high)s)") % numbers
        return [*words, (difference, method_words(found.method))]


def _stratified(found: MantelHaenszel) -> list[tuple[str, str]]:
    """Return the p value over the strata and the common odds ratio with their methods, or that there is none."""
    p = p_words(found.p) if found.p is not None else _("No stratum compares the arms.")
    words = [(p, method_words(found.method))]
    odds = found.odds_ratio
    if odds.value is None or odds.low is None or odds.high is None:
        return words
    numbers = {
        "value": number_words(odds.value),
        "low": number_words(odds.low),
        "high": number_words(odds.high),
    }
    return [*words, (_("Odds ratio %(value)s (%(low)s to %(high)s)") % numbers, method_words(odds.method))]


@dataclass(frozen=True)
class ChosenNumber:
    """The number that a reader follows: a reading, a visit, a part of the patients, and an answer."""

    access: Access
    compiled: CompiledReading
    visit: str
    split: str
    part: str
    answer: str

    @classmethod
    def of(cls, access: Access, query: Mapping[str, str]) -> "ChosenNumber | None":
        """Return the choice that an address makes, None if it makes none. Raises BadRequest for an unknown number.

        The codes of the arms are no secret: whoever may not know the arms follows one of them to an empty list.
        """
        asked = {
            name: query.get(name, "") for name in ("outcome", "reading", "visit", "split", "part", "answer")
        }
        if not any(asked.values()):
            return None
        rules = access.trial.rules
        compiled = compiled_reading(outcomes_of(rules), asked.pop("outcome"), asked.pop("reading"))
        parts = {
            "": [""],
            "group": [group.code for group in rules.groups],
            "arm": [arm.code for arm in rules.arms],
        }
        if (
            compiled is None
            or asked["visit"] not in ("", *compiled.reading.at)
            or asked["part"] not in parts.get(asked["split"], ())
            or asked["answer"] not in ("", "all", *OutcomeVerdict)
        ):
            raise BadRequest(
                _("No outcome of this trial has such a number. Choose one on the page of the outcomes.")
            )
        return cls(access, compiled, **asked)

    @cached_property
    def results(self) -> list[PatientResult]:
        """The patients of the chosen part, in the order of their numbers."""
        found = results_of(self.access, self.compiled)
        if self.split == "group":
            return [each for each in found if each.group == self.part]
        # Without the right every arm is empty, and so is this list.
        return [each for each in found if each.arm == self.part] if self.split == "arm" else found

    def rows(self) -> Iterator[tuple[PatientResult, str, OutcomeAnswer]]:
        """Yield the patients and answers behind the number; of a table with visits those of the chosen one, or all."""
        for result in self.results:
            for visit, answer in result.answers.items():
                if self.visit and visit != self.visit:
                    continue
                if self.answer in ("", "all", answer.verdict):
                    yield result, visit, answer


class BehindPage:
    """The patients behind a number, in words."""

    def __init__(self, chosen: ChosenNumber, page: OutcomePage) -> None:
        self.chosen, self.page = chosen, page
        self.reading = chosen.compiled.reading
        self.numeric = self.reading.measure in NUMERIC

    @property
    def title(self) -> str:
        """Title of the outcome and the reading."""
        return ": ".join(self.page.words(each.title) for each in (self.chosen.compiled.outcome, self.reading))

    def rows(self) -> list[BehindRow]:
        """Return the patients with their answers and what an undetermined one lacks."""
        return [self._row(*each) for each in self.chosen.rows()]

    def _row(self, result: PatientResult, visit: str, answer: OutcomeAnswer) -> BehindRow:
        return BehindRow(
            patient=result.patient,
            visit=self.page.rules.visit(visit).title.in_language(self.page.language) if visit else "",
            verdict=self.verdict(answer),
            value="" if answer.value is None else shown_number(answer.value),
            events=[self._event(event) for event in result.events],
            missing=missing_words(self.page.rules, answer.missing),
        )

    def _event(self, event: OutcomeEvent) -> BehindEvent:
        return BehindEvent(
            event.number, event.term, event.certain, missing_words(self.page.rules, event.missing)
        )

    def verdict(self, answer: OutcomeAnswer) -> str:
        """Return an answer in words."""
        if answer.verdict is OutcomeVerdict.OPEN:
            return _("Undetermined")
        if answer.observed is not None:
            return str(ENDS[answer.observed.cause])
        if self.numeric:
            return _("Known")
        return _("Yes") if answer.verdict is OutcomeVerdict.YES else _("No")

    @property
    def steps(self) -> Sequence[dict[str, str | int]]:
        """The table of a time to an event: at risk, events, and the share after each day on which something ends."""
        lines = self.page.report.of(self.chosen.compiled.outcome.id, self.reading.code)
        line = next(
            (each for each in lines if (each.split, each.part) == (self.chosen.split, self.chosen.part)), None
        )
        return [
            {
                "day": step.day, "at_risk": step.at_risk, "events": step.events, "competing": step.competing,
                "censored": step.censored, "share": percent_words(float(step.share)),
                "incidence": percent_words(float(step.incidence)),
            }
            for step in (line.steps if line else ())
        ]  # fmt: skip
