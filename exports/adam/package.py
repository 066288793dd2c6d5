"""The package: analysis data sets, their derivations, and scripts that compute the outcomes from them.

ADSL, ADAE and ADLB are made from the SDTM data sets of the same moment, so that every value can be traced to them;
ADOUT and ADTTE from what the readings of the protocol say of each patient, which the page of outcomes shows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from exports.adam import adverse_events, laboratory, subject_level
from exports.adam.analysis_data import AnalysisData
from exports.adam.expected import COLUMNS, expected_rows
from exports.adam.readings import ReadingParameter, ReadingRecords, parameters
from exports.adam.subject_level import SubjectLevel
from exports.formats.data_files import DataFile, Exported
from exports.formats.sas_transport import FORMATS
from exports.sdtm import xport
from exports.sdtm.package import data_sets
from exports.sdtm.spool import DomainData
from exports.sdtm.study import Study
from exports.tables.cells import csv_chunks
from exports.tables.columns import StudyTable
from exports.tables.long_texts import LongTexts
from outcomes.answers import OutcomeEvaluation
from outcomes.lines import lines_of
from outcomes.loading import study_data
from protocol.expressions.outcomes import OutcomeRules, outcomes_of
from trials.models import Trial

SCRIPTS: Final = ("outcomes.R", "outcomes.py", "README.md")
DERIVATIONS: Final = ("dataset", "variable", "label", "type", "source", "derivation")
PARAMETERS: Final = (
    "paramcd", "param", "outcome", "reading", "measure", "population", "day_zero", "window_first", "window_last", "at",
    "baseline", "condition", "choice",
)  # fmt: skip


@dataclass
class AnalysisStudy:
    """One study as its analysis reads it: SDTM data sets on disk, the patients of the outcomes, the rules."""

    study: Study
    folder: Path
    sources: Mapping[str, DomainData]

    def __post_init__(self) -> None:
        trial = self.study.trial
        self.rules: OutcomeRules = outcomes_of(trial.rules)
        self.shows_arms = self.study.is_randomised and not self.study.hides_arms
        self.evaluation = OutcomeEvaluation(self.rules)
        self.patients = study_data(trial, self.rules, arms=self.shows_arms)
        self.parameters: list[ReadingParameter] = parameters(self.rules.readings)

    def source(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of an SDTM data set; none if the study has none."""
        found = self.sources.get(name)
        return found.rows() if found else iter(())


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield the files of the package. The tables of the other formats are not read."""
    trial = Trial.objects.get(slug=exported.trial)
    study = Study(trial, sees_treatment=exported.sees_treatment, at=exported.at)
    with TemporaryDirectory() as name:
        folder = Path(name)
        made = AnalysisStudy(study, folder, {each.name: each for each in data_sets(study, folder)})
        sets, expected = analysis_sets_of(made)
        for each in sets:
            dates = {one.name: FORMATS["date"] for one in each.variables if one.type == "Date"}
            yield DataFile(
                f"xpt/{each.name.lower()}.xpt", xport.pieces(each, exported.at, dates), [each.count]
            )
            header = [variable.name for variable in each.variables]
            yield _table(f"csv/{each.name.lower()}.csv", header, each.csv_rows())
        yield _table("derivations.csv", DERIVATIONS, _derivations(sets))
        yield _table("parameters.csv", PARAMETERS, map(_parameter, made.parameters))
        yield _table("expected.csv", COLUMNS, expected)
        for script in SCRIPTS:
            yield DataFile(script, iter(((Path(__file__).parent / "scripts" / script).read_bytes(),)), [0])


def analysis_sets_of(made: AnalysisStudy) -> tuple[list[AnalysisData], list[list[Any]]]:
    """Write the data sets to the folder; return them in the order of the package, and the expected numbers."""
    level = SubjectLevel.of(made.rules.protocol, made.evaluation, made.patients, made.source("DS"))
    with AnalysisData("ADSL", made.folder, level.flags) as subjects:
        _fill(subjects, subject_level.records(level, made.source("DM")))
    known = {row["USUBJID"]: row for row in subjects.typed_rows()}
    by_code = {row["SUBJID"]: row for row in known.values()}
    doses = {row["USUBJID"]: row["RFXSTDTC"] or "" for row in made.source("DM")}
    patients = {each.code: each for each in made.patients}
    with AnalysisData("ADAE", made.folder) as events:
        _fill(events, adverse_events.records(made.source("AE"), known, patients, doses))
    with AnalysisData("ADLB", made.folder) as results:
        _fill(results, laboratory.records(lambda: made.source("LB"), known, doses))
    expected: list[list[Any]] = []
    records = ReadingRecords(made.evaluation, made.patients, by_code, made.study.visit_numbers)
    with AnalysisData("ADOUT", made.folder) as answers, AnalysisData("ADTTE", made.folder) as times:
        for parameter in made.parameters:
            found = made.evaluation.results(parameter.compiled, made.patients)
            _fill(times if parameter.is_time else answers, records.of(parameter, found))
            lines = lines_of(parameter.compiled, found, made.rules.protocol, arms=made.shows_arms)
            expected += expected_rows(parameter, lines, made.rules.protocol)
    return [subjects, events, results, answers, times], expected


def _fill(data: AnalysisData, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        data.add(row)


def _table(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> DataFile:
    count, beside = [0], LongTexts()
    cells = (["" if value is None else value for value in row] for row in rows)
    return DataFile(name, csv_chunks(header, cells, count, beside), count, beside)


def _derivations(sets: Iterable[AnalysisData]) -> Iterator[list[str]]:
    for each in sets:
        for variable in each.variables:
            yield [
                each.name, variable.name, variable.label, variable.type, variable.source, variable.derivation,
            ]  # fmt: skip


def _parameter(parameter: ReadingParameter) -> list[Any]:
    compiled, reading = parameter.compiled, parameter.compiled.reading
    window = compiled.outcome.window_of(reading) or (None, None)
    condition = " ".join((reading.event or reading.endpoint or "").split())
    return [
        parameter.code, parameter.name, compiled.outcome.id, reading.code, reading.measure, reading.population,
        compiled.day_zero, *window, " ".join(reading.at), " ".join(reading.baseline), condition,
        reading.choice.in_language("en") if reading.choice else None,
    ]  # fmt: skip
