"""Help of the pages over several patients."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXTS: tuple[tuple[str, str | Promise], ...] = (
    (
        "reports:home",
        _(
            "What waits for you today, by urgency, and how the trial stands. Each tile leads to its list."
        ),
    ),
    (
        "reports:casebook",
        _(
            "All visits of one patient: each field leads to its form. The head says who the patient is in the "
            "trial, and what is due next."
        ),
    ),
    (
        "reports:quality reports:quality-ask",
        _(
            "What contradicts itself, is missing, late or out of range. Each row leads to its field; ticked rows "
            "become queries."
        ),
    ),
    (
        "reports:own-questions reports:own-question-new reports:own-question-change reports:own-question-retire",
        _(
            "A condition over the records of one form, in the language of the edit checks, saved under a name. Only "
            "its owner changes or retires it; a colleague saves a copy."
        ),
    ),
    (
        "reports:own-question reports:own-question-ask",
        _(
            "The records for which the condition is true, judged anew whenever a patient was changed. The page says "
            "as of when, and how many records lack an answer that the condition needs."
        ),
    ),
    (
        "reports:search",
        _(
            "Type a code of a patient, a visit, a form, an event or a deviation. A name or hospital number is "
            "searched apart, and that is recorded."
        ),
    ),
    (
        "reports:notices",
        _(
            "What concerns you, also by mail if you want. A notice goes when its matter is done; what you marked "
            "read stays listed below."
        ),
    ),
    (
        "reports:calendar reports:patient-calendar",
        _(
            "Visits with their windows, infusions and what is due. A private address shows the same days in your "
            "own calendar program; end it when you lose a device."
        ),
    ),
    (
        "reports:checklist",
        _(
            "What is still open before the database is locked, by patient. A blocking point needs a reason; after "
            "the lock nothing changes until it is unlocked."
        ),
    ),
    (
        "reports:treatment-known",
        _(
            "Who could know the treatment by the role, who recorded the product, read it on a page or took it "
            "along in a file. Each line leads to its entries of the trail. Blinded readers see the "
            "roles, and who was unblinded."
        ),
    ),
    (
        "reports:first-procedure",
        _(
            "For each patient the first consent and the first procedure, with the minutes between. A procedure before "
            "the consent stands first."
        ),
    ),
    (
        "reports:consent-due",
        _(
            "Who has to consent again, since when and why: a new version, or capacity that came back. Each row leads "
            "to the consents of the patient."
        ),
    ),
    (
        "reports:entry-delay",
        _(
            "How many days after the visit each form was entered, by form and by patient. What was entered late "
            "stands first."
        ),
    ),
    (
        "reports:changes",
        _(
            "How often data of a patient changed after inclusion, signature, lock or unlock, out of hours or many at "
            "once. Each number leads to its entries of the trail."
        ),
    ),
    (
        "reports:edit-checks",
        _(
            "Every check of this version with severity and wording, the tests that hold it, and their last result in "
            "the validation pack of this installation."
        ),
    ),
    (
        "reports:redactions reports:redaction reports:redaction-ask",
        _(
            "A name or number of a person that was typed in free text is masked by two persons: one asks from an "
            "entry of the trail, another one decides. The characters are destroyed in the row and its history; "
            "the seals still verify."
        ),
    ),
    (
        "reports:erasures reports:erasure-new reports:erasure",
        _(
            "Record what a patient asked to be erased, then the decision with its legal basis. Recording erases "
            "nothing. Name nobody in these texts."
        ),
    ),
    (
        "reports:problems reports:problem-new reports:problem reports:problem-review",
        _(
            "Report what does not work, without patients, values or treatments. Somebody looks at it and closes "
            "it with what was done; all problems are reviewed every three months."
        ),
    ),
    (
        "reports:holds reports:hold-new reports:hold reports:treatment-hold",
        _(
            "While the trial is on hold nobody is included, allocated or treated; data are entered as before. It ends "
            "with two signatures: an investigator’s and the sponsor’s. An investigator alone decides on one patient."
        ),
    ),
    (
        "reports:closed-report",
        _(
            "Numbers of patients, infusions and adverse events in each arm. Only people who read the closed report see "
            "this page; each look is recorded."
        ),
    ),
    (
        "reports:product-history",
        _(
            "Every entry and change of this lot, bag, donor or product of an infusion: who, when, old and new value, "
            "and the reason. It is part of the audit trail, behind the right to know the treatment."
        ),
    ),
    (
        "reports:event-groups reports:event-grades",
        _(
            "Adverse events that pass the filters, in total over all arms: by patient, term or class, and the worst "
            "grade of each patient day by day. A patient counts once in a group; each number opens its events."
        ),
    ),
    (
        "reports:safety-review",
        _(
            "What happened to one patient on one time axis: visits, infusions, death, events, medication, stays and "
            "results. The table below has the events with the days from each infusion; what waits is signed from here."
        ),
    ),
    (
        "reports:outcomes",
        _(
            "Reactions and serious events as the protocol counts them, with the patients behind each number. What an "
            "open answer or a partial date leaves undecided is counted apart, never as yes or no."
        ),
    ),
    (
        "reports:packs",
        _(
            "Tables of the trial as one PDF, of the data as they are or as they were at a moment. The same report of "
            "the same moment is the same file. Pooled over the arms, but for the closed report and after the treatment "
            "is opened."
        ),
    ),
    (
        "reports:figures",
        _(
            "Figures of the trial as it is now, for reports and publications. A figure shows the arms only to who may "
            "know how they do. Each file that you take is entered in the export register."
        ),
    ),
    (
        "reports:figure",
        _(
            "One figure, drawn now. Move with the arrow keys from mark to mark to read each of them; the data table "
            "holds the same. The methods are named below the figure."
        ),
    ),
)  # fmt: skip
