"""Clinical data in ODM 1.3.2: elements for subjects, events, forms, groups and items, with what is attached to them.

Values are in ItemData, whose type is that of the ItemDef: only there a unit, an audit record and annotations stand
beside the value (the typed elements, such as ItemDataDatetime, refuse a time without seconds). A value that is missing
is IsNull with a flag that says why; IsNull without a flag carries a query about a blank item.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from exports.odm import oids
from exports.odm.content import Content, Datum, FormDataPlace, GroupKey
from exports.odm.remarks import MISSING_NUMBER, Annotation
from exports.odm.study_sources import Change
from exports.odm.xml_nodes import Element, Nodes

NOTHING_ENTERED = Datum()


def instant(at: datetime) -> str:
    """Return a moment in UTC with its offset."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


class DataNodes:
    """Makes the elements of clinical data. Attributes that are empty are left out."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._audited: tuple[Change, Element] | None = None

    def subject(self, code: str, *, kind: str = "") -> Element:
        """Return a subject."""
        return self.nodes.root("SubjectData", SubjectKey=code, TransactionType=kind)

    def site(self, subject: Element) -> None:
        """Add the site, which follows a signature of the subject."""
        self.nodes.add(subject, "SiteRef", LocationOID=oids.SITE)

    def event(self, subject: Element | None, place: FormDataPlace, *, kind: str = "") -> Element:
        """Return an event, a child of the subject if there is one."""
        return self._made(
            subject, "StudyEventData", StudyEventOID=place.event, StudyEventRepeatKey=place.event_key,
            TransactionType=kind,
        )  # fmt: skip

    def form(self, event: Element | None, place: FormDataPlace, *, kind: str = "") -> Element:
        """Return a form, a child of the event if there is one."""
        return self._made(
            event, "FormData", FormOID=place.form, FormRepeatKey=place.form_key, TransactionType=kind
        )

    def _made(self, parent: Element | None, tag: str, **attributes: str) -> Element:
        if parent is None:
            return self.nodes.root(tag, **attributes)
        return self.nodes.add(parent, tag, **attributes)

    def group(self, form: Element, key: GroupKey, *, kind: str = "") -> Element:
        """Add a group of items."""
        return self.nodes.add(
            form, "ItemGroupData", ItemGroupOID=key[0], ItemGroupRepeatKey=key[1], TransactionType=kind
        )

    def item(
        self,
        group: Element,
        oid: str,
        datum: Datum | None,
        *,
        kind: str = "",
        change: Change | None = None,
        source: str = "",
        annotations: Iterable[Annotation] = (),
    ) -> None:
        """Add an item. datum: None says nothing of the value."""
        made = self.nodes.add(group, "ItemData", ItemOID=oid, TransactionType=kind)
        if datum is not None and kind != "Remove":
            if datum.value:
                self.nodes.set(made, "Value", datum.value)
            else:
                self.nodes.set(made, "IsNull", "Yes")
        if change is not None:
            self.audit(made, change, source)
        if datum is not None and datum.unit and kind != "Remove":
            self.nodes.add(made, "MeasurementUnitRef", MeasurementUnitOID=oids.unit(datum.unit))
        if datum is not None and datum.missing and kind != "Remove":
            self._missing(made, datum, kind)
        for annotation in annotations:
            self.annotation(made, annotation)

    def content(
        self, form: Element, content: Content, annotations: Mapping[tuple[GroupKey, str], list[Annotation]]
    ) -> None:
        """Add all groups of a form, and the annotations on its items, blank ones included."""
        groups = {key: dict(data) for key, data in content.items()}
        for key, oid in annotations:
            groups.setdefault(key, {}).setdefault(oid, NOTHING_ENTERED)
        for key, data in groups.items():
            group = self.group(form, key)
            for oid, datum in data.items():
                self.item(group, oid, datum, annotations=annotations.get((key, oid), ()))

    def _missing(self, item: Element, datum: Datum, kind: str) -> None:
        made = self.nodes.add(item, "Annotation", SeqNum=str(MISSING_NUMBER), TransactionType=kind)
        if datum.reason:
            self.nodes.add(made, "Comment", datum.reason, SponsorOrSite="Site")
        self._flag(made, "MISSING", oids.MISSING, datum.missing)

    def annotation(self, parent: Element, annotation: Annotation, *, kind: str = "") -> None:
        """Add a query."""
        made = self.nodes.add(parent, "Annotation", SeqNum=str(annotation.number), TransactionType=kind)
        self.nodes.add(made, "Comment", annotation.text, SponsorOrSite="Sponsor")
        self._flag(made, "QUERY_STATE", oids.QUERY_STATES, annotation.state)
        self._flag(made, "QUERY_ORIGIN", oids.QUERY_ORIGINS, annotation.origin)

    def _flag(self, annotation: Element, flag: str, listed: str, value: str) -> None:
        made = self.nodes.add(annotation, "Flag")
        self.nodes.add(made, "FlagValue", value, CodeListOID=listed)
        self.nodes.add(made, "FlagType", flag, CodeListOID=oids.FLAG_TYPES)

    def audit(self, parent: Element, change: Change, source: str) -> None:
        """Add who changed something, where, when and why. source: the entry of the trail."""
        # All items of one change have the same record: a copy costs a fraction of making it anew.
        if self._audited is None or self._audited[0] is not change:
            self._audited = (change, self._audit_record(change, source))
        parent.append(deepcopy(self._audited[1]))

    def _audit_record(self, change: Change, source: str) -> Element:
        made = self.nodes.root("AuditRecord")
        self.nodes.add(made, "UserRef", UserOID=oids.user(change.user_name, change.role))
        self.nodes.add(made, "LocationRef", LocationOID=oids.SITE)
        self.nodes.add(made, "DateTimeStamp", instant(change.at))
        reason = change.reason.in_language("en") if hasattr(change.reason, "in_language") else change.reason
        if reason:
            self.nodes.add(made, "ReasonForChange", reason)
        self.nodes.add(made, "SourceID", source)
        return made

    def signature(self, parent: Element, columns: Mapping[str, Any]) -> None:
        """Add a signature."""
        made = self.nodes.add(parent, "Signature", ID=f"SG.{columns['id']}")
        self.nodes.add(made, "UserRef", UserOID=oids.user(columns["signer_name"], columns["role"]))
        self.nodes.add(made, "LocationRef", LocationOID=oids.SITE)
        self.nodes.add(made, "SignatureRef", SignatureOID=oids.signature(columns["meaning"]))
        self.nodes.add(made, "DateTimeStamp", instant(columns["signed_at"]))
        self.nodes.add(made, "CryptoBindingManifest", columns["manifest_hash"])
