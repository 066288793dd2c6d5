"""Sentences that `reports` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

from reports.packs.titles import TITLES

TEXTS = {
    **{f"pack.{code}": title for code, title in TITLES.items()},
    "search.hospital_number": _("hospital number"),
    "search.person": _("name or hospital number"),
}
