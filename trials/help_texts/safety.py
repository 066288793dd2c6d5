"""Help of the pages of adverse events and of the reports about them."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trials.help_texts.shared import LISTING

TEXTS: tuple[tuple[str, str | Promise], ...] = (
    (
        "safety:listing",
        LISTING,
    ),
    (
        "safety:view-new",
        _(
            "A view keeps filters, columns and order of the listing under a name, for all members of the trial. It "
            "shows the events as they are when it is opened."
        ),
    ),
    (
        "safety:laboratory safety:patient-laboratory safety:laboratory-decide",
        _(
            "Results whose number has a CTCAE grade, by the limits of the laboratory and the baseline. The grade is a "
            "suggestion: an investigator decides for each result whether it is clinically significant, and signs. A "
            "result that is corrected later is to be decided on again."
        ),
    ),
    (
        "safety:coding safety:code-event",
        _(
            "Events are coded in the dictionary that the protocol names; the words of the reporter stay as they are. "
            "Another code needs a reason. After an upgrade the filter finds codes that no longer exist."
        ),
    ),
    (
        "safety:laboratory-event",
        _(
            "The first answers are taken from the laboratory result: check each of them. The result keeps the number "
            "of the event."
        ),
    ),
    (
        "safety:report safety:report-after-lock safety:event safety:amend safety:draft-discard safety:term-grades",
        _(
            "Seriousness is derived from the six criteria, and starts the clock of the report to the sponsor. "
            "Describe the event without names of persons. A draft waits until you save it."
        ),
    ),
    (
        "safety:grade safety:link",
        _(
            "Each grade has the day from which it counts, and the event keeps the worst. Links name what has to do "
            "with the event: medicines, results, stays in hospital, infusions."
        ),
    ),
    (
        "safety:cases safety:case safety:case-decide safety:case-follow-up",
        _(
            "Drug safety judges causality and expectedness without changing the opinion of the site. A SUSAR starts a "
            "clock that all see, and so does each follow-up of the site on it; what comes of it only drug safety sees."
        ),
    ),
    (
        "safety:authority safety:authority-answers safety:authority-term safety:authority-term-remove",
        _(
            "Drug safety completes the case: the list names each missing element of E2B(R3) and the page where it is "
            "entered. Terms come from the loaded release of MedDRA. Nobody else reads this."
        ),
    ),
    (
        "safety:authority-send safety:authority-answer",
        _(
            "A report is fixed once it is sent, and stops the clock. Send its own file to the authority, then record "
            "the acknowledgement: it is matched by its numbers, and its errors are listed by element."
        ),
    ),
    (
        "safety:authority-sheet safety:authority-e2b exports:cioms",
        _(
            "The case as a sheet in the order of the authority's web form, as file E2B(R3), and as form CIOMS I."
        ),
    ),
    (
        "safety:sponsor",
        _(
            "Record when and how the sponsor was told. A report after its deadline becomes a deviation."
        ),
    ),
    (
        "safety:sae-reports safety:sae-sheet",
        _(
            "The report of a serious event with its narrative. It is fixed once it is sent; what becomes known later "
            "is a numbered follow-up, with the differences shown. The list names what the authority would miss."
        ),
    ),
    (
        "safety:reconciliation safety:reconciliation-act safety:reconciliation-list",
        _(
            "Events, deaths, stays in hospital, medication, deviations, results and the sponsor’s list, compared with "
            "each other. Ask about a finding or settle it with a reason; a changed value opens it again."
        ),
    ),
)  # fmt: skip
