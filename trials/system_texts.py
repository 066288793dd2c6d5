"""Sentences that `trials` stores as codes: roles, processes, reasons that the system gives itself."""

from django.utils.translation import gettext_lazy as _

from trials.roles import ROLES

TEXTS = {
    **{f"role.{role.code}": role.title for role in ROLES.values()},
    "process.add_person": _("First account"),
    "process.password_link": _("Link for a password"),
    "process.in_force": _("Protocol version put in force"),
    "trials.first_day_in_force": _("Its first day in force has come"),
    "process.load_protocol": _("Loading of the protocol"),
    "process.load_ranges": _("Loading of reference ranges"),
    "trials.role_refused": _("Your role in this trial, %(role)s, does not allow this."),
    "trials.second_factor_needed": _(
        "Your role, %(role)s, needs a second factor. Set one up in your profile, then try again."
    ),
    "trials.all_factors_removed": _("all removed"),
    "trials.range_follows": _("A new range follows"),
}
