"""The package: every data set as transport file and Dataset-JSON, define.xml, annotated forms and note, in one archive.

The subjects are read once, some at a time; their records wait in a temporary folder until the metadata are known.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exports.formats import dataset_json
from exports.formats.data_files import DataFile, Exported
from exports.sdtm import xport
from exports.sdtm.acrf.document import annotated_forms
from exports.sdtm.annotations import annotation_file
from exports.sdtm.assembling import SubjectRecords
from exports.sdtm.define import DEFINE_FILE, FORMS_FILE, NOTE_FILE, TABLE_FILE, define_xml, is_integer
from exports.sdtm.design import trial_design
from exports.sdtm.reviewers_note import note
from exports.sdtm.spool import DomainData, DomainSpool
from exports.sdtm.standard.tables import DomainVariable
from exports.sdtm.study import Study
from exports.sdtm.subject import subjects
from exports.tables.columns import StudyTable, TableColumn
from protocol.checking.column_kinds import Kind
from trials.models import Trial


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield the files of the package. The tables of the other formats are not read.

    Raises NotPrinted if the annotated forms cannot be set.
    """
    trial = Trial.objects.get(slug=exported.trial)
    study = Study(trial, sees_treatment=exported.sees_treatment, at=exported.at)
    with TemporaryDirectory() as folder:
        sets = data_sets(study, Path(folder))
        created = study.local(exported.at) + f"{exported.at.astimezone(trial.zone):%z}"
        created = f"{created[:-2]}:{created[-2:]}"
        created = f"{created[:16]}:00{created[16:]}"
        forms, version = annotated_forms(study, version=exported.version), exported.version
        metadata = define_xml(study, sets, forms.references, created=created, version=version)
        yield _whole(DEFINE_FILE, metadata)
        yield _whole(FORMS_FILE, forms.pdf)
        rules = [each.rules for each in study.versions.values()]
        yield _whole(TABLE_FILE, annotation_file(rules, with_masked=not study.hides_arms))
        yield _whole(NOTE_FILE, note(study, sets, version=exported.version))
        for made in sets:
            pieces = xport.pieces(made, exported.at)
            yield DataFile(f"xpt/{made.name.lower()}.xpt", pieces, [made.count])
        yield from _dataset_json(sets, exported)


def data_sets(study: Study, folder: Path) -> list[DomainData]:
    """Write the records of every data set to a folder and return the data sets that have any."""
    spool, included = DomainSpool(folder), 0
    for subject in subjects(study):
        included += subject.patient.enrolled_on is not None
        for name, values, source in SubjectRecords(subject).rows():
            spool.add(name, values, source)
    for row in trial_design(study, included):
        spool.add(row.domain, {"STUDYID": study.study_id, "DOMAIN": row.domain, **row.values})
    return spool.close()


def _whole(name: str, content: bytes) -> DataFile:
    return DataFile(name, iter((content,)), [0])


def _dataset_json(sets: Iterable[DomainData], exported: Exported) -> Iterator[DataFile]:
    for file in dataset_json.files(map(_table, sets), exported):
        yield replace(file, name=f"dataset-json/{file.name.lower()}")


def _table(made: DomainData) -> StudyTable:
    variables = made.variables

    def rows() -> Iterator[list[Any]]:
        for row in made.rows():
            yield [row[variable.name] for variable in variables]

    return StudyTable(made.name, made.label, tuple(map(_column, variables)), rows)


def _column(variable: DomainVariable) -> TableColumn:
    kind: Kind = "text"
    if variable.is_number:
        kind = "integer" if is_integer(variable) else "decimal"
    return TableColumn(variable.name, "", variable.label, kind=kind)
