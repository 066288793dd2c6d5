"""The note for the reviewer: what is in the package, what is not and why, findings of a rules engine that stay."""

import csv
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from django.conf import settings

from exports.sdtm.annotations import NOT_SUBMITTED, annotated
from exports.sdtm.define import MASKED_COMMENT
from exports.sdtm.spool import DomainData
from exports.sdtm.standard.tables import IG_VERSION, TERMINOLOGY
from exports.sdtm.study import Study

FINDINGS: Final = settings.BASE_DIR / "docs" / "sdtm_findings.csv"
DECISIONS: Final = """
Study day 1 is the day of the first infusion. A subject without an infusion has no study days.
Dates and times are local at the site, ISO 8601 as precise as they are known.
Forms that are still drafts are in the data sets; forms entered in error are not.
Records of a draft have the supplemental qualifier FORMSTAT with the value DRAFT.
An unscheduled visit has the number of the planned visit held before it and two decimals.
Adverse events that were coded in MedDRA have its terms; AEDECOD of the others is blank.
No dictionary is applied to medicines and histories: their terms are as reported.
RACE and ETHNIC are not collected.
Texts of more than 200 characters go on in supplemental qualifiers or comments.
Transport files hold ASCII: accents and signs are spelled out there. The Dataset-JSON files have the exact texts.
EC with ECMOOD PERFORMED is what the ward collected of each infusion, with the volume infused as dose.
EC with ECMOOD SCHEDULED is the product that the laboratory prepared, with its viable cells in millions as dose.
EX is what reached the patient: EXDOSE is the viable cells prepared times the share of the volume that was infused.
EXADJ says why it was not the whole product. Where nothing tells the share, EXDOSE is blank and SUPPEX NODOSE says why.
BE holds each sample once as collected, then what was done with each of its tubes; BS the volume of each tube.
RELSPEC says which tube came from which sample.
BEDECOD is blank for a tube that was processed or is missing: its code list has no such term.
A sample that was not collected has no specimen: where the protocol requires it, it is a deviation (DV).
""".strip().splitlines()


@cache
def known_findings() -> tuple[tuple[str, str, str], ...]:
    """Return rule, data set and reason of each finding that stays (`docs/sdtm_findings.csv`)."""
    with FINDINGS.open(encoding="utf-8", newline="") as file:
        return tuple((row["rule"], row["data_set"], row["reason"]) for row in csv.DictReader(file))


def note(study: Study, sets: Sequence[DomainData], *, version: str) -> bytes:
    """Return the note as Markdown in English. version: of this program."""
    return "\n".join(_lines(study, sets, version)).encode("utf-8")


def _lines(study: Study, sets: Sequence[DomainData], version: str) -> Iterator[str]:
    yield f"# {study.study_id}: note for the reviewer of the SDTM data sets"
    yield ""
    yield f"SDTM IG {IG_VERSION}, SDTM Controlled Terminology {TERMINOLOGY}, Define-XML 2.1. Made by Stroma {version}."
    if study.hides_arms:
        yield MASKED_COMMENT
    yield from ("", "## Data sets", "", "| data set | label | records |", "|---|---|---|")
    for made in sets:
        yield f"| {made.name} | {made.label} | {made.count} |"
    yield from ("", "## Decisions", "")
    for sentence in DECISIONS:
        yield f"- {sentence}"
    yield from (
        "",
        "## Items that are not submitted",
        "",
        "| version | form | item | why |",
        "|---|---|---|---|",
    )
    rules = [each.rules for each in study.versions.values()]
    for release, form, item, _label, data_set, words in annotated(rules, with_masked=not study.hides_arms):
        if not data_set:
            why = (
                words.removeprefix(NOT_SUBMITTED).removeprefix(": ") or "It has no place in the protocol file"
            )
            yield f"| {release} | {form} | {item} | {why} |"
    yield from ("", "## Findings of CDISC CORE that stay", "", "| rule | data set | why |", "|---|---|---|")
    for rule, data_set, reason in known_findings():
        yield f"| {rule} | {data_set} | {reason} |"
    yield ""
