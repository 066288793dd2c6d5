"""Help of the pages of exports, documents and registers."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXTS: tuple[tuple[str, str | Promise], ...] = (
    (
        "register:listing",
        _(
            "Every file that left the system: who took it, when, why, with which content, and its whole hash. The "
            "register is sealed with the trail."
        ),
    ),
    (
        "exports:annual",
        _(
            "Tables of the annual safety report for an interval: serious events so far by class and term, the serious "
            "reactions of the interval, and exposure. Arms are told only after the treatment of the trial is opened."
        ),
    ),
    (
        "exports:unblinded-e2b",
        _(
            "The case for the authority with the treatment, only for who opened it for the report of a SUSAR. Keep the "
            "file from everybody who must stay blinded; each download is recorded."
        ),
    ),
    (
        "exports:index",
        _(
            "The data of the trial as files with a dictionary and a manifest. The export is registered with its "
            "purpose and hash. Who may not know the treatment gets no product data."
        ),
    ),
    (
        "documents:listing documents:asked documents:file",
        _(
            "Casebooks, blank forms and visit reports as PDF, made with your rights. Each is registered with its "
            "hash, and each download."
        ),
    ),
)  # fmt: skip
