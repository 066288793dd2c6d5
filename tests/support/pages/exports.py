"""An export taken from its page, sent at once or made by the worker and fetched."""

import csv
import io
import zipfile
from typing import Any

from django.urls import reverse

from accounts.models import User
from exports.models import Document
from tests.support import build
from trials.models import Trial


def taken(person: User, row: Document) -> Any:
    """Return the answer with the file of an export that the worker made."""
    return build.client(person).get(reverse("documents:file", args=[row.trial.slug, row.pk]))


def sent_export(person: User, trial: Trial, **facts: str) -> Any:
    """Return the answer with the file of an export, whoever makes it: the page or the worker."""
    facts = {"purpose": "interim look", **facts}
    answer = build.client(person).post(reverse("exports:index", args=[trial.slug]), facts)
    if answer.status_code != 302:
        assert answer.status_code == 200, answer.content.decode()[:500]
        return answer
    made = Document.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])
    assert (made.state, made.error) == ("ready", "")
    return taken(person, made)


def archive_of(answer: Any) -> zipfile.ZipFile:
    """Return the archive that an answer holds."""
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def exported(person: User, trial: Trial, purpose: str = "interim look") -> zipfile.ZipFile:
    """Return the archive of an export that its page sends at once."""
    answer = build.client(person).post(reverse("exports:index", args=[trial.slug]), {"purpose": purpose})
    assert answer.status_code == 200
    return archive_of(answer)


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    """Return the rows of a table of an archive as text."""
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode("utf-8"), newline="")))
