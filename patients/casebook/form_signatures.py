"""The signatures that cover a form: on the form itself, on its visit, or on the casebook (SIG-03)."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from audit import signatures
from audit.models import Signature
from audit.signatures import SignatureState
from audit.system_texts import actor_words
from patients.casebook.form_history import FormHistory
from patients.models import Record
from trials.reader import shown_moment_with_offset


@dataclass(frozen=True, slots=True)
class FormSignature:
    """One signature that covers a form, and whether it holds."""

    signature: Signature
    state: SignatureState

    @property
    def holds(self) -> bool:
        """Return True if what was signed is unchanged."""
        return self.state == SignatureState.VALID

    @property
    def of_form(self) -> bool:
        """Return True if the form itself was signed, not its visit or the casebook."""
        return self.signature.target_type == Record._meta.label_lower

    @property
    def invalidated_by(self) -> str:
        """Return whose change invalidated the signature; empty while it holds."""
        return actor_words(self.signature.invalidated_by) if self.signature.invalidated_at else ""

    @property
    def invalidated_at_words(self) -> str:
        """Return when the signature was invalidated, in the time zone in which it was given."""
        return shown_moment_with_offset(self.signature.invalidated_at, self.signature.zone)


def signatures_on(record: Record) -> list[FormSignature]:
    """Return the signatures that cover a form, oldest first. At most three queries.

    One on the visit or the casebook is verified by itself; whether its content is what was signed is verified for the
    form only, because that of a casebook would read the whole casebook. A later change invalidates each of them.
    """
    covers = Q(target_type="patients.record", target_id=record.pk)
    covers |= Q(target_type="patients.patient", target_id=record.patient_id, signed_at__gte=record.created_at)
    if record.visit_id is not None:
        covers |= Q(target_type="patients.visit", target_id=record.visit_id, signed_at__gte=record.created_at)
    rows = list(Signature.objects.filter(covers).order_by("pk"))
    own = [row for row in rows if row.target_type == Record._meta.label_lower]
    verified = {row.pk: state for row, state in signatures.verify_many(own)}
    return [FormSignature(row, verified.get(row.pk) or signatures.recorded_state(row)) for row in rows]


def changed_since(history: FormHistory, found: Sequence[FormSignature]) -> frozenset[str]:
    """Return the items that changed after the last signature; empty without one."""
    if not found:
        return frozenset()
    last = found[-1]
    if last.of_form and last.signature.target_history is not None:
        return history.since(last.signature.target_history)
    return history.since_moment(last.signature.signed_at)
