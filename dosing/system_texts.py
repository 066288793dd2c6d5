"""Sentences that `dosing` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "dosing.dose_below": _("The dose is below the range of the protocol; the reason is not recorded yet."),
    "dosing.dose_above": _("The dose is above the range of the protocol; the reason is not recorded yet."),
    "dosing.bag_stopped": _("Recorded late although a hard stop held: bags %(bags)s."),
    "dosing.course_volume": _("%(volume)s mL were infused: the protocol allows another volume."),
    "dosing.course_duration": _(
        "The infusion took %(minutes)s minutes: the protocol allows another duration."
    ),
    "dosing.course_both": _(
        "%(volume)s mL were infused in %(minutes)s minutes: the protocol allows another volume and duration."
    ),
    "dosing.not_planned": _("Version %(version)s of the protocol does not plan it."),
    "dosing.viability_outside": _("A viability of %(value)s %% is outside the limits of the protocol."),
    "dosing.dmso_outside": _("%(value)s g of DMSO per kg are outside the limits of the protocol."),
    "dosing.thaw_to_end_outside": _(
        "%(value)s minutes from the thaw to the end are outside the limits of the protocol."
    ),
    "dosing.hand_over_taken_back": _("The hand-over was taken back."),
    "dosing.worksheet": _("Recorded on the worksheet."),
    "process.allocation": _("Allocation"),
    "process.kits": _("Kit numbers"),
    "process.dose": _("Computation of the dose"),
}
