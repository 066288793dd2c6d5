"""ADSL: one record per subject, from DM and DS and from what the outcomes read of an included patient."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exports.adam.analysis_data import day_of
from exports.adam.standard.tables import AnalysisVariable
from outcomes.answers import OutcomeEvaluation
from outcomes.study_data import OutcomePatient
from protocol.document.document import Protocol
from protocol.values.moments import Moment

COPIED: Final = (
    "STUDYID", "USUBJID", "SUBJID", "SITEID", "AGE", "AGEU", "SEX", "COUNTRY", "ARMCD", "DTHFL", "DTHDTC",
)  # fmt: skip
SHARED: Final = (
    "STUDYID", "USUBJID", "SUBJID", "COHORT", "ARMCD", "TRT01P", "TRT01A", "SAFFL",
)  # fmt: skip
"""Variables of a subject that every data set repeats."""
INCLUSION: Final = frozenset({"RANDOMIZED", "ENTERED INTO TRIAL"})
PARTICIPATION: Final = "STUDY PARTICIPATION"
COMPLETED: Final = "COMPLETED"
LABEL_LIMIT: Final = 40


@dataclass(frozen=True)
class SubjectLevel:
    """The sources of ADSL: the patients of the outcomes by code, the rules, and the rows of DS by subject."""

    rules: Protocol
    evaluation: OutcomeEvaluation
    patients: Mapping[str, OutcomePatient]
    dispositions: Mapping[str, list[Mapping[str, Any]]]

    @classmethod
    def of(
        cls,
        rules: Protocol,
        evaluation: OutcomeEvaluation,
        patients: Iterable[OutcomePatient],
        dispositions: Iterable[Mapping[str, Any]],
    ) -> "SubjectLevel":
        """Collect the rows of DS by subject."""
        by_subject: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in dispositions:
            by_subject[row["USUBJID"]].append(row)
        return cls(rules, evaluation, {each.code: each for each in patients}, by_subject)

    @property
    def flags(self) -> tuple[AnalysisVariable, ...]:
        """Return a flag for each population of the protocol file: POP01FL and so on."""
        return tuple(
            AnalysisVariable(
                "ADSL", name, short(population.title.in_language("en")), "Char", "protocol file",
                f"Population {code}: Y or N by the condition `{' '.join(population.member.split())}`"
                f"{f' at visit {population.at}' if population.at else ''} among {population.within};"
                " blank where a missing value leaves it open, and for who was not included.",
            )
            for name, (code, population) in zip(self._names, self.rules.populations.items(), strict=True)
        )  # fmt: skip

    @property
    def _names(self) -> list[str]:
        return [f"POP{number:02d}FL" for number, _code in enumerate(self.rules.populations, start=1)]

    def row(self, subject: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record of a subject of DM."""
        patient = self.patients.get(subject["SUBJID"])
        values = {name: subject[name] for name in COPIED}
        values |= {"TRT01P": subject["ARM"], "TRT01A": subject["ACTARM"]}
        values |= {
            "RFICDT": day_of(subject["RFICDTC"]),
            "TRTSDT": day_of(subject["RFXSTDTC"]),
            "TRTEDT": day_of(subject["RFXENDTC"]),
            "DTHDT": day_of(subject["DTHDTC"]),
            "ENRLFL": "N",
            "SAFFL": "N",
        }
        values |= self._ended(subject)
        if patient is not None:
            values |= self._included(patient)
        return values

    def _ended(self, subject: Mapping[str, Any]) -> dict[str, Any]:
        rows = self.dispositions.get(subject["USUBJID"], [])
        included = [row for row in rows if row["DSDECOD"] in INCLUSION]
        found: dict[str, Any] = {"ENRLDT": day_of(included[0]["DSSTDTC"]) if included else None}
        ends = [row for row in rows if row["DSSCAT"] == PARTICIPATION]
        if not ends:
            return {**found, "EOSSTT": "ONGOING"}
        reason = ends[-1]["DSDECOD"]
        done = reason == COMPLETED
        return {
            **found,
            "EOSSTT": COMPLETED if done else "DISCONTINUED",
            "EOSDT": day_of(ends[-1]["DSSTDTC"]),
            "DCSREAS": None if done else reason,
        }

    def _included(self, patient: OutcomePatient) -> dict[str, Any]:
        contact = patient.subject.get("last_contact_on")
        members = {
            name: yes_no(self.evaluation.belongs(patient, code)[0])
            for name, code in zip(self._names, self.rules.populations, strict=True)
        }
        return {
            "COHORT": patient.group,
            "ENRLFL": "Y",
            "SAFFL": "Y" if patient.infused else "N",
            "LSTCONDT": contact.first_day if isinstance(contact, Moment) else None,
            "OBSENDT": patient.observed_to,
            **members,
        }


def shared(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a subject that every data set repeats."""
    return {name: row[name] for name in SHARED}


def yes_no(known: bool | None) -> str | None:
    """Return Y or N, None for what is undetermined."""
    return None if known is None else "Y" if known else "N"


def short(label: str) -> str:
    """Return a label of at most 40 signs, shortened at a word."""
    if len(label) <= LABEL_LIMIT:
        return label
    return f"{label[: LABEL_LIMIT - 2].rpartition(' ')[0]}..."[:LABEL_LIMIT]


def records(level: SubjectLevel, demographics: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the record of each subject of DM, in its order."""
    return map(level.row, demographics)
