"""Help of the pages of patients: participation, entry, queries and review, samples."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trials.help_texts.shared import LISTING

CORRECTING = _(
    "Give the reason first: the trail keeps the old value, the new one and the reason. What was struck out stays"
    " readable with its reason. Signatures and marks on what changes become invalid."
)

SIGNING = _(
    "Read what is listed, then type your password: it is your signature, with its meaning and the time. A later change"
    " makes it invalid and brings it back to you."
)

ASKING = _(
    "A query asks about one value and names no answer that you expect. The person who entered it answers; you close it"
    " or open it again."
)

DEVIATION = _(
    "A deviation says what happened, when, and what was done about it. An investigator classifies it. What the system"
    " recorded by itself names the rule."
)

TEXTS: tuple[tuple[str, str | Promise], ...] = (
    (
        ("patients:listing patients:consents patients:decisions patients:forms patients:logs "
        "patients:undone patients:contacts patients:deviations patients:samples patients:shipments"),
        LISTING,
    ),
    (
        "patients:screen patients:screen-correct",
        _(
            "Name and hospital number are kept apart from clinical data, and every look at them is recorded. The "
            "patient gets a code that says nothing about the person."
        ),
    ),
    (
        "patients:identity",
        _(
            "Name, hospital number and contact. That you opened this page is recorded."
        ),
    ),
    (
        "patients:consent patients:capacity patients:consent-withdraw",
        _(
            "Record which version was given, when and by whom. No procedure before it. A withdrawal says what may "
            "still be used."
        ),
    ),
    (
        ("patients:consent-correct patients:consent-strike patients:enrol-correct patients:enrol-strike "
        "patients:fail-correct patients:fail-strike patients:end-correct patients:visit-strike "
        "patients:prescreening-correct patients:prescreening-strike patients:contact-correct "
        "patients:contact-strike patients:sample-correct patients:sample-strike patients:sample-reverse "
        "patients:shipment-correct patients:deviation-amend patients:deviation-strike "
        "patients:form-strike patients:log-strike safety:strike-out safety:grade-strike "
        "safety:link-strike dosing:product-deviation-amend dosing:product-deviation-strike"),
        CORRECTING,
    ),
    (
        "patients:eligibility",
        _(
            "Each criterion shows the data on which it rests. “Undetermined” means that something is missing. The "
            "investigator concludes and signs; in a randomised trial the place is allocated then."
        ),
    ),
    (
        "patients:enrol patients:fail patients:end patients:end-reopen",
        _(
            "These steps change the state of the patient and what is due. They can be corrected with a reason."
        ),
    ),
    (
        ("patients:sign patients:sign-ticked patients:sign-visit patients:sign-casebook patients:to-sign "
        "safety:sign"),
        SIGNING,
    ),
    (
        "patients:visit-new patients:visit patients:visit-hold patients:visit-miss",
        _(
            "A visit has a window. Record that it was held, or that it was missed and why. Its forms are listed "
            "with their state."
        ),
    ),
    (
        ("patients:queries patients:query patients:fact patients:facts-ask patients:queries-close "
        "patients:query-answer patients:query-close patients:query-reopen patients:forms-ask "
        "patients:form-query patients:log-query dosing:product-queries dosing:product-query "
        "dosing:product-fact dosing:product-queries-ask dosing:product-queries-close "
        "dosing:product-query-answer dosing:product-query-close dosing:product-query-reopen"),
        ASKING,
    ),
    (
        ("patients:protocol patients:protocol-difference patients:protocol-move patients:protocol-approve "
        "patients:protocol-withdraw"),
        _(
            "The versions of the protocol with their approval, and what changed between them. Patients move to a "
            "version by a step of their own, which says what changes for them."
        ),
    ),
    (
        "patients:locks patients:lock",
        _(
            "A freeze stops data entry; queries and marks go on. A lock stops every change. It is unlocked by two "
            "persons: one asks, another one decides."
        ),
    ),
    (
        "patients:verification patients:verify patients:review",
        _(
            "Mark what you compared with the source, or reviewed. A change undoes the mark, also one that is "
            "changed back; “Undone verification and review” lists these."
        ),
    ),
    (
        ("patients:patient-deviations patients:deviation-new patients:deviation "
        "patients:deviation-classify dosing:product-deviations dosing:product-deviation-new "
        "dosing:product-deviation dosing:product-deviation-classify"),
        DEVIATION,
    ),
    (
        "patients:prescreening patients:prescreening-new",
        _(
            "Who was considered for the trial and why not included. Nothing here identifies a person."
        ),
    ),
    (
        "patients:patient-contacts patients:contact-new",
        _(
            "Each attempt to reach a patient, and what came of it. Telephone numbers belong on the page of the "
            "identity."
        ),
    ),
    (
        ("patients:patient-samples patients:sample-new patients:sample-not-collected patients:sample "
        "patients:sample-labels patients:sample-handle patients:sample-scan"),
        _(
            "What the protocol asks for by visit, what was collected, and each step of each tube. Nothing is "
            "erased: a wrong step is reversed with a reason. Tubes of a patient who withdrew consent for samples "
            "are only destroyed."
        ),
    ),
    (
        ("patients:storage-excursions patients:storage-excursion patients:storage-excursion-new "
        "patients:storage-excursion-evaluate"),
        _(
            "A freezer failed, or a room was too warm: say where, from when to when, and how warm or cold it got. The "
            "tubes that were there are listed; somebody evaluates once whether they may be used."
        ),
    ),
    (
        "patients:shipment patients:shipment-new patients:shipment-receive",
        _(
            "Several tubes travel in one shipment. At the receipt say of each tube how it arrived: one that is "
            "missing, thawed or damaged opens a deviation."
        ),
    ),
    (
        "patients:form patients:log",
        _(
            "Type the answers; a draft is kept while you type. “Complete” asks for every required answer, or why "
            "it is missing. After that a change needs a reason. Write no names and numbers of persons in free "
            "text."
        ),
    ),
    (
        "patients:file",
        _(
            "An attached file. That it was read is recorded."
        ),
    ),
)  # fmt: skip
