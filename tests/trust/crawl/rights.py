"""Who may do what, stated once more: from the roles as the protocol of a trial describes them, not from the code.

A letter is a role (`letters.py`). Each line says which roles may read an address (GET) and which may send to it (POST);
an empty text means that nobody does, because the page offers no such thing. Nothing is imported from the application.
"""

from tests.trust.crawl.letters import (
    ALL,
    ASKS_ABOUT_PRODUCT,
    CLOSED_REPORT,
    CODES,
    DECIDES_ON_PRODUCT,
    DOCTORS,
    DRUG_SAFETY,
    EXPORTS,
    NOBODY,
    PEOPLE,
    PRODUCT,
    QUERIES,
    READS_NAMES,
    READS_TRAIL,
    SECOND_PERSON,
    SITE,
    UNBLINDED,
    VERIFIES_PRODUCT,
)
from tests.trust.crawl.patient_rights import ABOUT_PATIENTS
from tests.trust.crawl.product_rights import ABOUT_PRODUCT, INFUSION

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
    **ABOUT_PATIENTS,
    **ABOUT_PRODUCT,
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
