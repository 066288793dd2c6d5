"""BE, BS and RELSPEC: what was done with samples and their tubes, the volume of each tube, and which came from which.

A sample that was struck out and a movement that was reversed are left out. One that was not collected is a protocol
deviation where it was required (DV). Samples do not depend on the arm.
"""

from collections.abc import Iterator
from typing import Any, Final

from exports.sdtm.observations import Observation, Supplement
from exports.sdtm.subject import Subject
from patients.models import Aliquot, Sample, SampleMovement
from protocol.values.moment_parts import moment_parts

Kind = SampleMovement.Kind
EVENTS: Final[dict[str, tuple[str, str | None, str]]] = {
    Kind.COLLECTED: ("COLLECTED", "COLLECTING", "COLLECTION"),
    Kind.PROCESSED: ("PROCESSED", None, "PREPARATION"),
    Kind.FROZEN: ("FROZEN", "FREEZING", "PREPARATION"),
    Kind.STORED: ("STORED", "STORING", "STORAGE"),
    Kind.MOVED: ("MOVED TO ANOTHER PLACE", "STORING", "STORAGE"),
    Kind.SHIPPED: ("SHIPPED", "SHIPPING", "TRANSPORT"),
    Kind.RECEIVED: ("RECEIVED", "RECEIVING", "TRANSPORT"),
    Kind.THAWED: ("THAWED", "THAWING", "PREPARATION"),
    Kind.USED: ("USED UP", "CONSUMING", "USE"),
    Kind.MISSING: ("MISSING", None, "LOSS"),
    Kind.DESTROYED: ("DESTROYED", "DESTROYING", "DESTRUCTION"),
}
"""BETERM, BEDECOD (blank where the code list has no such term) and BECAT by kind of movement."""
SAMPLE_LEVEL, TUBE_LEVEL = 1, 2


def samples(subject: Subject) -> Iterator[Observation]:
    """Yield the events and findings of the samples of a subject."""
    for sample in subject.samples:
        if sample.taken:
            yield _event(subject, sample, sample.code, Kind.COLLECTED, sample.collected)
            for tube in subject.tubes.get(sample.pk, ()):
                yield _volume(subject, sample, tube)
                yield from _moved(subject, sample, tube)


def _moved(subject: Subject, sample: Sample, tube: Aliquot) -> Iterator[Observation]:
    """Yield the events of a tube. That of its collection is the event of the sample."""
    for movement in subject.movements.get(tube.pk, ()):
        if movement.kind == Kind.COLLECTED:
            continue
        row = _event(subject, sample, tube.code, movement.kind, movement.moment)
        found = (
            ("BEPLACE", "Place of Storage", movement.place),
            ("BECOND", "Condition on Receipt", movement.condition.upper()),
            ("BESHIP", "Number of the Shipment", str(movement.shipment.number) if movement.shipment else ""),
        )
        row.supplements += [Supplement(name, label, value) for name, label, value in found if value]
        row.comments += [movement.reason] if movement.reason else []
        yield row


def _event(subject: Subject, sample: Sample, code: str, kind: str, moment: str) -> Observation:
    term, decoded, category = EVENTS[kind]
    begun = moment_parts(moment).local
    values = {
        "BEREFID": code,
        "BETERM": term,
        "BEDECOD": decoded,
        "BECAT": category,
        **subject.visit_of(sample.visit_id),
        "BEDTC": moment_parts(sample.collected).local,
        "BESTDTC": begun,
    }
    return Observation("BE", values, moment=begun, source="sample_events.kind")


def _volume(subject: Subject, sample: Sample, tube: Aliquot) -> Observation:
    at, volume = moment_parts(sample.collected).local, format(tube.volume_ml.normalize(), "f")
    values = {
        "BSREFID": tube.code,
        "BSTESTCD": "VOLUME",
        "BSTEST": "Volume",
        "BSCAT": "ALIQUOT",
        "BSORRES": volume,
        "BSORRESU": "mL",
        "BSSTRESC": volume,
        "BSSTRESN": volume,
        "BSSTRESU": "mL",
        "BSSPEC": sample.specimen,
        **subject.visit_of(sample.visit_id),
        "BSDTC": at,
    }
    return Observation("BS", values, moment=at, source="aliquots.volume_ml")


def related_specimens(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yield each collected sample, and its tubes with the sample as their parent."""
    for sample in subject.samples:
        if sample.taken:
            yield {"REFID": sample.code, "SPEC": sample.specimen, "PARENT": None, "LEVEL": SAMPLE_LEVEL}
            for tube in subject.tubes.get(sample.pk, ()):
                yield {
                    "REFID": tube.code, "SPEC": sample.specimen, "PARENT": sample.code, "LEVEL": TUBE_LEVEL,
                }  # fmt: skip
