"""Who may do what, stated once more: from the roles as the protocol of a trial describes them, not from the code.

A letter is a role. Each line says which roles may read an address (GET) and which may send to it (POST); an empty text
means that nobody does, because the page offers no such thing. Nothing here is imported from the application.
"""

ROLES = {
    "C": "coordinator", "I": "investigator", "L": "cell_laboratory", "M": "monitor",
    "D": "data_manager", "S": "statistician", "A": "administrator", "X": "inspector",
}  # fmt: skip
ALL = "CILMDSAX"
SITE = "CI"  # enters data, screens, includes, records what was given, reports events
QUERIES = "MD"
READS_NAMES = "CIX"
READS_TRAIL = "CIMDSAX"
PEOPLE = "CIMDAX"
SECOND_PERSON = "CID"
EXPORTS = "DSAX"
# In a masked trial only these know what was given; in an open one everybody.
UNBLINDED = "LSX"
NOBODY = ""

FORM = ("patients/*/visits/*/*/", "patients/*/logs/*/*/")
INFUSION = "patients/*/infusions/*/"
EVENT = "patients/*/adverse-events/*/"
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
    "quality/": (ALL, NOBODY),
    "quality/ask/": (QUERIES, QUERIES),
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
    "patients/*/eligibility/": (ALL, "I"),
    **dict.fromkeys(["patients/*/enrol/", "patients/*/fail/", "patients/*/end/"], (ALL, SITE)),
    # Corrections.
    "patients/*/consent/withdraw/": (SITE, SITE),
    **{f"patients/*/consent/*/{end}": (SITE, SITE) for end in ("correct/", "strike-out/")},
    **{f"patients/*/{step}/correct/": (SITE, SITE) for step in ("screening", "enrol", "fail", "end")},
    **{f"patients/*/{step}/strike-out/": (SITE, SITE) for step in ("enrol", "fail")},
    "patients/*/end/reopen/": ("I", "I"),
    "patients/*/visits/*/strike-out/": (SITE, SITE),
    # Visits and forms.
    "patients/*/visits/new/": (ALL, SITE),
    "patients/*/visits/*/": (ALL, NOBODY),
    "patients/*/visits/*/hold/": (ALL, SITE),
    "patients/*/visits/*/miss/": (ALL, SITE),
    "patients/*/logs/*/": (ALL, NOBODY),
    "patients/*/files/*/": ("CIMDX", NOBODY),
    **dict.fromkeys(FORM, (ALL, SITE)),
    **{f"{form}{end}": (NOBODY, SITE) for form in FORM for end in ("check/", "keep/", "discard/")},
    **{f"{form}query/": (QUERIES, QUERIES) for form in FORM},
    **{f"{form}strike-out/": (SITE, SITE) for form in FORM},
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
    "patients/*/review/": (ALL, "I"),
    "patients/*/review/withdraw/": (NOBODY, "I"),
    "to-sign/": (ALL, NOBODY),
    **dict.fromkeys(
        [
            "to-sign/sign/", "patients/*/sign/", "patients/*/sign/casebook/", "patients/*/visits/*/sign/",
            "adverse-events/sign/",
        ],
        ("I", "I"),
    ),
    "locks/": (ALL, NOBODY),
    "locks/*/*/": (ALL, "D"),
    "locks/*/*/request/": (NOBODY, "CID"),
    "locks/requests/*/": (NOBODY, "D"),
    # The protocol and its amendments.
    "protocol/": (ALL, NOBODY),
    "protocol/*/*/": (ALL, NOBODY),
    "protocol/*/patients/": ("D", "D"),
    "protocol/*/withdraw/": ("D", "D"),
    # Product and infusions.
    "infusions/": (ALL, NOBODY),
    "allocation/": (UNBLINDED, NOBODY),
    INFUSION: (ALL, SITE),
    f"{INFUSION}weight/": (SITE, SITE),
    f"{INFUSION}not-given/": (SITE, SITE),
    f"{INFUSION}preparation/": (UNBLINDED, "L"),
    f"{INFUSION}preparation/dose/": (NOBODY, "L"),
    # Attempts to reach patients at home.
    "contacts/": (ALL, NOBODY),
    "patients/*/contacts/": (ALL, NOBODY),
    **{f"patients/*/contacts/{end}": (SITE, SITE) for end in ("new/", "*/correct/", "*/strike-out/")},
    # Deviations: of the site, and of the product. An investigator classifies the first, the laboratory the second.
    "deviations/": (ALL, NOBODY),
    "patients/*/deviations/": (ALL, NOBODY),
    "patients/*/deviations/new/": (SITE, SITE),
    DEVIATION: (ALL, NOBODY),
    f"{DEVIATION}classify/": ("I", "I"),
    **{f"{DEVIATION}{end}": (SITE, SITE) for end in ("amend/", "strike-out/")},
    "product-deviations/": (UNBLINDED, NOBODY),
    "patients/*/product-deviations/new/": ("L", "L"),
    PRODUCT_DEVIATION: (UNBLINDED, NOBODY),
    **{f"{PRODUCT_DEVIATION}{end}": ("L", "L") for end in ("classify/", "amend/", "strike-out/")},
    # Adverse events.
    "adverse-events/": (ALL, NOBODY),
    "patients/*/adverse-events/new/": (SITE, SITE),
    "patients/*/adverse-events/new/keep/": (NOBODY, SITE),
    "patients/*/adverse-events/drafts/*/discard/": (SITE, SITE),
    "patients/*/adverse-events/after-lock/": (SITE, SITE),
    EVENT: (ALL, "I"),
    **{f"{EVENT}{end}": (SITE, SITE) for end in ("amend/", "sponsor/", "error/")},
    # What leaves the system, and the trail.
    "exports/": (EXPORTS, EXPORTS),
    "documents/": (ALL, ALL),
    "documents/*/": (EXPORTS, NOBODY),
    "documents/*/file/": (EXPORTS, NOBODY),
    "trail/": (READS_TRAIL, "DX"),
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
HIDDEN = {"documents/*/", "documents/*/file/"}

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
        for end in ("confirm/", "password/", "address/", "notices/", "profile/", "sessions/end/")
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
    return letter in allowed


def offered(shape: str, method: str) -> bool:
    """Return True if anybody may use the method of an address."""
    return bool(RIGHTS[shape][method == "post"])
