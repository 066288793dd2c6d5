"""Records of one captured form, by the keys `cdisc` and `sdtm` of its items. No Django."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exports.sdtm.answers import NOT_APPLICABLE, Answer, choice_words
from exports.sdtm.observations import Observation, Remark, Supplement
from exports.sdtm.standard.tables import domains, test_names
from exports.sdtm.standard.units import submitted
from protocol.document.items import MOMENT_TYPES, Form, Item
from protocol.document.tabulation import (
    FINDINGS,
    NOTHING,
    FormTabulation,
    ItemTabulation,
    TabulationTarget,
    TargetKind,
    target,
)
from protocol.values.reference_ranges import RangeReading, Side
from protocol.values.row_ids import cells_of, rows_of

EACH_CHOICE: Final = "CHOICES"
"""A term or object of this name stands for every choice of the item: each is asked, and occurred or not."""
NOBODY: Final = frozenset({"NONE"})
RANGE_WORDS: Final = {Side.LOW: "LOW", Side.NORMAL: "NORMAL", Side.HIGH: "HIGH"}
TOPICS: Final = {"CM": "TRT", "PR": "TRT", "MH": "TERM", "HO": "TERM"}
NO_FORM: Final = FormTabulation()
NO_REASON: Final = "NO REASON RECORDED"


@dataclass(frozen=True, slots=True)
class CapturePlace:
    """Where a form was captured. day: of the visit, empty in a log. until: last day known. Both local ISO 8601."""

    visit: Mapping[str, Any] = field(default_factory=dict)
    day: str = ""
    until: str = ""
    label: str = ""
    record: int | None = None


class CapturedForm:
    """Reads the answers of one form, once. `related` are the observations by number of the adverse event they name."""

    def __init__(
        self,
        form: Form,
        place: CapturePlace,
        readings: Mapping[str, RangeReading] | None = None,
        *,
        prefix: str = "",
    ) -> None:
        self.form, self.place, self.readings = form, place, readings or {}
        self.shared = form.sdtm or NO_FORM
        self.prefix = prefix or form.code
        self.observations: list[Observation] = []
        self.remarks: list[Remark] = []
        self.subject: dict[str, Any] = {}
        self.related: list[tuple[int, Observation]] = []
        self._by_item: dict[str, Observation] = {}
        self._main: dict[str, Observation] = {}

    def read(self, items: tuple[Item, ...], values: Mapping[str, Any]) -> None:
        """Add the records of these items. The columns of repeating rows are read row by row."""
        answers = {item.name: Answer.of(item, values.get(item.name)) for item in items}
        told = {item.name: self._target(item) for item in items}
        given = [name for name, answer in answers.items() if not answer.is_blank]
        for kinds in (MAKING, FILLING, BESIDE):
            for name in given:
                if told[name].kind in kinds:
                    self._take(told[name], answers[name], answers)
        for item in items:
            for row in rows_of(values.get(item.name)) if item.type == "rows" else ():
                self._row(item, cells_of(row))

    def _row(self, item: Item, cells: Mapping[str, Any]) -> None:
        alone = CapturedForm(self.form, self.place, prefix=f"{self.prefix}.{item.name}")
        alone.read(item.columns, cells)
        self.observations += alone.observations
        self.remarks += alone.remarks

    def _target(self, item: Item) -> TabulationTarget:
        return target(self.form.cdisc_domain, item.cdisc, item.sdtm)

    def _take(self, to: TabulationTarget, answer: Answer, answers: Mapping[str, Answer]) -> None:
        match to.kind:
            case TargetKind.SUBJECT:
                self.subject[to.name] = answer.moment or answer.code
            case TargetKind.FINDING:
                self._finding(to, answer, answers)
            case TargetKind.OCCURRENCE:
                self._occurrence(to, answer)
            case TargetKind.VARIABLE:
                self._variable(to, answer)
            case TargetKind.QUALIFIER:
                self._qualifier(to, answer)
            case TargetKind.DONE:
                self._not_done(to, answer)
            case TargetKind.COMMENT:
                self._comment(to, answer)
            case TargetKind.RELATION:
                self._relation(answer)

    def _finding(self, to: TabulationTarget, answer: Answer, answers: Mapping[str, Answer]) -> None:
        mapping = answer.item.sdtm or NOTHING
        if answer.missing == NOT_APPLICABLE:
            return
        if mapping.object == EACH_CHOICE and not answer.is_missing:
            for code in answer.item.codes:
                if code not in NOBODY:
                    self._choice_found(to, answer, code, answers)
            return
        row = self._new(to.domain, answer.item)
        row.put("TESTCD", to.name)
        row.put("TEST", _test_name(to, answer.item))
        if to.domain == "FA":
            row.put("OBJ", mapping.object)
        self._shared(row, mapping)
        if answer.is_missing:
            _leave_undone(row, answer)
        else:
            _result(row, answer, self.readings.get(answer.item.name))
        self._dated(row, self._date_of(mapping, answers))

    def _choice_found(
        self, to: TabulationTarget, answer: Answer, code: str, answers: Mapping[str, Answer]
    ) -> None:
        mapping = answer.item.sdtm or NOTHING
        row = self._new(to.domain, answer.item, code)
        row.put("TESTCD", to.name)
        row.put("TEST", test_names().get((to.domain, to.name), to.name))
        row.put("OBJ", choice_words(answer.item, code, upper=True))
        self._shared(row, mapping)
        for part in ("ORRES", "STRESC"):
            row.put(part, "Y" if code in answer.value else "N")
        self._dated(row, self._date_of(mapping, answers))

    def _date_of(self, mapping: ItemTabulation, answers: Mapping[str, Answer]) -> str:
        name = mapping.date or (self.shared.date if mapping.domain is None else None)
        dated = answers.get(name or "")
        return (dated.moment if dated else "") or self.place.day

    def _dated(self, row: Observation, moment: str) -> None:
        row.put("DTC", moment or None)
        row.moment = moment
        row.values.update(self.place.visit)

    def _shared(self, row: Observation, mapping: ItemTabulation) -> None:
        own = mapping.domain in (None, self.form.cdisc_domain)
        shared = self.shared if own else NO_FORM
        names = domains()[row.domain].names
        facts = {
            "CAT": mapping.category or self.shared.category,
            "SPEC": mapping.specimen or shared.specimen,
            "METHOD": mapping.method or shared.method,
            "TPT": mapping.time_point,
            "TPTNUM": 1 if mapping.time_point else None,
        }
        for part, value in facts.items():
            if value and row.name(part) in names:
                row.put(part, value)

    def _occurrence(self, to: TabulationTarget, answer: Answer) -> None:
        mapping = answer.item.sdtm or NOTHING
        if answer.missing == NOT_APPLICABLE:
            return
        if to.name == EACH_CHOICE and not answer.is_missing:
            for code in answer.item.codes:
                if code not in NOBODY:
                    words = choice_words(answer.item, code, upper=True)
                    self._asked(to.domain, answer.item, words, occurred=code in answer.value, part=code)
            return
        if to.name == EACH_CHOICE:
            return
        if answer.item.type in MOMENT_TYPES:
            self._began(to, answer, mapping)
            return
        row = self._asked(to.domain, answer.item, to.name, occurred=None)
        if answer.is_missing:
            _leave_undone(row, answer)
        elif answer.item.is_numeric:
            self._dosed(row, answer)
        else:
            row.put("OCCUR", str(answer.value))
        if row.get("OCCUR") == "Y" and to.domain in ("CM", "PR"):
            row.put("STDTC", self.place.day or None)
            row.put("ENDTC", self.place.day or None)

    def _dosed(self, row: Observation, answer: Answer) -> None:
        given = answer.number is not None and answer.number > 0
        row.put("OCCUR", "Y" if given else "N")
        if given:
            row.put("DOSE", answer.number)
            row.put("DOSU", answer.standard_unit)

    def _began(self, to: TabulationTarget, answer: Answer, mapping: ItemTabulation) -> None:
        if answer.is_missing:
            return
        row = self._new(to.domain, answer.item)
        row.put(TOPICS[to.domain], to.name)
        if mapping.date_type:
            row.put("EVDTYP", mapping.date_type)
        self._placed(row)
        row.put("STDTC", answer.moment)
        row.moment = answer.moment

    def _asked(
        self, domain: str, item: Item, words: str, *, occurred: bool | None, part: str = ""
    ) -> Observation:
        row = self._new(domain, item, part)
        row.put(TOPICS[domain], words)
        row.put("PRESP", "Y")
        if occurred is not None:
            row.put("OCCUR", "Y" if occurred else "N")
        self._placed(row)
        return row

    def _placed(self, row: Observation) -> None:
        names = domains()[row.domain].names
        row.put("CAT", row.get("CAT") or self.shared.category)
        if "VISITNUM" in names:
            row.values.update(self.place.visit)
        if row.name("DTC") in names:
            row.put("DTC", self.place.day or None)
        if self.place.label and row.name("SPID") in names:
            row.put("SPID", self.place.label)
        row.moment = row.moment or self.place.day

    def _variable(self, to: TabulationTarget, answer: Answer) -> None:
        mapping = answer.item.sdtm or NOTHING
        part = to.name[2:]
        if to.domain in FINDINGS:
            self._shared_variable(to, answer, mapping.of)
            return
        row = self._by_item.get(mapping.of or "") or self._main_row(to.domain, mapping.of or "", answer.item)
        if part == "ENRTPT":
            self._goes_on(row, answer)
        elif part in ("STDTC", "ENDTC"):
            row.put(part, answer.moment or None)
            row.moment = answer.moment if part == "STDTC" and answer.moment else row.moment
        elif part == "DOSE":
            row.put(part, answer.number)
            row.put("DOSU", row.get("DOSU") or answer.standard_unit)
        elif not answer.is_missing:
            row.put(part, answer.standard)

    def _main_row(self, domain: str, of: str, item: Item) -> Observation:
        key = f"{domain}.{of}"
        if key not in self._main:
            self._main[key] = self._new(domain, item, keep=bool(of))
            self._placed(self._main[key])
        return self._main[key]

    def _goes_on(self, row: Observation, answer: Answer) -> None:
        """Fill the end relative to the day on which it was last known (--ENRTPT, --ENTPT)."""
        if answer.value == "Y":
            row.put("ENRTPT", "ONGOING")
            row.put("ENTPT", self.place.day or self.place.until or None)
        elif answer.value == "N" and self.place.day:
            row.put("ENRTPT", "BEFORE")
            row.put("ENTPT", self.place.day)

    def _shared_variable(self, to: TabulationTarget, answer: Answer, of: str | None) -> None:
        value = (answer.moment or None) if to.name.endswith("DTC") else answer.standard
        if value is None:
            return
        for row in self.observations:
            if row.domain == to.domain and (of is None or row is self._by_item.get(of)):
                row.values[to.name] = value
                if to.name.endswith("DTC"):
                    row.moment = str(value)
                if to.name.endswith("TPT") and answer.item.type == "choice":
                    row.put("TPTNUM", answer.item.codes.index(str(answer.value)) + 1)

    def _qualifier(self, to: TabulationTarget, answer: Answer) -> None:
        mapping = answer.item.sdtm or NOTHING
        text = answer.text if not answer.is_missing else answer.why_missing
        if not text:
            return
        row = self._by_item.get(mapping.of or "") or self._only(to.domain)
        label = mapping.label or to.name
        if row is None:
            self.remarks.append(Remark(to.domain, label, text, self.place.day))
        else:
            source = f"{self.prefix}.{answer.item.name}"
            row.supplements.append(Supplement(to.name, label, text, source=source))

    def _only(self, domain: str) -> Observation | None:
        return self._main.get(f"{domain}.")

    def _not_done(self, to: TabulationTarget, answer: Answer) -> None:
        if answer.value != "N":
            return
        row = self._new(to.domain, answer.item)
        row.put("TESTCD", f"{to.domain}ALL")
        row.put("TEST", domains()[to.domain].label[:40])
        self._shared(row, answer.item.sdtm or NOTHING)
        row.put("STAT", "NOT DONE")
        row.put("REASND", NO_REASON)
        self._dated(row, self.place.day)

    def _comment(self, to: TabulationTarget, answer: Answer) -> None:
        title = self.form.title.in_language("en")
        if answer.original:
            self.remarks.append(Remark(to.domain, title, answer.original, self.place.day))

    def _relation(self, answer: Answer) -> None:
        row = self._only(self.form.cdisc_domain or "")
        if row is not None and answer.number is not None:
            self.related.append((int(answer.number), row))

    def _new(self, domain: str, item: Item, part: str = "", *, keep: bool = True) -> Observation:
        row = Observation(domain, {}, source=f"{self.prefix}.{item.name}", record=self.place.record)
        self.observations.append(row)
        if keep and not part:
            self._by_item[item.name] = row
        return row


MAKING: Final = frozenset({TargetKind.FINDING, TargetKind.OCCURRENCE, TargetKind.SUBJECT, TargetKind.DONE})
FILLING: Final = frozenset({TargetKind.VARIABLE})
BESIDE: Final = frozenset({TargetKind.QUALIFIER, TargetKind.COMMENT, TargetKind.RELATION})
"""Three passes over the answers: records are made, then filled, then get their qualifiers, whatever their order."""


def _test_name(to: TabulationTarget, item: Item) -> str:
    mapping = item.sdtm or NOTHING
    return mapping.test or test_names().get((to.domain, to.name)) or item.label.in_language("en")[:40]


def _leave_undone(row: Observation, answer: Answer) -> None:
    names = domains()[row.domain].names
    if row.name("STAT") in names:
        row.put("STAT", "NOT DONE")
        row.put("REASND", answer.why_missing or NO_REASON)
    elif row.name("OCCUR") in names:
        row.put("OCCUR", "U")


def _result(row: Observation, answer: Answer, reading: RangeReading | None) -> None:
    names = domains()[row.domain].names
    facts: dict[str, Any] = {
        "ORRES": answer.original,
        "ORRESU": answer.original_unit if answer.item.is_numeric else None,
        "STRESC": answer.standard,
        "STRESN": answer.number,
        "STRESU": answer.standard_unit if answer.item.is_numeric else None,
        "LOINC": answer.item.loinc,
    }
    if reading is not None:
        facts |= {
            "STNRLO": reading.low,
            "STNRHI": reading.high,
            "NRIND": RANGE_WORDS.get(reading.side),
        }
        if answer.unit in ("", answer.item.unit):
            low, high = (None if bound is None else f"{bound:f}" for bound in (reading.low, reading.high))
            facts |= {"ORNRLO": low, "ORNRHI": high}
    for part, value in facts.items():
        if value is not None and row.name(part) in names:
            row.put(part, value)


def completed(form: Form, rows: list[Observation]) -> Iterator[Observation]:
    """Yield the records with a topic: one without is named after its form's category, or left out if it is empty."""
    for row in rows:
        topic = TOPICS.get(row.domain)
        if topic and not row.get(topic):
            category = (form.sdtm or NO_FORM).category
            if not category or not any(row.get(part) for part in ("STDTC", "ENDTC", "DOSE", "ENRTPT")):
                continue
            row.put(topic, category)
        if row.domain == "CM" and row.get("DOSU"):
            row.put("DOSU", submitted(row.get("DOSU")))
        yield row
