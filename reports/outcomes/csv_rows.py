"""The outcomes as CSV, in English: the lines with their figures, or the patients behind one reading."""

from collections.abc import Iterator
from typing import Any

from outcomes.computing import OutcomeReport
from outcomes.lines import OutcomeFigure, OutcomeLine
from protocol.document.document import Protocol
from reports.outcomes.page import ChosenNumber
from reports.outcomes.words import missing_words
from trials.listing.lines import csv_text
from trials.reader import FILE_LANGUAGE

LINE_COLUMNS = (
    "outcome", "type", "title", "reading", "reading_title", "population", "measure", "visit", "split", "part",
    "patients", "yes", "no", "undetermined", "events", "events_undetermined", "patient_days", "figure", "value", "low",
    "high", "spread", "method", "p", "test", "difference", "difference_low", "difference_high", "difference_method",
    "stratified_p", "stratified_test", "odds_ratio", "odds_ratio_low", "odds_ratio_high",
)  # fmt: skip
PATIENT_COLUMNS = (
    "patient", "group", "visit", "member", "answer", "value", "cause", "patient_days", "events",
    "events_undetermined", "missing",
)  # fmt: skip
CAUSES = ("censored", "event", "competing event")


def line_rows(report: OutcomeReport, rules: Protocol) -> Iterator[list[str]]:
    """Yield the column names, then a row for each figure of each line; one row for a line without figures."""
    yield list(LINE_COLUMNS)
    for line in report.lines:
        for figure in line.figures or (None,):
            yield [csv_text(value) for value in _of_line(line, figure, rules)]


def _of_line(line: OutcomeLine, figure: OutcomeFigure | None, rules: Protocol) -> list[Any]:
    outcome = rules.outcome(line.outcome)
    reading = next(each for each in outcome.readings if each.code == line.reading)
    titles = [each.title.in_language(FILE_LANGUAGE) for each in (outcome, reading)]
    estimate = figure.estimate if figure else None
    numbers = (
        [figure.kind, estimate.value, estimate.low, estimate.high, figure.spread, estimate.method]
        if figure and estimate
        else [None] * 6
    )
    compared, stratified = line.comparison, line.stratified
    test = [compared.p, compared.reason or compared.method] if compared else [None] * 2
    apart = compared.difference if compared else None
    difference = [apart.value, apart.low, apart.high, apart.method] if apart else [None] * 4
    odds = stratified.odds_ratio if stratified else None
    common = (
        [stratified.p, stratified.method, odds.value, odds.low, odds.high]
        if stratified and odds
        else [None] * 5
    )
    return [
        outcome.id, outcome.type, titles[0], reading.code, titles[1], reading.population, reading.measure, line.visit,
        line.split, line.part, line.patients, line.yes, line.no, line.undetermined, line.events,
        line.events_undetermined, line.days, *numbers, *test, *difference, *common,
    ]  # fmt: skip


def patient_rows(chosen: ChosenNumber, rules: Protocol) -> Iterator[list[str]]:
    """Yield the column names, then a row for each patient behind a number. The arm of a patient is never a column."""
    yield list(PATIENT_COLUMNS)
    for result, visit, answer in chosen.rows():
        certain = sum(event.certain for event in result.events)
        row = [
            result.patient, result.group, visit, result.member, str(answer.verdict),
            None if answer.value is None else f"{answer.value:f}",
            CAUSES[answer.observed.cause] if answer.observed else None, result.days, certain,
            len(result.events) - certain, "; ".join(missing_words(rules, answer.missing)),
        ]  # fmt: skip
        yield [csv_text(value) for value in row]
