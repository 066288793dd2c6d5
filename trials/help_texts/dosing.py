"""Help of the pages of infusions, product, allocation and unblinding."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trials.help_texts.shared import LISTING

TEXTS: tuple[tuple[str, str | Promise], ...] = (
    (
        "dosing:product-verification dosing:product-verify",
        _(
            "What the laboratory recorded of products, preparations, bags and masked results is compared with its "
            "source here, fact by fact. Blinded people see neither these marks nor the queries on the product."
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
        LISTING,
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
)  # fmt: skip
