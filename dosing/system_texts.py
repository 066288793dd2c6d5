"""Sentences that `dosing` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "dosing.dose_below": _("The dose is below the range of the protocol; the reason is not recorded yet."),
    "dosing.dose_above": _("The dose is above the range of the protocol; the reason is not recorded yet."),
    "dosing.not_planned": _("Version %(version)s of the protocol does not plan it."),
    "process.allocation": _("Allocation"),
    "process.dose": _("Computation of the dose"),
}
