"""Documents that each role must read before it enters or signs: named in the protocol file and for the installation.

A person confirms each document with the password; a new version asks again. Required with `TRAINING_REQUIRED`, in
production; elsewhere the page shows what would be asked.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from pydantic import ValidationError as FileInvalid

from accounts.models import User
from accounts.sessions import kept_forms
from audit import signatures
from audit.models import Meaning
from audit.stored_text import system_text
from protocol.document.people import TrainingDocument, TrainingFile
from trials.delegated_tasks import DELEGATED
from trials.models import Delegation, TrainingConfirmation, Trial
from trials.permissions import Permission as P
from trials.reader import reader_language
from trials.roles import Role

if TYPE_CHECKING:
    from trials.access import Access

# Who reads, exports, or looks after accounts, does not have to be trained for it.
NEEDED_FOR = DELEGATED | {
    P.VERIFY, P.RAISE_QUERY, P.LOCK, P.REQUEST_UNLOCK, P.REDACT, P.MANAGE_RANGES, P.APPLY_AMENDMENT, P.APPROVE,
    P.REVIEW_ACCESS,
}  # fmt: skip


@dataclass(frozen=True)
class TrainingLine:
    """One document that a person must have read, and when they confirmed its present version."""

    document: TrainingDocument
    confirmation: TrainingConfirmation | None

    @property
    def title(self) -> str:
        """Return the title in the reader's language."""
        return self.document.title.in_language(reader_language())


def documents_for(trial: Trial, role: type[Role]) -> list[TrainingDocument]:
    """Return the documents that a role must read: first of the protocol in force, then of the installation."""
    return [each for each in documents_of(trial) if role.code in each.roles]


def lines_for(trial: Trial, role: type[Role], user: User) -> list[TrainingLine]:
    """Return the documents of a role, each with the person's confirmation. One query."""
    given = {
        (row.document, row.version): row
        for row in TrainingConfirmation.objects.filter(trial=trial, user=user)
    }
    return [TrainingLine(each, given.get((each.id, each.version))) for each in documents_for(trial, role)]


def line_of(trial: Trial, user: User, document: str) -> TrainingLine | None:
    """Return any document of the trial with the person's confirmation: who is not asked may read it too."""
    found = next((each for each in documents_of(trial) if each.id == document), None)
    if found is None:
        return None
    rows = TrainingConfirmation.objects.filter(
        trial=trial, user=user, document=found.id, version=found.version
    )
    return TrainingLine(found, rows.first())


def is_missing(access: "Access", needed: P) -> bool:
    """Return True if the person has to read something before a step that needs a right. At most one query."""
    if not settings.TRAINING_REQUIRED or needed not in NEEDED_FOR:
        return False
    asked = documents_for(access.trial, access.role)
    return bool(asked) and any(
        line.confirmation is None for line in lines_for(access.trial, access.role, access.user)
    )


def where_to_read(request: HttpRequest, access: "Access") -> HttpResponseRedirect:
    """Return the redirect to the page of the training. What was typed is kept, and the way back is shown there.

    Raises PermissionDenied for a request of a script, which cannot follow.
    """
    if "HX-Request" in request.headers:
        raise PermissionDenied(
            system_text("trials.training_needed", role=system_text(f"role.{access.role.code}"))
        )
    owner = kept_forms.owner_of(request) if request.method == "POST" else None
    back = kept_forms.keep(request=request, user=owner) if owner == access.user else request.get_full_path()
    page = reverse("training:own", args=[access.trial.slug])
    return HttpResponseRedirect(f"{page}?{urlencode({'needed': back})}")


@transaction.atomic
def confirm_training(
    *, trial: Trial, document: str, version: str, password: str, by: User
) -> TrainingConfirmation:
    """Sign that one has read a document. Raises ValidationError for another version than the present one.

    version: the one that the page showed: nobody confirms what they did not see.
    """
    found = next((each for each in documents_of(trial) if each.id == document), None)
    if found is None or found.version != version:
        raise ValidationError(_("There is another version of this document now. Read that one."))
    # A double click confirms once.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    row, _made = TrainingConfirmation.objects.get_or_create(
        trial=trial,
        user=by,
        document=found.id,
        version=found.version,
        defaults={"title": found.title.in_language("en")},
    )
    zone = trial.rules.trial.site.time_zone
    signatures.sign(target=row, meaning=Meaning.REVIEW, password=password, by=by, zone=zone)
    return row


def confirmed_of(trial: Trial) -> dict[int, list[TrainingConfirmation]]:
    """Return every confirmation of a trial by person, oldest first. One query."""
    found: dict[int, list[TrainingConfirmation]] = {}
    for row in TrainingConfirmation.objects.filter(trial=trial).order_by("pk"):
        found.setdefault(row.user_id, []).append(row)
    return found


def roles_in_force(trial: Trial) -> list[Delegation]:
    """Return the delegations in force today, by the name of the person. One query."""
    rows = Delegation.objects.active().filter(trial=trial).select_related("user")
    return sorted(rows, key=lambda row: (row.user.full_name.casefold(), row.starts_on))


def check_file() -> None:
    """Raise ImproperlyConfigured if the file of the installation cannot be used."""
    of_installation(settings.TRAINING_FILE)


@cache
def of_installation(path: Path | None) -> tuple[TrainingDocument, ...]:
    """Return the documents that `TRAINING_FILE` names. Read once."""
    if path is None:
        return ()
    try:
        return TrainingFile.model_validate(tomllib.loads(path.read_text("utf-8"))).training
    except (OSError, tomllib.TOMLDecodeError, FileInvalid) as mistake:
        raise ImproperlyConfigured(f"TRAINING_FILE={path} cannot be used: {mistake}") from mistake


def documents_of(trial: Trial) -> tuple[TrainingDocument, ...]:
    """Return every document: first of the protocol in force, then of the installation."""
    return (*trial.rules.training, *of_installation(settings.TRAINING_FILE))
