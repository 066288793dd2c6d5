"""Definitions that ODM 1.3.2 and ODM 2.0 write alike: visits, references in their order, code lists."""

from exports.odm.definitions import CodeListDef, FormDef, ItemGroupDef, MetaDataVersion, StudyEventDef
from exports.odm.xml_nodes import Element, Nodes, yes

# The language of edit checks and calculations.
EXPRESSIONS = "CEL"


def add_event_refs(parent: Element, made: MetaDataVersion, nodes: Nodes) -> None:
    """Add a reference to each visit, in the order of the protocol."""
    for number, event in enumerate(made.events, start=1):
        always = event.kind == "Scheduled" and event.oid not in made.retired
        nodes.add(
            parent, "StudyEventRef", StudyEventOID=event.oid, OrderNumber=str(number), Mandatory=yes(always)
        )


def add_event(version: Element, event: StudyEventDef, nodes: Nodes, form_ref: str) -> None:
    """Add a visit with its forms. form_ref: the element that refers to a form; its attribute ends with OID."""
    made = nodes.add(
        version, "StudyEventDef", OID=event.oid, Name=event.name, Repeating=yes(event.repeating), Type=event.kind
    )  # fmt: skip
    nodes.translated(made, "Description", event.title)
    for number, (form, always) in enumerate(event.forms.items(), start=1):
        oid = {f"{form_ref.removesuffix('Ref')}OID": form}
        nodes.add(made, form_ref, **oid, OrderNumber=str(number), Mandatory=yes(always))


def add_group_refs(made: Element, form: FormDef, nodes: Nodes) -> None:
    """Add a reference to each group of a form."""
    for number, group in enumerate(form.groups, start=1):
        nodes.add(made, "ItemGroupRef", ItemGroupOID=group.oid, OrderNumber=str(number), Mandatory="No")


def add_item_refs(made: Element, group: ItemGroupDef, nodes: Nodes) -> None:
    """Add a reference to each item of a group, with its calculation and its skip condition."""
    for number, item in enumerate(group.items, start=1):
        nodes.add(
            made, "ItemRef", ItemOID=item.oid, OrderNumber=str(number), Mandatory=yes(item.mandatory),
            MethodOID=item.method, CollectionExceptionConditionOID=item.condition,
        )  # fmt: skip


def add_code_list(version: Element, each: CodeListDef, nodes: Nodes) -> None:
    """Add a code list with the meaning of each code."""
    made = nodes.add(version, "CodeList", OID=each.oid, Name=each.name, DataType="text")
    for number, code in enumerate(each.codes, start=1):
        coded = nodes.add(made, "CodeListItem", CodedValue=code.value, OrderNumber=str(number))
        nodes.translated(coded, "Decode", code.decode)
