"""Build and find elements of an HL7 version 3 message."""

from collections.abc import Iterator

from lxml import etree

from safety.icsr import codes
from safety.icsr.case import Absent, Amount, CodedTerm, Value

HL7, XSI = "urn:hl7-org:v3", "http://www.w3.org/2001/XMLSchema-instance"
XSI_TYPE = f"{{{XSI}}}type"
PATHS = {"h": HL7}
Node = etree._Element
# Required attributes of HL7, by element: classCode and moodCode, or classCode and determinerCode.
ACT, ENTITY = ("classCode", "moodCode"), ("classCode", "determinerCode")


def node(parent: Node, tag: str, text: str | None = None, /, **attributes: str) -> Node:
    """Append an element and return it."""
    made = etree.SubElement(parent, f"{{{HL7}}}{tag}", attributes)
    if text is not None:
        made.text = text
    return made


def act(parent: Node, tag: str, kind: str, /, **attributes: str) -> Node:
    """Append an event that happened, of a class of HL7."""
    return node(parent, tag, classCode=kind, moodCode="EVN", **attributes)


def entity(parent: Node, tag: str, kind: str, determiner: str = "INSTANCE", /) -> Node:
    """Append a thing, person or place of a class of HL7."""
    return node(parent, tag, classCode=kind, determinerCode=determiner)


def link(parent: Node, tag: str, kind: str, /) -> Node:
    """Append a relation of a type of HL7."""
    return node(parent, tag, typeCode=kind)


def identifier(parent: Node, root: str, extension: str = "", /, **attributes: str) -> Node:
    """Append an identifier of a namespace."""
    given = {"extension": extension} if extension else {}
    return node(parent, "id", root=root, **given, **attributes)


def code(parent: Node, value: str, system: str, name: str = "", tag: str = "code", /) -> Node:
    """Append a code of a code system."""
    named = {"displayName": name} if name else {}
    return node(parent, tag, code=value, codeSystem=system, **named)


def value(parent: Node, kind: str, text: str | None = None, /, **attributes: str) -> Node:
    """Append a value of a data type of HL7 (BL, CE, ED, PQ, ST, …)."""
    made = node(parent, "value", text, **attributes)
    made.set(XSI_TYPE, kind)
    return made


def given(parent: Node, tag: str, content: Value, /) -> None:
    """Append a text, or why it is absent; nothing for an empty one."""
    if isinstance(content, Absent):
        node(parent, tag, nullFlavor=content.value)
    elif content:
        node(parent, tag, content)


def given_value(parent: Node, tag: str, content: Value, /) -> None:
    """Append an element whose attribute `value` holds a text, or why it is absent; nothing for an empty one."""
    if isinstance(content, Absent):
        node(parent, tag, nullFlavor=content.value)
    elif content:
        node(parent, tag, value=content)


def truth(parent: Node, answer: bool | Absent | None, /) -> Node:
    """Append a yes or no; None is written as "no information"."""
    if isinstance(answer, bool):
        return value(parent, "BL", value="true" if answer else "false")
    return value(parent, "BL", nullFlavor=(answer or Absent.NO_INFORMATION).value)


def term(parent: Node, coded: CodedTerm, /, tag: str = "value") -> Node:
    """Append a term of MedDRA with its words."""
    own = {"code": coded.code, "codeSystemVersion": coded.version}
    made = node(parent, tag, codeSystem=codes.MEDDRA, **{name: text for name, text in own.items() if text})
    if tag == "value":
        made.set(XSI_TYPE, "CE")
    if coded.text:
        node(made, "originalText", coded.text)
    return made


def observation(parent: Node, relation: str, number: str, name: str, /, kind: str = "SBJ") -> Node:
    """Append a relation to an observation of the ICH list, and return the observation."""
    made = act(link(parent, relation, kind), "observation", "OBS")
    code(made, number, codes.OBSERVATION, name)
    return made


def quantity(parent: Node, amount: Amount, /) -> None:
    """Append a number with its unit."""
    value(parent, "PQ", value=amount.number, unit=amount.unit)


def all_of(parent: Node, path: str, /) -> list[Node]:
    """Return the elements at a path; `h:` stands for HL7."""
    found = parent.xpath(path, namespaces=PATHS)
    return [each for each in found if isinstance(each, etree._Element)] if isinstance(found, list) else []


def one(parent: Node, path: str, /) -> Node | None:
    """Return the first element at a path, or None."""
    return next(iter(all_of(parent, path)), None)


def text_at(parent: Node, path: str, /) -> str:
    """Return the text of the first element at a path, or an empty text."""
    found = one(parent, path)
    return "" if found is None else found.text or ""


def attribute_at(parent: Node, path: str, name: str, /) -> str:
    """Return an attribute of the first element at a path, or an empty text."""
    found = one(parent, path)
    return "" if found is None else found.get(name, "")


def answer_at(parent: Node, path: str, name: str = "", /) -> Value:
    """Return the text or attribute of the first element at a path, or why it is absent."""
    found = one(parent, path)
    if found is None:
        return ""
    if flavour := found.get("nullFlavor"):
        return Absent(flavour)
    return found.get(name, "") if name else found.text or ""


def observed(parent: Node, relation: str, number: str, /) -> Node | None:
    """Return the observation with a number of the ICH list, or None."""
    return next(observations(parent, relation, number), None)


def observations(parent: Node, relation: str, number: str, /) -> Iterator[Node]:
    """Yield the observations with a number of the ICH list below a relation."""
    for found in parent.iterfind(f"{{{HL7}}}{relation}/{{{HL7}}}observation"):
        kind = found.find(f"{{{HL7}}}code")
        if kind is not None and kind.get("code") == number and kind.get("codeSystem") == codes.OBSERVATION:
            yield found


def amount_at(parent: Node | None, path: str, /) -> Amount:
    """Return the number and unit of the first element at a path."""
    found = None if parent is None else one(parent, path)
    return Amount() if found is None else Amount(number=found.get("value", ""), unit=found.get("unit", ""))


def term_of(found: Node | None, /) -> CodedTerm:
    """Return the MedDRA term that an element holds."""
    if found is None:
        return CodedTerm()
    return CodedTerm(
        code=found.get("code", ""),
        version=found.get("codeSystemVersion", ""),
        text=text_at(found, "h:originalText"),
    )


def truth_of(found: Node | None, /) -> bool | Absent | None:
    """Return the yes or no of an observation; None if it is not there."""
    answer = "" if found is None else answer_at(found, "h:value", "value")
    return answer if isinstance(answer, Absent) else {"true": True, "false": False}.get(answer)
