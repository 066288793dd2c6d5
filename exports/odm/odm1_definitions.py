"""Definitions of a trial in ODM 1.3.2: Study, MetaDataVersion, AdminData."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from audit.models import Meaning
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
from exports.odm.xml_nodes import LANGUAGE, Element, Nodes, yes
from protocol.document.document import Protocol
from protocol.values.units import UCUM

# Roles of a trial as types of users in ODM; any other role is Other.
USER_TYPES = {
    "investigator": "Investigator", "principal_investigator": "Investigator", "cell_laboratory": "Lab",
    "pharmacist": "Lab", "sponsor_representative": "Sponsor", "sponsor_safety": "Sponsor", "monitor": "Sponsor",
    "unblinded_monitor": "Sponsor",
}  # fmt: skip
LEGAL_REASON = "21 CFR 11.50: the signer stands for the meaning of this signature."


class Person(NamedTuple):
    """Somebody who changed data, in a role, under the name of that time; a process has no role."""

    user_name: str
    full_name: str
    role: str


def study_parts(study: StudyDefinitions, nodes: Nodes) -> Iterator[Element]:
    """Yield the parts of the study: names, units, and each version."""
    rules = list(study.forms.rules.values())[-1]
    facts = rules.trial
    named = nodes.root("GlobalVariables")
    nodes.add(named, "StudyName", facts.short_title)
    nodes.add(named, "StudyDescription", facts.title.in_language("en"))
    nodes.add(named, "ProtocolName", facts.id)
    yield named
    basic = nodes.root("BasicDefinitions")
    for name in study.units:
        unit = nodes.add(basic, "MeasurementUnit", OID=oids.unit(name), Name=name)
        nodes.translated(unit, "Symbol", {"en": name})
        nodes.add(unit, "Alias", Context="UCUM", Name=UCUM[name])
    yield basic
    for definitions in study.versions.values():
        yield version_node(definitions, nodes)


def version_node(made: MetaDataVersion, nodes: Nodes) -> Element:
    """Return a version."""
    version = nodes.root(
        "MetaDataVersion", OID=made.oid, Name=made.name, Description=made.description.get("en", "")
    )
    protocol = nodes.add(version, "Protocol")
    nodes.translated(protocol, "Description", made.description)
    add_event_refs(protocol, made, nodes)
    for event in made.events:
        add_event(version, event, nodes, "FormRef")
    for form in made.forms.values():
        _form(version, form, nodes)
    for group in made.groups.values():
        _group(version, group, nodes)
    for item in made.items.values():
        _item(version, item, nodes)
    for each in made.code_lists.values():
        add_code_list(version, each, nodes)
    presentation = nodes.add(version, "Presentation", "None", OID=oids.PRESENTATION)
    presentation.set(LANGUAGE, "en")
    for rule in made.conditions:
        _rule(version, "ConditionDef", rule, nodes)
    for rule in made.methods:
        _rule(version, "MethodDef", rule, nodes, Type="Computation")
    return version


def _form(version: Element, form: FormDef, nodes: Nodes) -> None:
    made = nodes.add(version, "FormDef", OID=form.oid, Name=form.name, Repeating=yes(form.repeating))
    nodes.translated(made, "Description", form.title)
    add_group_refs(made, form, nodes)


def _group(version: Element, group: ItemGroupDef, nodes: Nodes) -> None:
    made = nodes.add(
        version,
        "ItemGroupDef",
        OID=group.oid,
        Name=group.name,
        Repeating=yes(group.repeating),
        Domain=group.domain,
        Purpose="Tabulation" if group.domain else "",
    )
    nodes.translated(made, "Description", group.title)
    add_item_refs(made, group, nodes)


def _item(version: Element, item: ItemDef, nodes: Nodes) -> None:
    made = nodes.add(
        version, "ItemDef", OID=item.oid, Name=item.name, DataType=item.data_type,
        Length="" if item.length is None else str(item.length),
        SignificantDigits="" if item.digits is None else str(item.digits), Comment=item.comment,
    )  # fmt: skip
    nodes.translated(made, "Question", item.question)
    if item.unit:
        nodes.add(made, "MeasurementUnitRef", MeasurementUnitOID=oids.unit(item.unit))
    for limit in item.limits:
        check = nodes.add(
            made, "RangeCheck", Comparator=limit.comparator, SoftHard="Hard" if limit.hard else "Soft"
        )
        nodes.add(check, "CheckValue", limit.value)
        if item.unit:
            nodes.add(check, "MeasurementUnitRef", MeasurementUnitOID=oids.unit(item.unit))
    for each in item.checks:
        check = nodes.add(made, "RangeCheck", SoftHard="Hard" if each.hard else "Soft")
        nodes.add(check, "FormalExpression", each.expression, Context=EXPRESSIONS)
        nodes.translated(check, "ErrorMessage", each.message)
    if item.code_list:
        nodes.add(made, "CodeListRef", CodeListOID=item.code_list)
    for context, name in item.aliases:
        nodes.add(made, "Alias", Context=context, Name=name)


def _rule(version: Element, tag: str, rule: RuleDef, nodes: Nodes, **attributes: str) -> None:
    made = nodes.add(version, tag, OID=rule.oid, Name=rule.name, **attributes)
    nodes.translated(made, "Description", {"en": rule.expression})
    nodes.add(made, "FormalExpression", rule.expression, Context=EXPRESSIONS)


def admin_node(study: StudyDefinitions, people: Iterable[Person], nodes: Nodes) -> Element:
    """Return the people who changed or signed data, the site, and the meanings of signatures."""
    rules: Protocol = list(study.forms.rules.values())[-1]
    made = nodes.root("AdminData", StudyOID=oids.study(study.trial.slug))
    for person in people:
        user = nodes.add(
            made, "User", OID=oids.user(person.user_name, person.role),
            UserType=USER_TYPES.get(person.role, "Other"),
        )  # fmt: skip
        nodes.add(user, "LoginName", person.user_name)
        nodes.add(user, "DisplayName", f"{person.full_name or person.user_name}{_in_role(person.role)}")
        nodes.add(user, "FullName", person.full_name or person.user_name)
        nodes.add(user, "LocationRef", LocationOID=oids.SITE)
    site = rules.trial.site
    place = nodes.add(made, "Location", OID=oids.SITE, Name=site.name, LocationType="Site")
    for version, first_day in study.effective.items():
        nodes.add(
            place, "MetaDataVersionRef", StudyOID=oids.study(study.trial.slug),
            MetaDataVersionOID=oids.version(version), EffectiveDate=first_day.isoformat(),
        )  # fmt: skip
    for meaning in Meaning:
        signature = nodes.add(
            made, "SignatureDef", OID=oids.signature(meaning.value), Methodology="Electronic"
        )
        nodes.add(signature, "Meaning", meaning.value)
        nodes.add(signature, "LegalReason", LEGAL_REASON)
    return made


def _in_role(role: str) -> str:
    return f" ({role})" if role else ""
