"""A small reader of ODM 1.3.2: the state that a snapshot holds, and the one that transactions lead to."""

from dataclasses import dataclass, field

from lxml import etree

NS = "{http://www.cdisc.org/ns/odm/v1.3}"
LEVELS = (
    ("SubjectData", "SubjectKey", ""),
    ("StudyEventData", "StudyEventOID", "StudyEventRepeatKey"),
    ("FormData", "FormOID", "FormRepeatKey"),
    ("ItemGroupData", "ItemGroupOID", "ItemGroupRepeatKey"),
    ("ItemData", "ItemOID", ""),
)
SIGNATURE_FORM = "FO.STUDY.signatures"
SIGNATURE_ENDED = "IT.STUDY.signatures.invalidated_at"
MISSING = "1"
Path = tuple[tuple[str, str], ...]


@dataclass
class State:
    """What the elements say, by their path from the subject: (OID, key) of each level.

    items: value, unit, code and reason of a missing value. queries: text and flags by number. signed: ids in order.
    """

    forms: set[Path] = field(default_factory=set)
    items: dict[Path, tuple[str, str, str, str]] = field(default_factory=dict)
    queries: dict[tuple[Path, str], tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    signed: dict[Path, list[str]] = field(default_factory=dict)

    def in_force(self) -> dict[Path, str]:
        """Return the newest signature of each element among those that hold."""
        found = {}
        for path, ids in self.signed.items():
            for each in ids:
                form = (path[0], ("SE.STUDY", ""), (SIGNATURE_FORM, each.removeprefix("SG.")))
                ended = (*form, ("IG.STUDY.signatures", ""), (SIGNATURE_ENDED, ""))
                if ended not in self.items:
                    found[path] = each
        return found


def state_of(content: bytes) -> State:
    """Return the state after all elements of a file, in their order; an element without a type is inserted."""
    state = State()
    for subject in etree.fromstring(content).iter(f"{NS}SubjectData"):
        _apply(state, subject, (), 0)
    return state


def _apply(state: State, element: etree._Element, above: Path, level: int) -> None:
    _tag, oid, key = LEVELS[level]
    path = (*above, (element.get(oid, ""), element.get(key, "") if key else ""))
    kind = element.get("TransactionType", "")
    if kind == "Remove":
        _remove(state, path)
        return
    if level == 2 and kind in ("", "Insert"):
        assert path not in state.forms, f"{path} is inserted twice"
        state.forms.add(path)
    if level == len(LEVELS) - 1:
        _item(state, element, path, kind)
    for signature in element.findall(f"{NS}Signature"):
        state.signed.setdefault(path, []).append(signature.get("ID", ""))
    for annotation in element.findall(f"{NS}Annotation"):
        if (number := annotation.get("SeqNum", "")) != MISSING:
            known = (path, number) in state.queries
            assert known == (annotation.get("TransactionType") == "Update"), (path, number)
            state.queries[path, number] = _comment(annotation), _flags(annotation)
    for child in element:
        if level + 1 < len(LEVELS) and child.tag == f"{NS}{LEVELS[level + 1][0]}":
            _apply(state, child, path, level + 1)


def _remove(state: State, path: Path) -> None:
    below = [each for each in state.items if each[: len(path)] == path]
    assert below or path in state.forms, f"{path} is removed, but nothing is there"
    for each in below:
        del state.items[each]
    state.forms.discard(path)


def _item(state: State, element: etree._Element, path: Path, kind: str) -> None:
    if kind == "Context":
        return
    unit = element.find(f"{NS}MeasurementUnitRef")
    missing, reason = "", ""
    for annotation in element.findall(f"{NS}Annotation"):
        if annotation.get("SeqNum") == MISSING:
            (missing,), reason = _flags(annotation), _comment(annotation)
    if element.get("IsNull") and not missing:
        # Nothing was entered: the element is there for a query.
        return
    if kind:
        assert (path in state.items) == (kind == "Update"), (path, kind)
    of_unit = "" if unit is None else unit.get("MeasurementUnitOID", "")
    state.items[path] = (element.get("Value", ""), of_unit, missing, reason)


def _comment(annotation: etree._Element) -> str:
    return annotation.findtext(f"{NS}Comment") or ""


def _flags(annotation: etree._Element) -> tuple[str, ...]:
    return tuple(flag.findtext(f"{NS}FlagValue") or "" for flag in annotation.findall(f"{NS}Flag"))
