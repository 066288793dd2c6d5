"""Sentences that `trials` stores as codes: roles, processes, reasons that the system gives itself."""

from django.utils.translation import gettext_lazy as _

from trials.roles import ROLES

TEXTS = {
    **{f"role.{role.code}": role.title for role in ROLES.values()},
    "process.add_person": _("First account"),
    "process.password_link": _("Link for a password"),
    "process.in_force": _("Protocol version put in force"),
    "trials.first_day_in_force": _("Its first day in force has come"),
    "process.stopping_rule": _("Stopping rule"),
    "process.load_protocol": _("Loading of the protocol"),
    "process.load_ranges": _("Loading of reference ranges"),
    "trials.role_refused": _("Your role in this trial, %(role)s, does not allow this."),
    "trials.role_not_approved": _(
        "The principal investigator has not approved your role, %(role)s, yet: you read, and neither enter nor sign."
    ),
    "trials.task_not_delegated": _(
        "This task is not delegated to you as %(role)s: ask the principal investigator."
    ),
    "trials.training_needed": _("Read first what your role, %(role)s, has to know, on the page “Training”."),
    "trials.identity_to_be_confirmed": _("Confirm who you are first, on the page of your profile."),
    "trials.second_factor_needed": _(
        "Your role, %(role)s, needs a second factor. Set one up in your profile, then try again."
    ),
    "trials.all_factors_removed": _("all removed"),
    "trials.range_follows": _("A new range follows"),
}
