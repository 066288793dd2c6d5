"""Store a release of a dictionary, and find the one that a trial is coded in (SAF-10)."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from protocol.document.document import Protocol
from safety.dictionaries.files import Release
from safety.dictionaries.models import Dictionary, DictionaryTerm
from safety.terms.own_list import key_of

INVENTED = "TEST"
AT_ONCE = 2000
FOUND = 20
OWN_EDITION = "1"


@transaction.atomic
def load_dictionary(*, kind: str, version: str, release: Release) -> tuple[Dictionary, bool]:
    """Store the terms of a release; return it, and whether it was new. The same files again change nothing.

    Raises ValidationError for another content under a version that is loaded, and for the invented version TEST in
    production.
    """
    if version == INVENTED and settings.PRODUCTION:
        raise ValidationError(_("TEST is an invented dictionary: production refuses it."))
    known = Dictionary.objects.filter(kind=kind, version=version).first()
    if known is not None:
        if known.sha256 != release.sha256:
            raise ValidationError(
                _("%(dictionary)s is loaded already, from other files: a release never changes.")
                % {"dictionary": known}
            )
        return known, False
    made = Dictionary.objects.create(
        kind=kind, version=version, sha256=release.sha256, terms_loaded=len(release.terms)
    )
    rows = (
        DictionaryTerm(
            dictionary=made, code=term.code, name=term.name, key=key_of(term.name), preferred=term.preferred,
            organ_class=term.organ_class, grades=term.grades, is_current=term.is_current,
        )
        for term in release.terms
    )  # fmt: skip
    DictionaryTerm.objects.bulk_create(rows, batch_size=AT_ONCE)
    return made, True


def pinned(rules: Protocol) -> tuple[str, str]:
    """Return kind and version of the dictionary that a protocol file names: MedDRA if it names one, else CTCAE."""
    if rules.safety.meddra:
        return Dictionary.Kind.MEDDRA, rules.safety.meddra
    return Dictionary.Kind.CTCAE, rules.safety.ctcae


def own_version(ctcae: str) -> str:
    """Return the version of the own list of terms that has the grades of a version of CTCAE."""
    return f"{OWN_EDITION} for CTCAE {ctcae}"


def dictionary_of(rules: Protocol) -> Dictionary | None:
    """Return the dictionary that a protocol file names, or None if it is not loaded. One query.

    Until the full CTCAE is loaded, the own list of terms stands for it where it is loaded, as in training.
    """
    kind, version = pinned(rules)
    wanted = Q(kind=kind, version=version)
    if kind == Dictionary.Kind.CTCAE:
        wanted |= Q(kind=Dictionary.Kind.OWN, version=own_version(version))
    rows = list(Dictionary.objects.filter(wanted))
    return min(rows, key=lambda row: row.kind == Dictionary.Kind.OWN, default=None)


def found(dictionary: Dictionary, text: str) -> QuerySet[DictionaryTerm]:
    """Return the current terms whose name contains a text, those that begin with it first; at most twenty."""
    key = key_of(text)
    if not key:
        return DictionaryTerm.objects.none()
    rows = DictionaryTerm.objects.filter(dictionary=dictionary, is_current=True, key__contains=key)
    return rows.annotate(begins=_begins(key)).order_by("-begins", "name")[:FOUND]


def _begins(key: str) -> Case:
    return Case(When(key__startswith=key, then=Value(1)), default=Value(0))
