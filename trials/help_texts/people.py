"""Help of the pages of people, laboratories, training, the audit trail and the system."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACCOUNT = _(
    "Every step on an account or a role is recorded with your name, and the person is told. Nobody is shown a password:"
    " the person chooses it with a link, or with the two halves of a code."
)

RANGES = _(
    "A range is in force between two days. A new sheet of the laboratory is a new range; an error is corrected with a"
    " reason, and a range that was wrong from the start is struck out."
)

TEXTS: tuple[tuple[str, str | Promise], ...] = (
    (
        "system:page",
        _(
            "How this installation is kept: trail, backup, restore test, clock, version, validation and retention. "
            "Ask here for a verification of the trail; the worker runs it."
        ),
    ),
    (
        "audit:trail audit:view-new audit:view audit:view-sample",
        _(
            "Who changed what, when, why, and with which device. Filters can be saved as a view with a plan; "
            "“Review now” draws a sample and keeps what you saw and concluded."
        ),
    ),
    (
        ("laboratories:index laboratories:add laboratories:change laboratories:ranges laboratories:add-range "
        "laboratories:import laboratories:template laboratories:correct laboratories:end laboratories:strike-out"),
        RANGES,
    ),
    (
        "accounts:people accounts:person",
        _(
            "Who works in the trial, since when, and with which rights. A person’s page tells how these changed."
        ),
    ),
    (
        "accounts:access accounts:access-reviews accounts:access-review accounts:access-review-new",
        _(
            "Who had access between two days, with rights in words. Every six months somebody attests that it is "
            "as it has to be."
        ),
    ),
    (
        "accounts:approve-role",
        _(
            "The principal investigator delegates tasks. Without them a person of the site reads, and neither "
            "enters nor signs."
        ),
    ),
    (
        ("accounts:add accounts:delegate accounts:withdraw accounts:renew accounts:add-role accounts:end-role "
        "accounts:identity accounts:deactivate accounts:reactivate accounts:password accounts:remove-factors "
        "accounts:hand-over accounts:recovery accounts:confirm accounts:confirm-role"),
        ACCOUNT,
    ),
    (
        "training:own training:confirm",
        _(
            "What your role must have read. Confirm each document with your password; nobody enters or signs "
            "before that."
        ),
    ),
)  # fmt: skip
