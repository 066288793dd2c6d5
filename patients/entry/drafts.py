"""Drafts: unsaved input kept on the server while a person types. They are not study data; a save deletes them."""

from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from audit.compiled_changes import CompiledDelete
from patients.casebook.casebook import FormPlace
from patients.entry.answers import PLAIN
from patients.models import Draft

FORGOTTEN = CompiledDelete(Draft, where=("user", "patient", "place"))


def keep_draft(*, place: FormPlace, inputs: QueryDict, base_version: int, by: User) -> Draft:
    """Store the inputs as the person's draft of this form, replacing the earlier draft. One statement."""
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


def draft_of(*, place: FormPlace, user: User) -> Draft | None:
    """Return the person's draft of this form, or None. One query."""
    return Draft.objects.filter(user=user, patient=place.patient, place=place.key).first()


def typed_in(draft: Draft) -> QueryDict:
    """Return the inputs of a draft in the shape of a submitted form."""
    data = QueryDict(mutable=True)
    for name, text in draft.payload:
        data.appendlist(name, text)
    return data


def discard(*, place: FormPlace, user: User) -> None:
    """Delete the person's draft of this form. One statement."""
    FORGOTTEN.run(user=user.pk, patient=place.patient.pk, place=place.key)
