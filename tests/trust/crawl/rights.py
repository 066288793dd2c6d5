"""Who may do what, stated once more: from the roles as the protocol of a trial describes them, not from the code.

A letter is a role. Each line says which roles may read an address (GET) and which may send to it (POST); an empty text
means that nobody does, because the page offers no such thing. Nothing here is imported from the application.
"""

ROLES = {
    "C": "coordinator", "I": "investigator", "L": "cell_laboratory", "M": "monitor",
    "D": "data_manager", "S": "statistician", "A": "administrator", "X": "inspector",
    "P": "principal_investigator", "H": "pharmacist", "U": "unblinded_monitor", "B": "blinded_statistician",
    "R": "sponsor_representative", "V": "sponsor_safety", "W": "data_monitoring_board",
}  # fmt: skip
ALL = "CILMDSAXPHUBRVW"
SITE = "CIP"  # enters data, screens, includes, records what was given, reports events
DOCTORS = "IP"  # decides and signs
PRODUCT = "LH"  # prepares the product
QUERIES = "MDV"
READS_NAMES = "CIXP"
READS_TRAIL = "CIMDSAXPUBRV"
PEOPLE = "CIMDAXPUR"
SECOND_PERSON = "CIDP"
EXPORTS = "DSAXB"
# In a masked trial only these know what was given; in an open one everybody.
UNBLINDED = "LSXHU"
# Figures of each arm, for the board and who makes them.
CLOSED_REPORT = "SXW"
# Who makes the product decides on its deviations, in an open trial the investigators too.
DECIDES_ON_PRODUCT = "LHIP of an open trial"
# The unblinded monitor asks about the product and verifies it; in an open trial who does so with clinical data, too.
ASKS_ABOUT_PRODUCT = "U, and MDV of an open trial"
VERIFIES_PRODUCT = "U, and M of an open trial"
EXPOSURES = "CIPLHMUDV"
NOBODY = ""
# Hold the trial, and sign for the site or the sponsor that it goes on.
HOLDS = "IPRV"
DRUG_SAFETY = "V"
CODES = "D"

FORM = ("patients/*/visits/*/*/", "patients/*/logs/*/*/")
INFUSION = "patients/*/infusions/*/"
EVENT = "patients/*/adverse-events/*/"
SAMPLE = "patients/*/samples/*/"
DEVIATION, PRODUCT_DEVIATION = "patients/*/deviations/*/", "patients/*/product-deviations/*/"
RIGHTS: dict[str, tuple[str, str]] = {
    "": (ALL, NOBODY),
    "lock/": (ALL, "D"),
    "search/": (ALL, READS_NAMES),
    # Days only; each makes and ends the own private address.
    "calendar/": (ALL, ALL),
    "patients/*/calendar/": (ALL, NOBODY),
    # What concerns the reader: each marks the own notices read.
    "notices/": (ALL, ALL),
    "notices/count/": (ALL, NOBODY),
    "outcomes/": (ALL, NOBODY),
    # The figures of the first run: those that every role may see.
    "figures/": (ALL, NOBODY),
    "figures/*/": (ALL, NOBODY),
    "figures/*/figure.svg": (ALL, NOBODY),
    "figures/*/figure.png": (ALL, NOBODY),
    "figures/*/data.csv": (ALL, NOBODY),
    "quality/": (ALL, NOBODY),
    "quality/ask/": (QUERIES, QUERIES),
    # Questions of members on the records; the verb lets only the owner change or retire one.
    "own-questions/": (ALL, NOBODY),
    "own-questions/new/": (ALL, ALL),
    "own-questions/*/*/": (ALL, NOBODY),
    "own-questions/*/*/change/": (ALL, ALL),
    "own-questions/*/*/retire/": (NOBODY, ALL),
    "own-questions/*/*/ask/": (QUERIES, QUERIES),
    # Views of the listing belong to all members.
    "adverse-events/views/new/": (ALL, ALL),
    "adverse-events/views/*/retire/": (NOBODY, ALL),
    "reconciliation/": (QUERIES, NOBODY),
    "reconciliation/act/": (QUERIES, QUERIES),
    "reconciliation/list/": (QUERIES, QUERIES),
    "lists/consent/": (ALL, NOBODY),
    "lists/reconsent/": (ALL, NOBODY),
    "lists/entry/": (ALL, NOBODY),
    "lists/changes/": (READS_TRAIL, NOBODY),
    "edit-checks/*/": (ALL, NOBODY),
    # Patients, from the first to the last day.
    "patients/": (ALL, NOBODY),
    # Who was considered and not screened: no identity is in it.
    "pre-screening/": (ALL, NOBODY),
    **{f"pre-screening/{end}": (SITE, SITE) for end in ("new/", "*/correct/", "*/strike-out/")},
    "patients/screen/": (SITE, SITE),
    "patients/*/": (ALL, NOBODY),
    "patients/*/profile.svg": (ALL, NOBODY),
    "patients/*/identity/": (READS_NAMES, SITE),
    "patients/*/consent/": (ALL, SITE),
    "patients/*/consent/capacity/": (ALL, SITE),
    "patients/*/eligibility/": (ALL, DOCTORS),
    **dict.fromkeys(["patients/*/enrol/", "patients/*/fail/", "patients/*/end/"], (ALL, SITE)),
    # Corrections.
    "patients/*/consent/withdraw/": (SITE, SITE),
    **{f"patients/*/consent/*/{end}": (SITE, SITE) for end in ("correct/", "strike-out/")},
    **{f"patients/*/{step}/correct/": (SITE, SITE) for step in ("screening", "enrol", "fail", "end")},
    **{f"patients/*/{step}/strike-out/": (SITE, SITE) for step in ("enrol", "fail")},
    "patients/*/end/reopen/": (DOCTORS, DOCTORS),
    "patients/*/visits/*/strike-out/": (SITE, SITE),
    # Visits and forms.
    "patients/*/visits/new/": (ALL, SITE),
    "patients/*/visits/*/": (ALL, NOBODY),
    "patients/*/visits/*/hold/": (ALL, SITE),
    "patients/*/visits/*/miss/": (ALL, SITE),
    "patients/*/logs/*/": (ALL, NOBODY),
    "patients/*/files/*/": ("CIMDXPV", NOBODY),
    **dict.fromkeys(FORM, (ALL, SITE)),
    **{f"{form}{end}": (NOBODY, SITE) for form in FORM for end in ("check/", "keep/", "discard/")},
    **{f"{form}query/": (QUERIES, QUERIES) for form in FORM},
    **{f"{form}strike-out/": (SITE, SITE) for form in FORM},
    "consents/": (ALL, NOBODY),
    "consents/eligibility/": (ALL, NOBODY),
    "forms/": (ALL, NOBODY),
    "forms/ask/": (QUERIES, QUERIES),
    # Queries, marks, signatures, locks.
    "queries/": (ALL, NOBODY),
    "queries/close/": (QUERIES, QUERIES),
    "patients/*/facts/*/*/*/": (ALL, QUERIES),
    "patients/*/facts/*/*/*/withdraw/": (NOBODY, "M"),
    "queries/ask/*/": (QUERIES, QUERIES),
    "queries/*/": (ALL, NOBODY),
    "queries/*/answer/": (SITE, SITE),
    "queries/*/close/": (QUERIES, QUERIES),
    "queries/*/reopen/": (QUERIES, QUERIES),
    "verification/": (ALL, NOBODY),
    "verification/undone/": (ALL, NOBODY),
    "patients/*/verify/": (ALL, "M"),
    "patients/*/verify/withdraw/": (NOBODY, "M"),
    "patients/*/review/": (ALL, DOCTORS),
    "patients/*/review/withdraw/": (NOBODY, DOCTORS),
    "to-sign/": (ALL, NOBODY),
    **dict.fromkeys(
        [
            "to-sign/sign/", "patients/*/sign/", "patients/*/sign/casebook/", "patients/*/visits/*/sign/",
            "adverse-events/sign/",
        ],
        (DOCTORS, DOCTORS),
    ),
    "locks/": (ALL, NOBODY),
    "locks/*/*/": (ALL, "D"),
    "locks/*/*/request/": (NOBODY, "CIDP"),
    "locks/requests/*/": (NOBODY, "D"),
    # The protocol and its amendments.
    "protocol/": (ALL, NOBODY),
    "protocol/*/*/": (ALL, NOBODY),
    "protocol/*/patients/": ("D", "D"),
    "protocol/*/withdraw/": ("D", "D"),
    # The principal investigator approves what somebody else loaded.
    "protocol/*/approve/": ("P", "P"),
    # Product and infusions.
    "infusions/": (ALL, NOBODY),
    "allocation/": (UNBLINDED, NOBODY),
    "allocation/upload/": ("S", "S"),
    # A hash and random numbers tell nothing.
    "allocation/hash/": (ALL, NOBODY),
    "kits/": (ALL, NOBODY),
    "kits/labels/": (ALL, NOBODY),
    # Unblinding: an investigator alone, drug safety for a SUSAR, the data manager after the lock; who was unblinded is
    # told to all who read the trail. Everybody who works with patients or product records an exposure by accident.
    "unblindings/": (READS_TRAIL, NOBODY),
    "unblindings/open/": ("D", "D"),
    "patients/*/unblinding/": (DOCTORS, DOCTORS),
    "patients/*/unblinding/susar/": ("V", "V"),
    "patients/*/unblinding/exposure/": (EXPOSURES, EXPOSURES),
    # After a recall: laboratory and drug safety of the sponsor instruct, an investigator opens.
    "recalls/": ("LHV", NOBODY),
    "recalls/*/": ("LHV", "LHV"),
    "patients/*/recalls/*/instruct/": ("LHV", "LHV"),
    "patients/*/instructions/*/": (DOCTORS, DOCTORS),
    # Everybody knows the dose levels; an investigator opens places.
    "dose-levels/": (ALL, DOCTORS),
    # Everybody knows that the trial is on hold, and why.
    "holds/": (ALL, NOBODY),
    "holds/new/": (HOLDS, HOLDS),
    "holds/*/": (ALL, HOLDS),
    "patients/*/treatment-holds/*/": (ALL, DOCTORS),
    INFUSION: (ALL, SITE),
    f"{INFUSION}weight/": (SITE, SITE),
    f"{INFUSION}not-given/": (SITE, SITE),
    f"{INFUSION}bedside/": (ALL, SITE),
    f"{INFUSION}bedside/decision/": (NOBODY, DOCTORS),
    f"{INFUSION}bedside/give-before/": (NOBODY, PRODUCT),
    f"{INFUSION}preparation/": (UNBLINDED, PRODUCT),
    # The laboratory's worksheet, the ward's check of the kit, an investigator's override.
    f"{INFUSION}worksheet/": (UNBLINDED, PRODUCT),
    f"{INFUSION}kit/": (SITE, SITE),
    f"{INFUSION}kit/label/": (ALL, NOBODY),
    f"{INFUSION}override/": (DOCTORS, DOCTORS),
    # A lot out of specification: an investigator asks and decides, the laboratory evaluates and tells.
    f"{INFUSION}exceptional-use/": (UNBLINDED, NOBODY),
    f"{INFUSION}exceptional-use/new/": (DOCTORS, DOCTORS),
    f"{INFUSION}exceptional-use/*/evaluation/": (PRODUCT, PRODUCT),
    f"{INFUSION}exceptional-use/*/decision/": (DOCTORS, DOCTORS),
    f"{INFUSION}exceptional-use/*/notice/": (PRODUCT, PRODUCT),
    f"{INFUSION}preparation/dose/": (NOBODY, PRODUCT),
    f"{INFUSION}dispense/": (PRODUCT, PRODUCT),
    # Envelopes for the day without a server: all see that there are some, the laboratory prints them and their codes.
    "envelopes/": (ALL, EXPOSURES),
    **{f"envelopes/{kind}/": (PRODUCT, PRODUCT) for kind in ("print", "codes")},
    # The next places of the list on paper, for a patient who is allocated without the server.
    "envelopes/reserve/": (ALL, EXPOSURES),
    **{f"envelopes/reserve/{kind}/": (PRODUCT, PRODUCT) for kind in ("print", "codes")},
    "blank-worksheets/": (ALL, NOBODY),
    # Results that would tell the treatment.
    "masked-results/": (UNBLINDED, NOBODY),
    "patients/*/masked-results/*/*/": (UNBLINDED, PRODUCT),
    # The stock: a scan is posted by whoever may know the treatment, and stores nothing.
    "stock/": (UNBLINDED, UNBLINDED),
    "stock/movements/": (UNBLINDED, NOBODY),
    **{f"look-back/{kind}/*/": (UNBLINDED, NOBODY) for kind in ("lots", "donors")},
    "product-history/*/*/": (UNBLINDED, NOBODY),
    "stock/donors/": (UNBLINDED, NOBODY),
    **{f"stock/{kind}/*/": (UNBLINDED, NOBODY) for kind in ("lots", "bags", "donors")},
    "stock/certificates/*/": (UNBLINDED, NOBODY),
    "stock/bags/*/label/": (UNBLINDED, NOBODY),
    "stock/lots/*/labels/": (UNBLINDED, NOBODY),
    **{f"stock/{kind}/*/*/": (PRODUCT, PRODUCT) for kind in ("lots", "bags", "donors")},
    **{f"stock/{kind}/new/": (PRODUCT, PRODUCT) for kind in ("lots", "donors")},
    "stock/excursions/*/": (PRODUCT, PRODUCT),
    # Attempts to reach patients at home.
    "contacts/": (ALL, NOBODY),
    "patients/*/contacts/": (ALL, NOBODY),
    **{f"patients/*/contacts/{end}": (SITE, SITE) for end in ("new/", "*/correct/", "*/strike-out/")},
    # Samples, their tubes and shipments: the same in both arms.
    "samples/": (ALL, NOBODY),
    "samples/scan/": (ALL, NOBODY),
    "patients/*/samples/": (ALL, NOBODY),
    **{f"patients/*/samples/{end}": (SITE, SITE) for end in ("new/", "not-collected/")},
    SAMPLE: (ALL, NOBODY),
    f"{SAMPLE}labels/": (ALL, NOBODY),
    **{f"{SAMPLE}{end}": (SITE, SITE) for end in ("correct/", "strike-out/", "handle/", "movements/*/reverse/")},
    "samples/storage/": (ALL, NOBODY),
    "samples/storage/new/": (SITE, SITE),
    "samples/storage/*/": (ALL, NOBODY),
    "samples/storage/*/evaluate/": (SITE, SITE),
    "shipments/": (ALL, NOBODY),
    "shipments/new/": (SITE, SITE),
    "shipments/*/": (ALL, NOBODY),
    **{f"shipments/*/{end}": (SITE, SITE) for end in ("receive/", "correct/")},
    # Deviations: of the site, and of the product. An investigator classifies the first, the laboratory the second.
    "deviations/": (ALL, NOBODY),
    "patients/*/deviations/": (ALL, NOBODY),
    "patients/*/deviations/new/": (SITE, SITE),
    DEVIATION: (ALL, NOBODY),
    f"{DEVIATION}classify/": (DOCTORS, DOCTORS),
    **{f"{DEVIATION}{end}": (SITE, SITE) for end in ("amend/", "strike-out/")},
    "product-queries/": (UNBLINDED, NOBODY),
    "product-queries/close/": (ASKS_ABOUT_PRODUCT, ASKS_ABOUT_PRODUCT),
    "product-queries/ask/*/": (ASKS_ABOUT_PRODUCT, ASKS_ABOUT_PRODUCT),
    "product-queries/*/": (UNBLINDED, NOBODY),
    "product-queries/*/answer/": (PRODUCT, PRODUCT),
    "product-queries/*/close/": (ASKS_ABOUT_PRODUCT, ASKS_ABOUT_PRODUCT),
    "product-queries/*/reopen/": (ASKS_ABOUT_PRODUCT, ASKS_ABOUT_PRODUCT),
    "patients/*/product-facts/*/*/*/": (UNBLINDED, ASKS_ABOUT_PRODUCT),
    "patients/*/product-facts/*/*/*/withdraw/": (NOBODY, VERIFIES_PRODUCT),
    "product-verification/": (UNBLINDED, NOBODY),
    "patients/*/product-verification/": (UNBLINDED, VERIFIES_PRODUCT),
    "product-deviations/": (UNBLINDED, NOBODY),
    "patients/*/product-deviations/new/": (PRODUCT, PRODUCT),
    PRODUCT_DEVIATION: (UNBLINDED, NOBODY),
    **{f"{PRODUCT_DEVIATION}{end}": (PRODUCT, PRODUCT) for end in ("amend/", "strike-out/")},
    f"{PRODUCT_DEVIATION}classify/": (DECIDES_ON_PRODUCT, DECIDES_ON_PRODUCT),
    # Adverse events.
    "adverse-events/": (ALL, NOBODY),
    "adverse-events/groups/": (ALL, NOBODY),
    "adverse-events/grades/": (ALL, NOBODY),
    "patients/*/safety-review/": (ALL, NOBODY),
    "patients/*/safety-review.svg": (ALL, NOBODY),
    "patients/*/adverse-events/new/": (SITE, SITE),
    "patients/*/adverse-events/new/keep/": (NOBODY, SITE),
    "patients/*/adverse-events/drafts/*/discard/": (SITE, SITE),
    "patients/*/adverse-events/after-lock/": (SITE, SITE),
    "patients/*/adverse-events/grades/": (SITE, NOBODY),
    EVENT: (ALL, DOCTORS),
    **{f"{EVENT}{end}": (SITE, SITE) for end in ("amend/", "sponsor/", "error/")},
    f"{EVENT}reports/": (ALL, SITE),
    f"{EVENT}reports/sheet/": (ALL, NOBODY),
    **{
        f"{EVENT}{end}": (SITE, SITE)
        for end in ("grade/", "link/", "grades/*/strike-out/", "links/*/strike-out/")
    },
    # Codes of the dictionary: the data manager codes.
    "coding/": (ALL, NOBODY),
    f"{EVENT}coding/": (ALL, CODES),
    # Laboratory results with a grade: an investigator decides on them, the site reports the event.
    "laboratory-results/": (ALL, NOBODY),
    "laboratory-results/decide/": (DOCTORS, DOCTORS),
    "patients/*/laboratory-results/": (ALL, NOBODY),
    "patients/*/laboratory-results/*/event/": (SITE, SITE),
    # What comes of a case only drug safety knows.
    "adverse-events/cases/": (DRUG_SAFETY, NOBODY),
    **{
        f"{EVENT}case/{end}": (DRUG_SAFETY, DRUG_SAFETY)
        for end in ("", "*/decide/", "*/follow-up/")
    },
    **{f"{EVENT}authority/{end}": (DRUG_SAFETY, NOBODY) for end in ("", "sheet/", "e2b/")},
    **{
        f"{EVENT}authority/{end}": (DRUG_SAFETY, DRUG_SAFETY)
        for end in ("answers/", "terms/", "terms/*/take-out/", "send/", "acknowledgement/")
    },
    "exports/cases/*/*/cioms/": (DRUG_SAFETY, NOBODY),
    "exports/cases/*/*/unblinded/": (DRUG_SAFETY, NOBODY),
    # What leaves the system, and the trail.
    "exports/annual-safety-report/": (ALL, NOBODY),
    "exports/": (EXPORTS, EXPORTS),
    "register/": (READS_TRAIL, NOBODY),
    "system/": ("AXP", "AXP"),
    # A report of a kind that the role may not have is refused beside the field.
    "reports/": (ALL, ALL),
    "documents/": (ALL, ALL),
    "documents/*/": (EXPORTS, NOBODY),
    "documents/*/file/": (EXPORTS, NOBODY),
    "documents/*/cancel/": (NOBODY, EXPORTS),
    "trail/": (READS_TRAIL, "DX"),
    # Personal data in free text: the people of the site and the data manager ask, and decide as the second person.
    "redactions/": (READS_TRAIL, NOBODY),
    "redactions/*/": ("CIPD", "CIPD"),
    "redactions/*/*/": ("CIPD", "CIPD"),
    "erasures/": (READS_TRAIL, NOBODY),
    **dict.fromkeys(["erasures/new/", "erasures/*/"], ("CIPD", "CIPD")),
    # Everybody reports problems of the software; the administrator, the data manager and the chief look at them.
    "problems/": (ALL, NOBODY),
    "problems/new/": (ALL, ALL),
    "problems/review/": ("ADP", "ADP"),
    "problems/*/": (ALL, "ADP"),
    # Who read the treatment: blinded readers are told the roles only.
    "treatment-known/": (READS_TRAIL, NOBODY),
    "closed-report/": (CLOSED_REPORT, NOBODY),
    "trail/views/new/": ("DX", "DX"),
    "trail/views/*/": ("DX", "DX"),
    "trail/views/*/sample/": ("DX", "DX"),
    "trail/views/*/retire/": (NOBODY, "DX"),
    # Laboratories and their ranges.
    "laboratories/": (ALL, NOBODY),
    "laboratories/at/*/": (ALL, NOBODY),
    "laboratories/at/*/template.csv": (ALL, NOBODY),
    **{
        f"laboratories/{end}": ("D", "D")
        for end in (
            "add/", "at/*/change/", "at/*/add/", "at/*/import/", "at/*/*/", "at/*/*/end/", "at/*/*/strike-out/"
        )
    },
    # People.
    "people/": (PEOPLE, NOBODY),
    "people/*/": (PEOPLE, NOBODY),
    "people/access/": (PEOPLE, NOBODY),
    "people/access/reviews/": (PEOPLE, NOBODY),
    "people/access/reviews/*/": (PEOPLE, NOBODY),
    "people/access/reviews/new/": ("DP", "DP"),
    "people/*/confirm/": (SECOND_PERSON, SECOND_PERSON),
    "people/*/role/*/approve/": ("P", "P"),
    "people/*/role/*/confirm/": (SECOND_PERSON, SECOND_PERSON),
    # Each confirms what the own role must have read.
    "training/": (ALL, NOBODY),
    "training/*/": (ALL, ALL),
    "people/codes/*/": (SECOND_PERSON, SECOND_PERSON),
    "people/recoveries/*/": (SECOND_PERSON, SECOND_PERSON),
    **{
        f"people/{end}": ("A", "A")
        for end in (
            "add/", "delegate/", "invitations/*/withdraw/", "invitations/*/renew/", "*/role/", "*/role/*/end/",
            "*/identity/", "*/deactivate/", "*/reactivate/", "*/password/", "*/factors/",
        )
    },
}  # fmt: skip

# Another person's document: who does not export does not learn that there is one.
HIDDEN = {"documents/*/", "documents/*/file/", "documents/*/cancel/"}

# In a masked trial nobody is offered it: who has the right finds nothing.
OPEN_TRIAL_ONLY = {f"{INFUSION}exceptional-use/{end}" for end in ("new/", "*/decision/")}

# The sent form names what is meant, and an empty one names nothing: 404 is no refusal.
NAMED_IN_THE_FORM = {"patients/*/verify/withdraw/", "patients/*/review/withdraw/"}

# Outside the trials. Open to everybody: how one signs in, and settings of a visitor's own browser.
OPEN = {
    "", "healthz", "accounts/login/", "accounts/inactive/", "accounts/key/", "accounts/key/*/",
    "accounts/factors/authenticate/", "accounts/factors/webauthn/login/",
    "accounts/logout/", "accounts/theme/", "accounts/language/", "accounts/session/",
    # Whoever has the secret of a calendar.
    "calendar/*/trial.ics",
}  # fmt: skip
# For a person who is signed in, and about this person alone.
OWN = {
    "trials/", "trials/invitations/*/",
    *(
        f"accounts/{end}"
        for end in ("confirm/", "password/", "address/", "identity/", "notices/", "profile/", "sessions/end/")
    ),
    *(
        f"accounts/factors/{end}"
        for end in (
            "", "reauthenticate/", "totp/activate/", "totp/deactivate/", "recovery-codes/",
            "recovery-codes/generate/", "recovery-codes/download/", "webauthn/", "webauthn/add/",
            "webauthn/reauthenticate/", "webauthn/keys/*/remove/", "webauthn/keys/*/edit/",
        )
    ),
}  # fmt: skip


def may(letter: str, shape: str, method: str, *, masked: bool) -> bool:
    """Return True if a role may use an address of its trial. Raises KeyError for an address that is not stated."""
    allowed = RIGHTS[shape][method == "post"]
    if allowed == UNBLINDED and not masked:
        allowed = ALL
    if allowed == DECIDES_ON_PRODUCT:
        allowed = PRODUCT if masked else f"{PRODUCT}{DOCTORS}"
    if allowed == ASKS_ABOUT_PRODUCT:
        allowed = "U" if masked else f"U{QUERIES}"
    if allowed == VERIFIES_PRODUCT:
        allowed = "U" if masked else "UM"
    return letter in allowed


def offered(shape: str, method: str) -> bool:
    """Return True if anybody may use the method of an address."""
    return bool(RIGHTS[shape][method == "post"])
