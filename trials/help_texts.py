"""Help of each page of a trial, in a few sentences: by the name of the page (VAL-03)."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_CORRECTING = _(
    "Give the reason first: the trail keeps the old value, the new one and the reason. What was struck out stays"
    " readable with its reason. Signatures and marks on what changes become invalid."
)
_SIGNING = _(
    "Read what is listed, then type your password: it is your signature, with its meaning and the time. A later change"
    " makes it invalid and brings it back to you."
)
_LISTING = _(
    "The filters stand in the address, so a list can be kept as a bookmark. A row leads to its page. “CSV” sends all"
    " rows that pass the filters; the download is recorded."
)
_ASKING = _(
    "A query asks about one value and names no answer that you expect. The person who entered it answers; you close it"
    " or open it again."
)
_ACCOUNT = _(
    "Every step on an account or a role is recorded with your name, and the person is told. Nobody is shown a password:"
    " the person chooses it with a link, or with the two halves of a code."
)
_DEVIATION = _(
    "A deviation says what happened, when, and what was done about it. An investigator classifies it. What the system"
    " recorded by itself names the rule."
)
_RANGES = _(
    "A range is in force between two days. A new sheet of the laboratory is a new range; an error is corrected with a"
    " reason, and a range that was wrong from the start is struck out."
)

# Several pages of one kind share a text.
_TEXTS: tuple[tuple[str, str | Promise], ...] = (
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
        "register:listing",
        _(
            "Every file that left the system: who took it, when, why, with which content, and its whole hash. The "
            "register is sealed with the trail."
        ),
    ),
    (
        "system:page",
        _(
            "How this installation is kept: trail, backup, restore test, clock, version, validation and retention. "
            "Ask here for a verification of the trail; the worker runs it."
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
        ("patients:listing patients:consents patients:decisions patients:forms patients:logs patients:undone "
        "patients:contacts patients:deviations patients:samples patients:shipments"),
        _LISTING,
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
        "patients:shipment-correct patients:deviation-amend patients:deviation-strike patients:form-strike "
        "patients:log-strike safety:strike-out safety:grade-strike safety:link-strike "
        "dosing:product-deviation-amend dosing:product-deviation-strike"),
        _CORRECTING,
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
        _SIGNING,
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
        "patients:query-answer patients:query-close patients:query-reopen patients:forms-ask patients:form-"
        "query patients:log-query dosing:product-queries dosing:product-query dosing:product-fact "
        "dosing:product-queries-ask dosing:product-queries-close dosing:product-query-answer "
        "dosing:product-query-close dosing:product-query-reopen"),
        _ASKING,
    ),
    (
        "dosing:product-verification dosing:product-verify",
        _(
            "What the laboratory recorded of products, preparations, bags and masked results is compared with its "
            "source here, fact by fact. Blinded people see neither these marks nor the queries on the product."
        ),
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
            "changed back; “Marks undone” lists these."
        ),
    ),
    (
        ("patients:patient-deviations patients:deviation-new patients:deviation patients:deviation-classify "
        "dosing:product-deviations dosing:product-deviation-new dosing:product-deviation dosing:product-"
        "deviation-classify"),
        _DEVIATION,
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
    (
        "reports:holds reports:hold-new reports:hold reports:treatment-hold",
        _(
            "While the trial is on hold nobody is included, allocated or treated; data are entered as before. It ends "
            "with two signatures: an investigator’s and the sponsor’s. An investigator alone decides on one patient."
        ),
    ),
    (
        "dosing:levels",
        _(
            "Dose levels are opened one after the other. When the places of a level are taken, inclusion waits until "
            "an investigator opens places with a signature."
        ),
    ),
    (
        "dosing:listing dosing:allocation",
        _LISTING,
    ),
    (
        "dosing:infusion dosing:weight dosing:not-given",
        _(
            "What happens at the bedside, the same in every arm: weight of the day, start and end, volume, "
            "tolerance. A day outside the window becomes a deviation by itself."
        ),
    ),
    (
        (
            "dosing:stock dosing:movements dosing:bag dosing:bag-step dosing:excursion dosing:dispense "
            "dosing:bag-label dosing:lot-labels"
        ),
        _(
            "The bags of the product and every movement of each. What was recorded by mistake is undone with a "
            "reason; both entries stay. The scan field takes the label of a bag, a lot, a donation, a donor or a kit."
        ),
    ),
    (
        (
            "dosing:lot dosing:lot-new dosing:lot-step dosing:donors dosing:donor dosing:donor-new "
            "dosing:donor-step dosing:certificate reports:look-back-lot reports:look-back-donor"
        ),
        _(
            "Lots, with their results against the specification of the protocol and signed decisions, and the "
            "donors they come from. Both show every patient who received the cells. A donor is a code, never a name."
        ),
    ),
    (
        "dosing:bedside dosing:bedside-decision dosing:give-before",
        _(
            "One screen for the infusion: start, pause, rate, stop, and what is to be observed. Without a connection "
            "what you tap waits in this page and is sent in order when it is back: keep the page open. The system "
            "proposes a stop, a physician decides."
        ),
    ),
    (
        (
            "dosing:exceptional-uses dosing:exceptional-ask dosing:exceptional-evaluation "
            "dosing:exceptional-decision dosing:exceptional-notice"
        ),
        _(
            "A lot out of specification is used for one infusion only on this road: the treating physician asks, the "
            "laboratory evaluates the risk, the physician decides, each with a signature. Then sponsor and authority "
            "are told. Only in an open trial."
        ),
    ),
    (
        "dosing:preparation",
        _(
            "The content of the bag. In a masked trial only people who may know the treatment see this page, and "
            "that they read it is recorded."
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
        "dosing:envelopes dosing:envelopes-print dosing:envelope-codes",
        _(
            "For the day on which the server is away each patient has a sealed envelope. Who prepares the product "
            "prints it, another person prints its code, and neither paper tells anything without the other. Whoever "
            "opens one reads the line that the code names, and records the opening here once the server is back."
        ),
    ),
    (
        "dosing:reserves dosing:reserves-print dosing:reserve-codes",
        _(
            "For a patient who is allocated while the server is away. Each envelope holds the next place of its "
            "stratum, which the server keeps free. Open the lowest number first, with its code. Once the server is "
            "back, record here for whom it was opened, before the eligibility is signed here: the patient takes "
            "exactly that place."
        ),
    ),
    (
        "dosing:blank-worksheets",
        _(
            "Worksheets without a patient, to print in advance. What is written on them while the server is away is "
            "transcribed afterwards, with its source and both times."
        ),
    ),
    (
        "dosing:masked-results dosing:masked-result",
        _(
            "Results that would tell the treatment, such as antibodies against the donor. The ward records that the "
            "sample was taken; the laboratory enters the result here. Blinded people see neither the results nor "
            "whether there are any."
        ),
    ),
    (
        "dosing:worksheet",
        _(
            "The preparation step by step: scan the order, the bags and the label, type what you measure. A second "
            "person signs before the thaw and before the product leaves. A hard stop names the bag and the reason; "
            "what was done on paper is transcribed with its source and both times."
        ),
    ),
    (
        "dosing:kit-check",
        _(
            "One person scans the kit number and compares two identifiers with the patient, a second person signs. A "
            "kit that is refused is not given: call the cell laboratory. An infusion that was given without this is "
            "documented late, and a second person signs it here."
        ),
    ),
    (
        "dosing:override",
        _(
            "Some hard stops may be overridden where the protocol names them: by an investigator, with a reason and a "
            "signature. Each is a deviation. All other hard stops hold for everybody."
        ),
    ),
    (
        "dosing:allocation-commitment",
        _(
            "A number that fixes the allocation list without telling it. Keep a copy: when the list is opened, the "
            "same number comes out again, or the list was changed."
        ),
    ),
    (
        "dosing:allocation-upload",
        _(
            "The statistician uploads the list of an outside party. The first wrong line is named and nothing is "
            "stored; without an upload the system generates the list."
        ),
    ),
    (
        "dosing:kits dosing:kits-labels dosing:kit-label",
        _(
            "The number on the bag or syringe, the same kind in every arm. Ward and laboratory compare it with this "
            "list before anything is given."
        ),
    ),
    (
        "dosing:unblinding dosing:susar-unblinding",
        _(
            "Opens the treatment of this one patient, once, to you alone. Your password is asked each time. The "
            "sponsor is told without the treatment; all others stay blinded, and so do you in every other patient."
        ),
    ),
    (
        "dosing:instructions dosing:recipients dosing:instruction-new",
        _(
            "After a recall, or a result out of specification that came after an infusion, each investigator of an "
            "affected patient gets an instruction, one patient at a time. Who is blinded opens the list of recipients "
            "with the password, and that is recorded."
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
        "dosing:instruction",
        _(
            "What has to be done for this one patient because of the product that was given. In a masked trial you "
            "open it with your password and are recorded as knowing something of the treatment; neither lock nor hold "
            "stops it."
        ),
    ),
    (
        "dosing:exposure",
        _(
            "Somebody learned the treatment without being meant to: who, what, since when and how. Never write which "
            "treatment it is. The record stays, and the person's later assessments of the patient carry it."
        ),
    ),
    (
        "dosing:unblindings dosing:planned-unblinding",
        _(
            "Who came to know the treatment of which patient, since when and why. After the lock of the trial the data "
            "manager opens the treatment for the roles that the protocol names, with the password."
        ),
    ),
    (
        "safety:listing",
        _LISTING,
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
    (
        "audit:trail audit:view-new audit:view audit:view-sample",
        _(
            "Who changed what, when, why, and with which device. Filters can be saved as a view with a plan; "
            "“Review now” draws a sample and keeps what you saw and concluded."
        ),
    ),
    (
        ("laboratories:index laboratories:add laboratories:change laboratories:ranges laboratories:add-range "
        "laboratories:import laboratories:template laboratories:correct laboratories:end laboratories:strike-"
        "out"),
        _RANGES,
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
        _ACCOUNT,
    ),
    (
        "training:own training:confirm",
        _(
            "What your role must have read. Confirm each document with your password; nobody enters or signs "
            "before that."
        ),
    ),
)  # fmt: skip
HELP: dict[str, str | Promise] = {name: text for names, text in _TEXTS for name in names.split()}
