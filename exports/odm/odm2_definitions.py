"""Definitions of a trial in ODM 2.0, without data: forms and tables are both groups of items there."""

from collections.abc import Iterator
from datetime import UTC

from exports.formats.data_files import Exported, ReaderRights
from exports.odm import oids
from exports.odm.definitions import (
    CodeListDef,
    FormDef,
    ItemDef,
    ItemGroupDef,
    MetaDataVersion,
    RuleDef,
    Translated,
)
from exports.odm.odm1_definitions import EXPRESSIONS
from exports.odm.study_definitions import StudyDefinitions
from exports.odm.xml_nodes import ODM2, Element, Nodes, yes
from protocol.values.units import UCUM
from trials.blinding.unblinded_files import LINE
from trials.models import Trial

VERSION = "2.0"
EVENTS = "EG.EVENTS"
UCUM_SYSTEM = "http://unitsofmeasure.org"
PLAIN = "text/plain"


def metadata_pieces(
    trial: Trial, exported: Exported, reader: ReaderRights, count: list[int]
) -> Iterator[bytes]:
    """Yield the file, a piece for each version, and set `count[0]` to their number."""
    from lxml import etree

    nodes = Nodes(ODM2)
    study = StudyDefinitions(trial, sees_treatment=reader.sees_treatment)
    facts = list(study.forms.rules.values())[-1].trial
    at = exported.at.astimezone(UTC).isoformat(timespec="seconds")
    root = nodes.root(
        "ODM", FileType="Snapshot", Granularity="Metadata", FileOID=f"{trial.slug}.Metadata.{at}",
        CreationDateTime=at, AsOfDateTime=at, ODMVersion=VERSION, Originator=facts.site.name,
        SourceSystem="Stroma", SourceSystemVersion=exported.version,
    )  # fmt: skip
    if trial.masked and reader.sees_treatment:
        _translated(nodes, root, "Description", {"en": LINE})
    made = nodes.add(
        root, "Study", OID=oids.study(trial.slug), StudyName=facts.short_title, ProtocolName=facts.id
    )
    _translated(nodes, made, "Description", dict(facts.title.root))
    for definitions in study.versions.values():
        _version(nodes, made, definitions)
        count[0] += 1
    yield etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _translated(nodes: Nodes, parent: Element, tag: str, texts: Translated) -> None:
    nodes.translated(parent, tag, texts, Type=PLAIN)


def _version(nodes: Nodes, study: Element, made: MetaDataVersion) -> None:
    version = nodes.add(study, "MetaDataVersion", OID=made.oid, Name=made.name)
    _translated(nodes, version, "Description", made.description)
    protocol = nodes.add(version, "Protocol")
    nodes.add(protocol, "StudyEventGroupRef", StudyEventGroupOID=EVENTS, Mandatory="Yes")
    events = nodes.add(version, "StudyEventGroupDef", OID=EVENTS, Name="Events")
    for number, event in enumerate(made.events, start=1):
        always = event.kind == "Scheduled" and event.oid not in made.retired
        nodes.add(
            events, "StudyEventRef", StudyEventOID=event.oid, OrderNumber=str(number), Mandatory=yes(always)
        )
    for event in made.events:
        visit = nodes.add(
            version,
            "StudyEventDef",
            OID=event.oid,
            Name=event.name,
            Repeating=yes(event.repeating),
            Type=event.kind,
        )
        _translated(nodes, visit, "Description", event.title)
        for number, (oid, always) in enumerate(event.forms.items(), start=1):
            nodes.add(visit, "ItemGroupRef", ItemGroupOID=oid, OrderNumber=str(number), Mandatory=yes(always))
    for form in made.forms.values():
        _form(nodes, version, form)
    for group in made.groups.values():
        _group(nodes, version, group)
    for item in made.items.values():
        _item(nodes, version, item)
    for each in made.code_lists.values():
        _code_list(nodes, version, each)
    for rule in made.conditions:
        _rule(nodes, version, "ConditionDef", rule, "boolean")
    types = {item.method: item.data_type for item in made.items.values() if item.method}
    for rule in made.methods:
        _rule(nodes, version, "MethodDef", rule, types.get(rule.oid, ""), Type="Computation")
    for item in made.items.values():
        if item.comment:
            comment = nodes.add(version, "CommentDef", OID=_comment(item))
            _translated(nodes, comment, "Description", {"en": item.comment})


def _comment(item: ItemDef) -> str:
    return f"CM.{item.oid.removeprefix('IT.')}"


def _form(nodes: Nodes, version: Element, form: FormDef) -> None:
    repeats = "Dynamic" if form.repeating else "No"
    made = nodes.add(version, "ItemGroupDef", OID=form.oid, Name=form.name, Repeating=repeats, Type="Form")
    _translated(nodes, made, "Description", form.title)
    for number, group in enumerate(form.groups, start=1):
        nodes.add(made, "ItemGroupRef", ItemGroupOID=group.oid, OrderNumber=str(number), Mandatory="No")


def _group(nodes: Nodes, version: Element, group: ItemGroupDef) -> None:
    made = nodes.add(
        version,
        "ItemGroupDef",
        OID=group.oid,
        Name=group.name,
        Repeating="Dynamic" if group.repeating else "No",
        Domain=group.domain,
        Type="Section",
    )
    _translated(nodes, made, "Description", group.title)
    for number, item in enumerate(group.items, start=1):
        nodes.add(
            made, "ItemRef", ItemOID=item.oid, OrderNumber=str(number), Mandatory=yes(item.mandatory),
            MethodOID=item.method, CollectionExceptionConditionOID=item.condition,
        )  # fmt: skip


def _item(nodes: Nodes, version: Element, item: ItemDef) -> None:
    """Add an item. A decimal has its length and decimals as a display format, for ODM 2.0 has no other place."""
    exact = item.data_type == "float"
    made = nodes.add(
        version, "ItemDef", OID=item.oid, Name=item.name, DataType="decimal" if exact else item.data_type,
        Length="" if item.length is None else str(item.length),
        DisplayFormat=f"{item.length}.{item.digits}" if exact else "",
        CommentOID=_comment(item) if item.comment else "",
    )  # fmt: skip
    _translated(nodes, made, "Question", item.question)
    for limit in item.limits:
        check = nodes.add(
            made, "RangeCheck", Comparator=limit.comparator, SoftHard="Hard" if limit.hard else "Soft"
        )
        nodes.add(check, "CheckValue", limit.value)
    for each in item.checks:
        check = nodes.add(made, "RangeCheck", SoftHard="Hard" if each.hard else "Soft")
        _expression(nodes, check, each.expression)
        _translated(nodes, check, "ErrorMessage", each.message)
    if item.code_list:
        nodes.add(made, "CodeListRef", CodeListOID=item.code_list)
    if item.unit:
        nodes.add(
            made, "Coding", System=UCUM_SYSTEM, SystemName="UCUM", Code=UCUM[item.unit], Label=item.unit
        )
    for context, name in item.aliases:
        nodes.add(made, "Alias", Context=context, Name=name)


def _expression(nodes: Nodes, parent: Element, expression: str) -> None:
    formal = nodes.add(parent, "FormalExpression", Context=EXPRESSIONS)
    nodes.add(formal, "Code", expression)


def _code_list(nodes: Nodes, version: Element, each: CodeListDef) -> None:
    made = nodes.add(version, "CodeList", OID=each.oid, Name=each.name, DataType="text")
    for number, code in enumerate(each.codes, start=1):
        coded = nodes.add(made, "CodeListItem", CodedValue=code.value, OrderNumber=str(number))
        _translated(nodes, coded, "Decode", code.decode)


def _rule(nodes: Nodes, version: Element, tag: str, rule: RuleDef, gives: str, **attributes: str) -> None:
    made = nodes.add(version, tag, OID=rule.oid, Name=rule.name, **attributes)
    _translated(nodes, made, "Description", {"en": rule.expression})
    signature = nodes.add(made, "MethodSignature")
    if gives:
        data_type = "decimal" if gives == "float" else gives
        nodes.add(signature, "ReturnValue", Name=rule.name, DataType=data_type)
    _expression(nodes, made, rule.expression)
