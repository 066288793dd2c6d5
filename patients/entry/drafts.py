"""Drafts: unsaved input kept on the server while a person types. They are not study data; a save deletes them."""

from collections.abc import Callable
from typing import Protocol

from django.db.models import Q
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.compiled_changes import CompiledDelete
from patients.entry.answers import PLAIN
from patients.models import Draft, Patient
from trials.models import Trial

FORGOTTEN = CompiledDelete(Draft, where=("user", "patient", "place"))


class DraftPlace(Protocol):
    """Where a draft belongs: a form of a patient (`FormPlace`), or another page (`page_drafts.PagePlace`)."""

    @property
    def patient(self) -> Patient | None:
        """Return the patient; None on a page of the trial."""

    @property
    def key(self) -> str:
        """Return the key of the place, unique for the patient; on a page of the trial unique for all trials."""


def keep_draft(*, place: DraftPlace, inputs: QueryDict, base_version: int, by: User) -> Draft:
    """Store the inputs as the person's draft of this place, replacing the earlier draft.

    One statement for a page of a patient.
    """
    fields = [
        [_storable(name), _storable(text)]
        for name, texts in inputs.lists()
        if name not in PLAIN
        for text in texts
    ]
    draft = Draft(
        user=by,
        patient=place.patient,
        place=place.key,
        payload=fields,
        base_version=base_version,
        saved_at=timezone.now(),
    )
    if place.patient is None:
        # A conflict over a constraint with a condition is not resolved by one statement of Django.
        now = {name: getattr(draft, name) for name in ("payload", "base_version", "saved_at")}
        return Draft.objects.update_or_create(user=by, patient=None, place=place.key, defaults=now)[0]
    Draft.objects.bulk_create(
        [draft],
        update_conflicts=True,
        unique_fields=["user", "patient", "place"],
        update_fields=["payload", "base_version", "saved_at"],
    )
    return draft


def _storable(text: str) -> str:
    """Return the text with each NUL replaced: PostgreSQL cannot store it, and no form accepts it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def draft_of(*, place: DraftPlace, user: User) -> Draft | None:
    """Return the person's draft of this place, or None. One query."""
    return Draft.objects.filter(user=user, patient=place.patient, place=place.key).first()


def typed_in(draft: Draft) -> QueryDict:
    """Return the inputs of a draft in the shape of a submitted form."""
    data = QueryDict(mutable=True)
    for name, text in draft.payload:
        data.appendlist(name, text)
    return data


def discard(*, place: DraftPlace, user: User) -> None:
    """Delete the person's draft of this place. One statement."""
    if place.patient is None:
        Draft.objects.filter(user=user, patient=None, place=place.key).delete()
        return
    FORGOTTEN.run(user=user.pk, patient=place.patient.pk, place=place.key)


def mask_text(trial_id: int, patient_id: int, mask: Callable[[str], str]) -> int:
    """Mask a text in the drafts of a patient and of the trial's pages, of everybody; return in how many (AUD-12)."""
    slug = Trial.objects.values_list("slug", flat=True).get(pk=trial_id)
    of_trial = Q(patient=None, place__startswith=Draft.PAGE + reverse("reports:home", args=[slug]))
    changed = []
    for draft in Draft.objects.filter(Q(patient=patient_id) | of_trial):
        masked = [[name, mask(text)] for name, text in draft.payload]
        if masked != draft.payload:
            draft.payload = masked
            changed.append(draft)
    return Draft.objects.bulk_update(changed, ["payload"])
