"""Texts that help on pages of several rooms."""

from django.utils.translation import gettext_lazy as _

LISTING = _(
    "The filters stand in the address, so a list can be kept as a bookmark. A row leads to its page. “CSV” sends all"
    " rows that pass the filters; the download is recorded."
)
