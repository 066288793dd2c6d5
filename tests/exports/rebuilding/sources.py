"""What a statistician reads of each patient: from the CSV archive with its reader script, or from the SDTM data sets.

Columns are selected and joined; no value is repaired, and nothing of Stroma is imported.
"""

import csv
import datetime as dt
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IMV = "IMV"
RELATED = frozenset({"POSSIBLE", "PROBABLE", "DEFINITE"})
EXPECTED = {"EXPECTED": True, "UNEXPECTED": False}
FINDINGS = ("VS", "LB", "CP", "RE", "RS", "FA")


@dataclass
class Event:
    """An adverse event. None: not judged yet."""

    onset: str
    serious: bool
    grade: int
    related: bool | None
    expected: bool | None
    aesi: str | None


@dataclass
class Episode:
    """Support from one moment to another, local texts. ended: empty while it goes on."""

    kind: str
    start: str
    end: str
    ongoing: bool
    because: str


@dataclass
class Person:
    """One included patient. values: by visit code and item, numbers as float. supports: day and kind."""

    code: str
    group: str
    arm: str
    included: dt.date
    diagnosed: dt.date | None = None
    died: str = ""
    contacts: list[dt.date] = field(default_factory=list)
    doses: list[str] = field(default_factory=list)
    visits: dict[str, dt.date] = field(default_factory=dict)
    seen: list[dt.date] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    supports: list[tuple[dt.date, str]] = field(default_factory=list)
    values: dict[tuple[str, str], Any] = field(default_factory=dict)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text[:10])


def local(value: Any) -> str:
    """Return a moment on the clock of the site as ISO 8601: a column of whole moments is typed, of partial ones not."""
    return "" if value is None else value if isinstance(value, str) else value.isoformat(timespec="minutes")


# The CSV archive.


class Archive:
    """The tables of an archive, by its own reader script."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.spec_from_file_location("read_study_here", folder / "read_study.py")
        assert spec is not None
        assert spec.loader is not None
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.study = script.read_study(folder)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table, None for a blank; none of a table that the archive lacks."""
        if name not in self.study:
            return []
        frame = self.study[name].astype(object)
        return frame.where(frame.notna(), None).to_dict("records")

    def complete(self, form: str) -> list[dict[str, Any]]:
        return [row for row in self.rows(f"forms/{form}") if row["status"] == "complete"]


def from_archive(folder: Path, items: tuple[str, ...]) -> list[Person]:
    """Read the included patients. items: `form.item` of the numbers and codes that are read at visits."""
    archive = Archive(folder)
    arms = {row["patient"]: row["arm"] for row in archive.rows("allocation")}
    people = {
        row["patient"]: Person(
            row["patient"], row["group"] or "", arms.get(row["patient"], ""), row["included_on"].date(),
            died=str(row["study_ended_on"].date()) if row["end_reason"] == "death" else "",
        )
        for row in archive.rows("patients")
        if row["included_on"] is not None
    }  # fmt: skip
    for person, row in _of(people, archive.rows("visits")):
        if row["held_on"] is not None:
            person.seen.append(row["held_on"].date())
            if row["number"] == 1:
                person.visits[row["visit"]] = row["held_on"].date()
    for person, row in _of(people, archive.rows("infusions")):
        if row["started"] is not None:
            person.doses.append(local(row["started"]))
    _archive_forms(archive, people, items)
    for person, row in _of(people, archive.rows("adverse_events")):
        if row["in_error_reason"] is None:
            related = row["causality"].upper() in RELATED if row["causality"] else None
            person.events.append(
                Event(local(row["onset"]), row["serious"], row["grade"], related,
                      EXPECTED.get((row["expectedness"] or "").upper()), row["aesi"])
            )  # fmt: skip
    return list(people.values())


def _archive_forms(archive: Archive, people: dict[str, Person], items: tuple[str, ...]) -> None:
    for person, row in _of(people, archive.complete("vital_status")):
        if row["last_contact_on"] is not None:
            person.contacts.append(row["last_contact_on"].date())
        if row["died_on"] is not None:
            person.died = str(row["died_on"])[:10]
    for person, row in _of(people, archive.complete("support_episode")):
        person.episodes.append(
            Episode(row["kind"], local(row["started_at"]), local(row["ended_at"]), bool(row["ongoing"]),
                    row["ended_because"] or "")
        )  # fmt: skip
    for person, row in _of(people, archive.complete("respiratory_support")):
        person.supports.append((row["visit_date"].date(), row["support"]))
    for person, row in _of(people, archive.complete("medical_history")):
        if row["diagnosed_on"] is not None:
            person.diagnosed = row["diagnosed_on"].date()
    for path in items:
        form, _dot, item = path.partition(".")
        for person, row in _of(people, archive.complete(form)):
            if row["visit_number"] == 1 and row[item] is not None:
                person.values[row["visit"], path] = row[item]


def _of(people: dict[str, Person], rows: list[dict[str, Any]]) -> Iterator[tuple[Person, dict[str, Any]]]:
    return ((people[row["patient"]], row) for row in rows if row["patient"] in people)


# SDTM.


class Tabulation:
    """The data sets of a package as Dataset-JSON."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / "dataset-json" / f"{name.lower()}.json"
        if not path.exists():
            return []
        made = json.loads(path.read_text("utf-8"))
        names = [column["name"] for column in made["columns"]]
        return [dict(zip(names, row, strict=True)) for row in made["rows"]]

    def qualifiers(self, name: str) -> dict[tuple[str, str, str], str]:
        """Return the supplemental qualifiers of a data set by subject, sequence number and name."""
        return {
            (row["USUBJID"], row["IDVARVAL"] or "", row["QNAM"]): row["QVAL"]
            for row in self.rows(f"SUPP{name}")
        }


@dataclass(frozen=True)
class Finding:
    """Where an item stands in SDTM, as the annotated forms say: domain, test, and object or category if told."""

    domain: str
    test: str
    object: str = ""
    category: str = ""
    method: str = ""


def from_sdtm(folder: Path, items: dict[str, Finding], visits: dict[str, str]) -> list[Person]:
    """Read the included subjects. items: by `form.item`. visits: code by VISIT."""
    sdtm = Tabulation(folder)
    of_dm, of_ae = sdtm.qualifiers("DM"), sdtm.qualifiers("AE")
    included = {
        row["USUBJID"]: day(row["DSSTDTC"])
        for row in sdtm.rows("DS")
        if row["DSDECOD"] in ("RANDOMIZED", "ENTERED INTO TRIAL")
    }
    people = {
        row["USUBJID"]: Person(
            row["SUBJID"], of_dm.get((row["USUBJID"], "", "COHORT"), ""), row["ARMCD"] or "",
            included[row["USUBJID"]], died=row["DTHDTC"] or "",
        )
        for row in sdtm.rows("DM")
        if row["USUBJID"] in included
    }  # fmt: skip
    for person, row in _with(people, sdtm.rows("SV")):
        if row["SVSTDTC"]:
            person.seen.append(day(row["SVSTDTC"]))
            if row["VISIT"] in visits:
                person.visits[visits[row["VISIT"]]] = day(row["SVSTDTC"])
    for person, row in _with(people, sdtm.rows("EC")):
        if row["ECMOOD"] == "PERFORMED" and row["ECOCCUR"] == "Y":
            person.doses.append(row["ECSTDTC"])
    for person, row in _with(people, sdtm.rows("SUPPSS")):
        if row["QNAM"] == "LASTCONT":
            person.contacts.append(day(row["QVAL"]))
    for person, row in _with(people, sdtm.rows("MH")):
        if row["MHTERM"] == "COVID-19" and row["MHEVDTYP"] == "DIAGNOSIS" and row["MHSTDTC"]:
            person.diagnosed = day(row["MHSTDTC"])
    for person, row in _with(people, sdtm.rows("AE")):
        own = (row["USUBJID"], str(row["AESEQ"]))
        related = row["AEREL"] in RELATED if row["AEREL"] else None
        expected = EXPECTED.get(of_ae.get((*own, "EXPECT"), ""))
        person.events.append(
            Event(row["AESTDTC"], row["AESER"] == "Y", int(row["AETOXGR"]), related, expected,
                  of_ae.get((*own, "AESI")))
        )  # fmt: skip
    _sdtm_support(sdtm, people)
    for path, found in items.items():
        _sdtm_values(sdtm, people, path, found, visits)
    return list(people.values())


def _sdtm_support(sdtm: Tabulation, people: dict[str, Person]) -> None:
    reasons = sdtm.qualifiers("PR")
    ventilated = "INVASIVE MECHANICAL VENTILATION"
    for person, row in _with(people, sdtm.rows("PR")):
        if row["PRCAT"] == "RESPIRATORY SUPPORT":
            because = reasons.get((row["USUBJID"], str(row["PRSEQ"]), "ENDREAS"), "")
            person.episodes.append(
                Episode(IMV if row["PRTRT"] == ventilated else row["PRTRT"], row["PRSTDTC"] or "",
                        row["PRENDTC"] or "", row.get("PRENRTPT") == "ONGOING", because.upper())
            )  # fmt: skip
    for person, row in _with(people, sdtm.rows("RE")):
        if row["RETESTCD"] == "RESPSUP" and row["RESTRESC"]:
            held = next(
                each["SVSTDTC"]
                for each in sdtm.rows("SV")
                if (each["USUBJID"], each["VISITNUM"]) == (row["USUBJID"], row["VISITNUM"])
            )
            person.supports.append((day(held), IMV if row["RESTRESC"] == ventilated else row["RESTRESC"]))


def _sdtm_values(
    sdtm: Tabulation, people: dict[str, Person], path: str, found: Finding, visits: dict[str, str]
) -> None:
    domain, drafts = found.domain, sdtm.qualifiers(found.domain)
    for person, row in _with(people, sdtm.rows(domain)):
        if row[f"{domain}TESTCD"] != found.test or row["VISIT"] not in visits:
            continue
        if (row["USUBJID"], str(row[f"{domain}SEQ"]), "FORMSTAT") in drafts:
            continue
        told = (row.get(f"{domain}{part}") or "" for part in ("OBJ", "CAT", "METHOD"))
        if tuple(told) != (found.object, found.category, found.method):
            continue
        number, text = row.get(f"{domain}STRESN"), row[f"{domain}STRESC"]
        if number is not None or text is not None:
            person.values[visits[row["VISIT"]], path] = text if number is None else float(number)


def _with(people: dict[str, Person], rows: list[dict[str, Any]]) -> Iterator[tuple[Person, dict[str, Any]]]:
    return ((people[row["USUBJID"]], row) for row in rows if row["USUBJID"] in people)


def annotated(folder: Path, items: tuple[str, ...]) -> dict[str, Finding]:
    """Return where items stand, from the annotated forms in the package."""
    found = {}
    with (folder / "acrf.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path = f"{row['form']}.{row['item']}"
            if path in items:
                told = dict(
                    part.split(" = ") for part in row["annotation"].partition(" when ")[2].split(" and ")
                )
                domain = row["data set"]
                parts = (told.get(f"{domain}{part}", "") for part in ("TESTCD", "OBJ", "CAT", "METHOD"))
                found[path] = Finding(domain, *parts)
    return found
