"""ADAE: one record per adverse event, from AE and from how the outcomes read it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from exports.adam.analysis_data import day_of
from exports.adam.subject_level import shared, yes_no
from exports.sdtm.timeline import is_before
from outcomes.study_data import OutcomePatient

COPIED: Final = (
    "AESEQ", "AESPID", "AETERM", "AECAT", "AESER", "AEREL", "AEOUT", "AESDTH", "AETOXGR", "AESTDTC", "AEENDTC",
)  # fmt: skip


def records(
    events: Iterable[Mapping[str, Any]],
    subjects: Mapping[str, Mapping[str, Any]],
    patients: Mapping[str, OutcomePatient],
    first_doses: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield the records in the order of AE.

    subjects: records of ADSL by USUBJID. patients: those of the outcomes by SUBJID. first_doses: RFXSTDTC by USUBJID.
    """
    for event in events:
        subject = subjects[event["USUBJID"]]
        yield {
            **shared(subject),
            "TRTSDT": subject["TRTSDT"],
            **{name: event[name] for name in COPIED},
            "ASTDT": day_of(event["AESTDTC"]),
            "AENDT": day_of(event["AEENDTC"]),
            "ASTDY": event["AESTDY"],
            "AENDY": event["AEENDY"],
            "ATOXGRN": event["AETOXGR"],
            "TRTEMFL": _emergent(event["AESTDTC"], first_doses.get(event["USUBJID"], "")),
            **_as_read(event, patients.get(subject["SUBJID"])),
        }


def _emergent(onset: str | None, first_dose: str) -> str:
    return "Y" if first_dose and onset and not is_before(onset, first_dose) else "N"


def _as_read(event: Mapping[str, Any], patient: OutcomePatient | None) -> dict[str, Any]:
    """Return the facts of an event that the conditions of the outcomes read; none if the patient was not included."""
    found = [each for each in patient.events if str(each.number) == event["AESPID"]] if patient else []
    if not found:
        return {}
    values = found[0].values
    return {
        "AESI": values["aesi"],
        "RELFL": yes_no(values["related"]),
        "EXPFL": yes_no(values["expected"]),
        "FATALFL": yes_no(values["fatal"]),
    }
