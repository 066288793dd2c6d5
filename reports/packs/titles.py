"""The titles of the report packs, apart from what they hold: every command knows the words of stored codes."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TITLES: Final[dict[str, str | Promise]] = {
    "dsmb-open": _("Open report for the data monitoring board"),
    "dsmb-closed": _("Closed report for the data monitoring board"),
    "status": _("Status report for the sponsor"),
    "monitoring": _("Monitoring visit"),
    "dsur": _("Tables of the annual safety report"),
    "final": _("Statistical tables at the end of the study"),
}
