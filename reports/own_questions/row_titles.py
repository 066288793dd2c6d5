"""Titles of own questions in the audit trail."""

from typing import Any

from django.utils.translation import gettext as _

from audit.trail_reading.change_labels import Reader
from audit.trail_reading.row_titles import TitleMaker


def _question(row: Any, reader: Reader) -> str:
    return _("Own question “%(name)s”") % {"name": row.name}


TITLES: dict[str, TitleMaker] = {
    "reports.ownquestion": _question,
    "reports.ownproductquestion": _question,
}
