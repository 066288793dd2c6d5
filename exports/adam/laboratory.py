"""ADLB: one record per laboratory result, from LB, with the baseline and the change from it. No Django."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from exports.adam.analysis_data import day_of
from exports.adam.subject_level import shared
from exports.sdtm.timeline import at_or_before

ParameterKey = tuple[str, str, str, str, str]
"""Test, category, specimen, method and unit: what makes results comparable."""
COPIED: Final = ("LBSEQ", "LBSTAT", "LBREASND")
PARTS: Final = ("LBTESTCD", "LBCAT", "LBSPEC", "LBMETHOD", "LBSTRESU")
CODE_LENGTH: Final = 8


class LaboratoryParameters:
    """Code and name of each parameter: one test is several where category, specimen, method or unit differ."""

    def __init__(self, results: Iterable[Mapping[str, Any]]) -> None:
        titles: dict[str, str] = {}
        self._units: dict[tuple[str, ...], set[str]] = defaultdict(set)
        keys: set[ParameterKey] = set()
        for row in results:
            titles[row["LBTESTCD"]] = row["LBTEST"]
            key = _key(row)
            keys.add(key)
            self._units[key[:4]].add(key[4])
        by_test: dict[str, list[ParameterKey]] = defaultdict(list)
        for key in sorted({self._settled(key) for key in keys}):
            by_test[key[0]].append(key)
        self._found: dict[ParameterKey, tuple[str, str]] = {}
        taken = set(by_test)
        for test, found in by_test.items():
            for number, key in enumerate(found, start=1):
                code = test if number == 1 else _numbered(test, number, taken)
                taken.add(code)
                self._found[key] = code, _name(titles[test], key, alone=len(found) == 1)

    def key(self, row: Mapping[str, Any]) -> ParameterKey:
        """Return the key by which a result is comparable with others."""
        return self._settled(_key(row))

    def of(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """Return PARAMCD and PARAM of a result."""
        return self._found[self.key(row)]

    def _settled(self, key: ParameterKey) -> ParameterKey:
        """Return a key with a unit: a result that was not done has none, and belongs to the test as it is done."""
        units = sorted(self._units[key[:4]] - {""})
        return key if key[4] or not units else (*key[:4], units[0])


def _key(row: Mapping[str, Any]) -> ParameterKey:
    test, category, specimen, method, unit = (row[part] or "" for part in PARTS)
    return test, category, specimen, method, unit


def _numbered(test: str, number: int, taken: set[str]) -> str:
    code = f"{test[: CODE_LENGTH - len(str(number))]}{number}"
    return code if code not in taken else _numbered(test, number + 1, taken)


def _name(title: str, key: ParameterKey, *, alone: bool) -> str:
    _test, category, specimen, method, unit = key
    words = [title, *((category, specimen, method) if not alone else ())]
    return ", ".join(word for word in words if word) + (f" ({unit})" if unit else "")


def records(
    read: Callable[[], Iterable[Mapping[str, Any]]],
    subjects: Mapping[str, Mapping[str, Any]],
    first_doses: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield the records in the order of LB. read: returns the rows of LB, which are read three times.

    subjects: records of ADSL by USUBJID. first_doses: RFXSTDTC by USUBJID.
    """
    parameters = LaboratoryParameters(read())
    baselines = {(row["USUBJID"], parameters.key(row)): row for row in read() if row["LBLOBXFL"] == "Y"}
    for row in read():
        subject = subjects[row["USUBJID"]]
        before = baselines.get((row["USUBJID"], parameters.key(row)), {})
        code, name = parameters.of(row)
        value, base = row["LBSTRESN"], before.get("LBSTRESN")
        after = _is_after(row["LBDTC"], first_doses.get(row["USUBJID"], ""))
        yield {
            **shared(subject),
            "TRTSDT": subject["TRTSDT"],
            **{each: row[each] for each in COPIED},
            "PARAMCD": code,
            "PARAM": name,
            "PARCAT1": row["LBCAT"],
            "AVISIT": row["VISIT"],
            "AVISITN": row["VISITNUM"],
            "ADTC": row["LBDTC"],
            "ADT": day_of(row["LBDTC"]),
            "ADY": row["LBDY"],
            "AVAL": value,
            "AVALC": row["LBSTRESC"],
            "ABLFL": row["LBLOBXFL"],
            "BASE": base,
            "CHG": value - base if after and value is not None and base is not None else None,
            "ANRLO": row["LBSTNRLO"],
            "ANRHI": row["LBSTNRHI"],
            "ANRIND": row["LBNRIND"],
            "BNRIND": before.get("LBNRIND"),
        }


def _is_after(moment: str | None, first_dose: str) -> bool:
    return bool(moment and first_dose and not at_or_before(moment, first_dose))
