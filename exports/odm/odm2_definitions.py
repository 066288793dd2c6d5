"""Definitions of a trial in ODM 2.0, without data: forms and tables are both groups of items there."""

from collections.abc import Iterator
from datetime import UTC

from exports.formats.data_files import Exported, ReaderRights
from exports.odm import oids
from exports.odm.common_definitions import (
    EXPRESSIONS,
    add_code_list,
    add_event,
    add_event_refs,
    add_group_refs,
    add_item_refs,
)
from exports.odm.definitions import FormDef, ItemDef, ItemGroupDef, MetaDataVersion, RuleDef
from exports.odm.study_definitions import StudyDefinitions
from exports.odm.xml_nodes import ODM2, Element, Nodes
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

    nodes = Nodes(ODM2, text_type=PLAIN)
    study = StudyDefinitions(trial, sees_treatment=reader.sees_treatment)
    facts = list(study.forms.rules.values())[-1].trial
    at = exported.at.astimezone(UTC).isoformat(timespec="seconds")
    root = nodes.root(
        "ODM", FileType="Snapshot", Granularity="Metadata", FileOID=f"{trial.slug}.Metadata.{at}",
        CreationDateTime=at, AsOfDateTime=at, ODMVersion=VERSION, Originator=facts.site.name,
        SourceSystem="Stroma", SourceSystemVersion=exported.version,
    )  # fmt: skip
    if trial.masked and reader.sees_treatment:
        nodes.translated(root, "Description", {"en": LINE})
    made = nodes.add(
        root, "Study", OID=oids.study(trial.slug), StudyName=facts.short_title, ProtocolName=facts.id
    )
    nodes.translated(made, "Description", dict(facts.title.root))
    for definitions in study.versions.values():
        _version(nodes, made, definitions)
        count[0] += 1
    yield etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _version(nodes: Nodes, study: Element, made: MetaDataVersion) -> None:
    version = nodes.add(study, "MetaDataVersion", OID=made.oid, Name=made.name)
    nodes.translated(version, "Description", made.description)
    protocol = nodes.add(version, "Protocol")
    nodes.add(protocol, "StudyEventGroupRef", StudyEventGroupOID=EVENTS, Mandatory="Yes")
    events = nodes.add(version, "StudyEventGroupDef", OID=EVENTS, Name="Events")
    add_event_refs(events, made, nodes)
    for event in made.events:
        add_event(version, event, nodes, "ItemGroupRef")
    for form in made.forms.values():
        _form(nodes, version, form)
    for group in made.groups.values():
        _group(nodes, version, group)
    for item in made.items.values():
        _item(nodes, version, item)
    for each in made.code_lists.values():
        add_code_list(version, each, nodes)
    for rule in made.conditions:
        _rule(nodes, version, "ConditionDef", rule, "boolean")
    types = {item.method: item.data_type for item in made.items.values() if item.method}
    for rule in made.methods:
        _rule(nodes, version, "MethodDef", rule, types.get(rule.oid, ""), Type="Computation")
    for item in made.items.values():
        if item.comment:
            comment = nodes.add(version, "CommentDef", OID=_comment(item))
            nodes.translated(comment, "Description", {"en": item.comment})


def _comment(item: ItemDef) -> str:
    return f"CM.{item.oid.removeprefix('IT.')}"


def _form(nodes: Nodes, version: Element, form: FormDef) -> None:
    repeats = "Dynamic" if form.repeating else "No"
    made = nodes.add(version, "ItemGroupDef", OID=form.oid, Name=form.name, Repeating=repeats, Type="Form")
    nodes.translated(made, "Description", form.title)
    add_group_refs(made, form, nodes)


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
    nodes.translated(made, "Description", group.title)
    add_item_refs(made, group, nodes)


def _item(nodes: Nodes, version: Element, item: ItemDef) -> None:
    """Add an item. A decimal has its length and decimals as a display format, for ODM 2.0 has no other place."""
    exact = item.data_type == "float"
    made = nodes.add(
        version, "ItemDef", OID=item.oid, Name=item.name, DataType="decimal" if exact else item.data_type,
        Length="" if item.length is None else str(item.length),
        DisplayFormat=f"{item.length}.{item.digits}" if exact else "",
        CommentOID=_comment(item) if item.comment else "",
    )  # fmt: skip
    nodes.translated(made, "Question", item.question)
    for limit in item.limits:
        check = nodes.add(
            made, "RangeCheck", Comparator=limit.comparator, SoftHard="Hard" if limit.hard else "Soft"
        )
        nodes.add(check, "CheckValue", limit.value)
    for each in item.checks:
        check = nodes.add(made, "RangeCheck", SoftHard="Hard" if each.hard else "Soft")
        _expression(nodes, check, each.expression)
        nodes.translated(check, "ErrorMessage", each.message)
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


def _rule(nodes: Nodes, version: Element, tag: str, rule: RuleDef, gives: str, **attributes: str) -> None:
    made = nodes.add(version, tag, OID=rule.oid, Name=rule.name, **attributes)
    nodes.translated(made, "Description", {"en": rule.expression})
    signature = nodes.add(made, "MethodSignature")
    if gives:
        data_type = "decimal" if gives == "float" else gives
        nodes.add(signature, "ReturnValue", Name=rule.name, DataType=data_type)
    _expression(nodes, made, rule.expression)
