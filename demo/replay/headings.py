"""The meaning of each column of a replayed file under a protocol (docs/replay.md). Reads no rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from demo.replay.tables import LABEL, Table, TableMistake
from demo.replay.times import CellRefused
from patients.entry import answers
from protocol.document.document import Protocol
from protocol.values.parsing import NotOffered

PATIENT = (
    LABEL, "screened", "consented", "consent_type", "consent_version", "screen_failed", "failure_reason", "included",
    "arm", "died", "ended", "end_reason", "end_note",
)  # fmt: skip
INFUSION = (
    "started", "ended", "minutes", "volume_ml", "weight_kg", "weighed", "interrupted", "interruption_reason",
    "premedication", "not_given",
)  # fmt: skip
VISIT = ("on", "missed")
EVENT = (
    LABEL, "term", "description", "onset", "ongoing", "end", "grade", "seriousness", "causality", "outcome",
    "action_taken", "aesi", "infusion", "treatment", "aware", "reported",
)  # fmt: skip
OF_INFUSION, OF_EVENT = "infusion", "event"


@dataclass(frozen=True, slots=True)
class InfusionColumn:
    """A fact of the infusion with this number."""

    column: str
    number: int
    fact: str


@dataclass(frozen=True, slots=True)
class VisitColumn:
    """A fact of a visit: its day, or why it was missed."""

    column: str
    visit: str
    fact: str


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """An input of an item, named as the page names it. visit: empty in a file that names the visit in each line."""

    column: str
    visit: str
    form: str
    sent: str

    @property
    def item(self) -> str:
        """Return the item of the input."""
        return self.sent.partition("-")[0]


Heading = InfusionColumn | VisitColumn | ItemColumn


@dataclass(frozen=True, slots=True)
class Headings:
    """The columns of one file that are no plain facts, and the mistakes of its names."""

    found: tuple[Heading, ...]
    mistakes: tuple[TableMistake, ...]

    @property
    def items(self) -> list[ItemColumn]:
        """Return the columns of items."""
        return [each for each in self.found if isinstance(each, ItemColumn)]


def of_patients(table: Table, rules: Protocol) -> Headings:
    """Return the headings of the file of patients."""
    return _headings(table, PATIENT, lambda name: _of_patient(name, rules), _known(rules))


def of_visits(table: Table, rules: Protocol) -> Headings:
    """Return the headings of a file with one line for each visit."""
    return _headings(
        table,
        (LABEL, "visit", *VISIT),
        lambda name: _of_item(name, "", name, rules),
        _items(rules, rules.forms),
    )


def of_events(table: Table) -> Headings:
    """Return the headings of a file with one line for each adverse event."""
    return _headings(table, EVENT, lambda name: None, ())


def of_log(table: Table, rules: Protocol, form: str) -> Headings:
    """Return the headings of a file with one line for each row of a log."""
    known = [path.partition(".")[2] for path in _items(rules, [form])]
    return _headings(table, (LABEL,), lambda name: _of_item(name, "", f"{form}.{name}", rules), known)


def _headings(
    table: Table, plain: Iterable[str], read: Callable[[str], Heading | None], known: Iterable[str]
) -> Headings:
    found: list[Heading] = []
    mistakes: list[TableMistake] = []
    plain = tuple(plain)
    for name in table.columns:
        if name in plain or not name:
            continue
        try:
            heading = read(name)
        except CellRefused as refused:
            mistakes.append(TableMistake(table.file, 1, name, str(refused)))
            continue
        if heading is not None:
            found.append(heading)
            continue
        mistakes.append(TableMistake(table.file, 1, name, _unknown(name, (*plain, *known))))
    return Headings(tuple(found), tuple(mistakes))


def _unknown(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=3)
    meant = f" Close names: {', '.join(close)}." if close else ""
    return f"No column has this name.{meant} docs/replay.md lists the columns."


def _known(rules: Protocol) -> list[str]:
    infusions = rules.dosing.infusions if rules.dosing else 0
    visits = [f"{visit.code}.{fact}" for visit in rules.visits for fact in VISIT]
    items = [f"{visit.code}.{path}" for visit in rules.visits for path in _items(rules, visit.form_codes)]
    numbered = [f"{OF_INFUSION}.{number}.{fact}" for number in range(1, infusions + 1) for fact in INFUSION]
    return [*numbered, *visits, *items, *_items(rules, rules.forms)]


def _items(rules: Protocol, forms: Iterable[str]) -> list[str]:
    return [
        f"{code}.{item.name}" for code in forms for item in rules.form(code).items if not item.is_calculated
    ]


def _of_patient(name: str, rules: Protocol) -> Heading | None:
    first, _dot, rest = name.partition(".")
    if first == OF_INFUSION and first not in rules.forms:
        return _of_infusion(name, rest, rules)
    if first not in {visit.code for visit in rules.visits}:
        return _at_screening(name, rules)
    if rest in VISIT:
        return VisitColumn(name, first, rest)
    heading = _of_item(name, first, rest, rules)
    if heading is not None:
        refuse_visit(first, heading.form, rules)
    return heading


def _of_infusion(name: str, rest: str, rules: Protocol) -> InfusionColumn | None:
    number, _dot, fact = rest.partition(".")
    most = rules.dosing.infusions if rules.dosing else 0
    if fact not in INFUSION:
        return None
    if number not in {str(each) for each in range(1, most + 1)}:
        raise CellRefused(f"The protocol has {most} infusions: {OF_INFUSION}.1.{fact} is the first.")
    return InfusionColumn(name, int(number), fact)


def _at_screening(name: str, rules: Protocol) -> ItemColumn | None:
    form = name.partition(".")[0]
    if form not in rules.forms:
        return None
    asking = [each.code for each in rules.visits if form in each.form_codes]
    screening = [each.code for each in rules.visits if each.kind == "screening" and each.code in asking]
    if not screening:
        at = ", ".join(f"{code}.{name}" for code in asking) or "a file of its own, --log"
        raise CellRefused(f"The screening does not ask this form: name the visit ({at}).")
    return _of_item(name, screening[0], name, rules)


def refuse_visit(visit: str, form: str, rules: Protocol) -> None:
    """Raise CellRefused unless the protocol asks a form at a visit."""
    if form not in rules.visit(visit).form_codes:
        forms = ", ".join(rules.visit(visit).form_codes) or "none"
        raise CellRefused(f"{visit} does not ask the form {form}: its forms are {forms}.")


def _of_item(column: str, visit: str, path: str, rules: Protocol) -> ItemColumn | None:
    form, _dot, sent = path.partition(".")
    item = sent.partition("-")[0]
    if form not in rules.forms or item not in rules.form(form):
        return None
    if rules.form(form).item(item).is_calculated:
        raise CellRefused("The protocol calculates this item: leave the column out.")
    if rules.form(form).item(item).type == "file":
        raise CellRefused("A file cannot be replayed from a table: leave the column out.")
    try:
        answers.read(rules.form(form), {sent: [""]}, answers.Clock())
    except NotOffered:
        return None
    return ItemColumn(column, visit, form, sent)
