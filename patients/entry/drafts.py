"""What a person types, kept on the server while they type: not study data, gone when they save."""

from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from audit.compiled_changes import CompiledDelete
from patients.casebook.casebook import FormPlace
from patients.entry.answers import PLAIN
from patients.models import Draft

FORGOTTEN = CompiledDelete(Draft, where=("user", "patient", "place"))


def keep_draft(*, place: FormPlace, inputs: QueryDict, base_version: int, by: User) -> Draft:
    """Keep what is typed, in place of what was kept before. One statement."""
    fields = [
        [_kept(name), _kept(text)] for name, texts in inputs.lists() if name not in PLAIN for text in texts
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


def _kept(text: str) -> str:
    """What is kept of a text: all of it but NUL, which no database takes and no form accepts."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def draft_of(*, place: FormPlace, user: User) -> Draft | None:
    """What the person was typing here and did not save."""
    return Draft.objects.filter(user=user, patient=place.patient, place=place.key).first()


def typed_in(draft: Draft) -> QueryDict:
    """What was typed, as if it were sent."""
    data = QueryDict(mutable=True)
    for name, text in draft.payload:
        data.appendlist(name, text)
    return data


def discard(*, place: FormPlace, user: User) -> None:
    """Forget what was typed and not saved."""
    FORGOTTEN.run(user=user.pk, patient=place.patient.pk, place=place.key)
