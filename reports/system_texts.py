"""Sentences that `reports` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

from reports.packs.registry import PACKS

TEXTS = {
    **{f"pack.{pack.code}": pack.title for pack in PACKS.values()},
    "search.hospital_number": _("hospital number"),
    "search.person": _("name or hospital number"),
}
