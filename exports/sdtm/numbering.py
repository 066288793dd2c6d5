"""What is derived from all records of a subject: order, numbers, study days, epochs, baseline flags. No Django."""

from collections.abc import Sequence
from typing import Any, Final

from exports.sdtm.observations import QUALIFIER_ORIGINS, TEXT_LIMIT, Observation, Supplement, pieces
from exports.sdtm.standard.tables import domains
from exports.sdtm.timeline import Timeline, at_or_before

DAYS: Final = {"DTC": "DY", "STDTC": "STDY", "ENDTC": "ENDY"}
"""The variable of a study day by that of its date, without the domain."""
BASELINE_KEY: Final = ("TESTCD", "OBJ", "CAT", "SPEC", "METHOD")


def numbered(rows: Sequence[Observation], times: Timeline) -> list[Observation]:
    """Return the records by domain and time, with sequence numbers, days, epochs, baseline flags and short texts."""
    order = list(domains())
    found = sorted(rows, key=lambda row: (order.index(row.domain), row.moment or "9", _visit(row)))
    counts: dict[str, int] = {}
    for row in found:
        names = domains()[row.domain].names
        if row.name("SEQ") in names:
            counts[row.domain] = row.sequence = counts.get(row.domain, 0) + 1
            row.put("SEQ", row.sequence)
        for dated, day in DAYS.items():
            if row.name(day) in names and row.name(dated) in names:
                row.put(day, times.day(row.get(dated)))
        if "EPOCH" in names and not row.values.get("EPOCH"):
            begun = row.get("STDTC") or row.get("DTC") or row.moment
            row.values["EPOCH"] = times.epoch(begun) or times.epoch(row.get("DTC"))
        _shorten(row)
    _flag_baseline(found, times)
    return found


def _visit(row: Observation) -> float:
    return float(row.values.get("VISITNUM") or 0)


def _flag_baseline(rows: Sequence[Observation], times: Timeline) -> None:
    """Flag the last result of each test before the first dose (--LOBXFL)."""
    if not times.first_dose:
        return
    last: dict[tuple[Any, ...], Observation] = {}
    for row in rows:
        if row.name("LOBXFL") not in domains()[row.domain].names or row.get("ORRES") is None:
            continue
        moment = row.get("DTC")
        if moment and at_or_before(str(moment), times.first_dose):
            last[row.domain, *(row.get(part) for part in BASELINE_KEY)] = row
    for row in last.values():
        row.put("LOBXFL", "Y")


def _shorten(row: Observation) -> None:
    """Keep the first 200 characters of each text; the rest become supplemental qualifiers (SDTM IG 3.4 §4.5.3)."""
    known = {variable.name: variable for variable in domains()[row.domain].variables}
    for name, value in row.values.items():
        if not isinstance(value, str) or len(value) <= TEXT_LIMIT:
            continue
        first, *rest = pieces(value)
        row.values[name] = first
        for number, text in enumerate(rest, start=1):
            label = f"{known[name].label[:36]} {number}"
            origin = QUALIFIER_ORIGINS[known[name].origin]
            row.supplements.append(Supplement(f"{name[:7]}{number}", label, text, origin))
