"""The effect of a new protocol version on the patients of an earlier one. Reads only."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Q

from accounts.models import User
from audit.models import Signature
from patients.models import Draft, Patient, Record
from patients.participation.protocol_amendments.amendments import AT_ONCE, PatientMove, preview
from patients.participation.visits import OPEN_STATES
from protocol.checking.differences import ProtocolChange, difference
from trials.models import ProtocolVersion
from trials.reader import reader_language

MOST_ITEMS = 200
# Properties of an item whose change does not affect captured values.
HARMLESS = frozenset({"label", "help", "source", "cdisc", "sdtm", "loinc", "group"})


@dataclass(frozen=True, slots=True)
class ItemImpact:
    """A removed or changed item, with the numbers of captured forms and patients that have a value of it."""

    form: str
    name: str
    title: str
    removed: bool
    records: int
    patients: int


class Impact:
    """The effect of moving patients from one protocol version to another, limited to what `user` may see."""

    def __init__(self, user: User, before: ProtocolVersion, after: ProtocolVersion) -> None:
        self.user, self.before, self.after = user, before, after

    @cached_property
    def changes(self) -> list[ProtocolChange]:
        """Return the differences between the two versions."""
        return difference(self.before.rules, self.after.rules)

    @cached_property
    def patients(self) -> list[Patient]:
        """Return the patients on the earlier version, at most AT_ONCE. One query."""
        rows = Patient.objects.visible_to(self.user).filter(protocol=self.before.pk)
        return list(rows.order_by("number")[:AT_ONCE])

    @cached_property
    def moving(self) -> list[PatientMove]:
        """Return the effect of the move on each patient in screening or follow-up."""
        return preview([patient for patient in self.patients if patient.state in OPEN_STATES], self.after)

    @property
    def staying(self) -> int:
        """Return how many patients keep the earlier version because their participation has ended."""
        return len(self.patients) - len(self.moving)

    @property
    def to_sign(self) -> list[PatientMove]:
        """Return the moves of the patients who would have to sign a new consent."""
        return [each for each in self.moving if each.sign]

    @property
    def visits(self) -> list[tuple[str, int, int, int]]:
        """Return (visit code, added, moved, cancelled): by visit the number of patients with each change."""
        found: dict[str, Counter[str]] = {}
        for each in self.moving:
            for change in each.visits:
                if change.kind != "kept":
                    found.setdefault(change.code, Counter())[change.kind] += 1
        return [(code, each["added"], each["moved"], each["cancelled"]) for code, each in found.items()]

    @cached_property
    def items(self) -> list[ItemImpact]:
        """Return the removed and changed items that have captured values. One query."""
        touched = [(form, name, change) for change in self.changes for form, name in _item_of(change)][
            :MOST_ITEMS
        ]
        aggregates: dict[str, Any] = {}
        for number, (form, name, _change) in enumerate(touched):
            holds_value = Q(form=form, values__has_key=name)
            aggregates[f"r{number}"] = Count("pk", filter=holds_value)
            aggregates[f"p{number}"] = Count("patient", filter=holds_value, distinct=True)
        counts = self._records().aggregate(**aggregates) if aggregates else {}
        return [
            ItemImpact(
                form,
                name,
                _title(change),
                change.kind == "removed",
                counts[f"r{number}"],
                counts[f"p{number}"],
            )
            for number, (form, name, change) in enumerate(touched)
            if counts[f"r{number}"]
        ]

    @cached_property
    def forms(self) -> frozenset[str]:
        """Return the codes of the changed and removed forms."""
        paths = (change.path.split(".") for change in self.changes if change.path.startswith("forms."))
        return frozenset(path[1] for path in paths if path[1] in self.before.rules.forms)

    @cached_property
    def casebook_signatures(self) -> int:
        """Return how many casebook signatures the move would invalidate."""
        signed = Signature.objects.filter(target_type=Patient._meta.label_lower, invalidated_at=None)
        return signed.filter(target_id__in=[each.patient.pk for each in self.moving]).count()

    @cached_property
    def form_signatures(self) -> int:
        """Return how many signed forms differ. Their signatures stay valid until the form is edited."""
        records = self._records().filter(form__in=self.forms).values("pk")
        signed = Signature.objects.filter(target_type=Record._meta.label_lower, invalidated_at=None)
        return signed.filter(target_id__in=records).values("target_id").distinct().count()

    @cached_property
    def drafts(self) -> int:
        """Return how many forms are drafts."""
        return self._records().filter(state=Record.State.DRAFT).count()

    @cached_property
    def unsaved_forms(self) -> int:
        """Return how many forms hold unsaved input."""
        rows = Draft.objects.filter(patient__in=[patient.pk for patient in self.patients])
        return rows.exclude(place__startswith=Draft.PAGE).count()

    def _records(self) -> Any:
        rows = Record.objects.visible_to(self.user).filter(protocol=self.before.pk)
        return rows.exclude(state=Record.State.STRUCK_OUT).order_by()


def _item_of(change: ProtocolChange) -> Iterable[tuple[str, str]]:
    """Yield the form and the item of a change that affects captured values."""
    if change.section != "items" or change.kind not in ("removed", "changed"):
        return
    if change.kind == "removed" or {each.name.partition(".")[0] for each in change.details} - HARMLESS:
        _forms, form, name = change.path.split(".")
        yield form, name


def _title(change: ProtocolChange) -> str:
    title = change.title
    return title if isinstance(title, str) else str(title.in_language(reader_language()))


def on_versions(user: User, versions: Sequence[ProtocolVersion]) -> dict[int, list[Patient]]:
    """Return the patients on each version, by version key. One query."""
    found: dict[int, list[Patient]] = {version.pk: [] for version in versions}
    rows = Patient.objects.visible_to(user).filter(protocol__in=found)
    for patient in rows.order_by("number"):
        found[patient.protocol_id].append(patient)
    return found
