"""One ODM 1.3.2 file of a trial, written while it is sent: memory does not grow with the number of patients."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from typing import Any, Literal

from audit.models import Signature
from exports.formats.data_files import Exported, ReaderRights
from exports.odm import oids
from exports.odm.odm1_data import DataNodes
from exports.odm.odm1_definitions import Person, admin_node, study_parts
from exports.odm.snapshot import SubjectPart, snapshot_subjects
from exports.odm.study_definitions import StudyDefinitions
from exports.odm.study_sources import StudySources
from exports.odm.transactions import transactions
from exports.odm.xml_nodes import ODM1, Nodes
from exports.tables.trail.labels import actor_in_english
from trials.blinding.unblinded_files import LINE
from trials.models import Trial

FileType = Literal["Snapshot", "Transactional"]
VERSION = "1.3.2"
PIECE_BYTES = 1 << 16


class Pieces:
    """A buffer of what lxml writes, until it is sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> None:
        """Keep some bytes."""
        self._parts.append(data)
        self.size += len(data)

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        data = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return data


class ClinicalData:
    """Opens an element ClinicalData for each run of subjects of the same version."""

    def __init__(self, file: Any, nodes: Nodes, study: StudyDefinitions) -> None:
        self._file, self._nodes, self._study = file, nodes, study
        self._open = ExitStack()
        self._version: int | None = None

    def __enter__(self) -> "ClinicalData":
        return self

    def __exit__(self, *wrong: Any) -> None:
        self._open.__exit__(*wrong)

    def write(self, version: int, subject: Any) -> Iterator[None]:
        """Write a subject under a version: an element, or its parts, and yield after each."""
        self._under(version)
        if not isinstance(subject, SubjectPart):
            self._file.write(subject)
            yield
        else:
            with self._opened(subject.element):
                for event in subject.events:
                    with self._opened(event.element):
                        for form in event.forms:
                            self._file.write(form)
                            yield
        self._file.write("\n")

    @contextmanager
    def _opened(self, element: Any) -> Iterator[None]:
        """Write an element with its children, and leave it open for more."""
        with self._file.element(element.tag, dict(element.attrib)):
            for child in element:
                self._file.write(child)
            yield

    def _under(self, version: int) -> None:
        if version != self._version:
            self._open.close()
            attributes = {
                "StudyOID": oids.study(self._study.trial.slug),
                "MetaDataVersionOID": oids.version(self._study.names[version]),
            }
            self._open.enter_context(self._file.element(self._nodes.name("ClinicalData"), attributes))
            self._version = version


def odm_pieces(
    trial: Trial, exported: Exported, reader: ReaderRights, file_type: FileType, count: list[int]
) -> Iterator[bytes]:
    """Yield the file in pieces, and set `count[0]` to the number of subjects, or of transactions."""
    from lxml import etree

    nodes = Nodes(ODM1)
    study = StudyDefinitions(trial, sees_treatment=reader.sees_treatment)
    sources = StudySources(trial, study, reader, exported.as_of)
    made: Callable[[StudySources, DataNodes], Iterator[tuple[int, Any]]]
    made = snapshot_subjects if file_type == "Snapshot" else transactions
    pieces = Pieces()
    with etree.xmlfile(pieces, encoding="utf-8") as file:
        file.write_declaration()
        with file.element(
            nodes.name("ODM"), root_attributes(trial, exported, reader, file_type), {None: ODM1}
        ):
            with file.element(nodes.name("Study"), {"OID": oids.study(trial.slug)}):
                for part in study_parts(study, nodes):
                    file.write(part)
                    file.write("\n")
                    yield pieces.take()
            file.write(admin_node(study, people(trial, sources), nodes))
            file.write("\n")
            with ClinicalData(file, nodes, study) as data:
                for version, subject in made(sources, DataNodes(nodes)):
                    count[0] += 1
                    for _part in data.write(version, subject):
                        if pieces.size > PIECE_BYTES:
                            yield pieces.take()
    yield pieces.take()


def root_attributes(trial: Trial, exported: Exported, reader: ReaderRights, file_type: str) -> dict[str, str]:
    """Return the attributes of the root."""
    at = exported.at.astimezone(UTC).isoformat(timespec="seconds")
    marked = {"Description": LINE} if trial.masked and reader.sees_treatment else {}
    return {
        **marked,
        "FileType": file_type,
        "Granularity": "All",
        "FileOID": f"{trial.slug}.{file_type}.{at}",
        "CreationDateTime": at,
        "AsOfDateTime": at,
        "ODMVersion": VERSION,
        "Originator": trial.rules.trial.site.name,
        "SourceSystem": "Stroma",
        "SourceSystemVersion": exported.version,
    }


def people(trial: Trial, sources: StudySources) -> list[Person]:
    """Return everybody who changed or signed a row that the reader may see. One query for each model."""
    found: dict[tuple[str, str], str] = {}
    for model in sources.models:
        changes = sources.changes(model).filter(history_trial=trial.pk, history_patient__isnull=False)
        rows = sources.visible(model, changes)
        names = ("history_user_name", "history_full_name", "history_role")
        found |= {(user, role): full for user, full, role in rows.order_by().values_list(*names).distinct()}
    signers = sources.visible(
        Signature, Signature.objects.filter(trial_id=trial.pk, patient_id__isnull=False)
    )
    for user, full, role in signers.order_by().values_list("signer_name", "printed_name", "role").distinct():
        found.setdefault((user, role), full)
    return [Person(user, actor_in_english(full), role) for (user, role), full in sorted(found.items())]
