"""Tables of the product chain: donors to bags, their movements, worksheets. Only for who may know the treatment."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from audit.stored_text import read
from dosing.models import (
    Bag,
    BagMovement,
    CellBank,
    Donation,
    Donor,
    DonorDecision,
    ExceptionalStep,
    Lot,
    LotCertificate,
    LotDecision,
    LotResult,
    ProductMark,
    ProductQuery,
    ProductQueryMessage,
    RecipientsOpening,
    StopOverride,
    TreatmentInstruction,
    WorksheetStep,
)
from exports.tables.bedside import INFUSION, RECORDED, names_of, texts_of, words
from exports.tables.columns import PATIENT, TableColumn, col, computed, several
from trials.models import Trial

LOT = col("lot", "Lot", "lot__number", free_text=True)
HOLDS = {True: "Y", False: "N"}


def _criteria(findings: Any) -> list[str]:
    return [str(each["id"]) for each in findings]


def _allowed(findings: Any) -> list[str]:
    """Return Y or N by criterion; empty if it is undetermined."""
    return [HOLDS.get(each["allows"], "") for each in findings]


def _needs(findings: Any) -> list[str]:
    return [words(each["needs"]) for each in findings]


def undone_by(told: Any) -> str:
    """Return who undid a mark; empty while it stands."""
    return str(told["by"]) if told else ""


def undone_because(told: Any) -> str:
    """Return why a mark was undone; empty while it stands."""
    return str(read(told["because"])) if told else ""


COLUMNS: dict[str, tuple[TableColumn, ...]] = {
    "donors": (
        col("donor", "Donor code", "code", free_text=True),
        col("sex", "Sex"),
        col("birth_year", "Year of birth"),
        col("fit", "Meets the donor criteria (Y/N); empty if undetermined"),
        col("assessed_on", "Assessed on"),
        col("unfit_since", "Unfit since"),
        col("unfit_reason", "Unfit because", free_text=True),
        *RECORDED,
    ),
    "donor_answers": (
        col("donor", "Donor code", "code", free_text=True),
        several("item", "Item", names_of, "answers"),
        several("value", "Answer", texts_of, "answers", free_text=True),
    ),
    "donor_criteria": (
        col("donor", "Donor code", "code", free_text=True),
        several("criterion", "Criterion", _criteria, "findings"),
        several("allows", "Allows the donation (Y/N); empty if undetermined", _allowed, "findings"),
        several("needs", "Answers that are needed to decide", _needs, "findings"),
    ),
    "donor_decisions": (
        col("donor", "Donor code", "donor__code", free_text=True),
        col("kind", "Decision"),
        col("since", "Since"),
        col("reason", "Reason", free_text=True),
        col("decided_at", "Decided at (UTC)"),
        *RECORDED,
    ),
    "donations": (
        col("donor", "Donor code", "donor__code", free_text=True),
        col("donation", "Identification number", "identification", free_text=True),
        col("scheme", "Coding scheme"),
        col("donated_on", "Donated on"),
        col("tissue", "Tissue", free_text=True),
        *RECORDED,
    ),
    "cell_banks": (
        col("donation", "Identification number of the donation", "donation__identification", free_text=True),
        col("bank", "Cell bank", "code", free_text=True),
        col("passage", "Passage"),
        col("population_doublings", "Population doublings"),
        col("frozen_on", "Frozen on"),
        *RECORDED,
    ),
    "lots": (
        col("lot", "Lot", "number", free_text=True),
        col("bank", "Cell bank; empty for a placebo", "bank__code", free_text=True),
        col("product", "Product"),
        col("product_version", "Version of the product"),
        col("cells", "Holds cells (Y/N)"),
        col("status", "Status"),
        col("passage", "Passage"),
        col("population_doublings", "Population doublings"),
        col("manufactured_on", "Manufactured on"),
        col("frozen_on", "Frozen on"),
        col("expires_on", "Expires on"),
        col("cryoprotectant", "Cryoprotectant", free_text=True),
        col("dmso_percent", "DMSO (%)"),
        col("cells_per_bag", "Cells per bag"),
        col("volume_ul", "Volume per bag (µL)"),
        col("viability_at_freeze", "Viability at freezing (%)"),
        col("retention_samples", "Retention samples", free_text=True),
        *RECORDED,
    ),
    "lot_results": (
        LOT,
        col("test", "Release test"),
        col("value", "Result; empty while pending", free_text=True),
        col("limit", "Limit of the specification", free_text=True),
        col("finding", "Finding"),
        col("reported_on", "Reported on"),
        col("late", "Reported after bags had been given (Y/N)"),
        col("note", "Note", free_text=True),
        *RECORDED,
    ),
    "lot_decisions": (
        LOT,
        col("kind", "Decision"),
        col("status", "Status of the lot afterwards"),
        col("reason", "Reason", free_text=True),
        computed("pending", "Results that were pending", words, "pending"),
        col("decided_at", "Decided at (UTC)"),
        *RECORDED,
    ),
    "lot_certificates": (
        LOT,
        col("title", "Certificate", free_text=True),
        col("file", "File name", "name", free_text=True),
        col("kind", "Kind of file"),
        col("size", "Bytes"),
        col("sha256", "SHA-256"),
        *RECORDED,
    ),
    "exceptional_steps": (
        PATIENT,
        INFUSION,
        LOT,
        col("kind", "Step on the road of a lot out of specification"),
        col("favourable", "Risk acceptable, or product accepted (Y/N); empty for the other steps"),
        col("text", "Reason", free_text=True),
        col("at", "At (UTC)"),
        *RECORDED,
    ),
    "bags": (
        LOT,
        col("bag", "Bag", "number", free_text=True),
        col("european_code", "Single European Code"),
        col("scheme", "Coding scheme"),
        col("cells", "Viable cells at filling"),
        col("volume_ul", "Volume at filling (µL)"),
        *RECORDED,
    ),
    "bag_movements": (
        LOT,
        col("bag", "Bag", "bag__number", free_text=True),
        col("number", "Number of the movement of the bag", "position"),
        col("kind", "Movement"),
        col("source", "From"),
        col("target", "To"),
        col("volume_ul", "Volume (µL)"),
        col("at", "At (UTC)"),
        col("place", "Storage place afterwards", free_text=True),
        PATIENT,
        INFUSION,
        col("lowest_c", "Lowest temperature (°C)"),
        col("highest_c", "Highest temperature (°C)"),
        col("minutes", "Minutes of the excursion"),
        col("carrier", "Brought or received by", free_text=True),
        col("logger", "Temperature logger", free_text=True),
        col("note", "Note", free_text=True),
        col("late", "Recorded late (Y/N)"),
        computed("stops", "Hard stops in spite of which it was accepted", words, "stops"),
        col("reversed_by", "Number of the movement that reversed it", "reversed_by__position"),
        col("judged", "Assessment of the excursion"),
        col("judged_reason", "Reason of the assessment", free_text=True),
        col("judged_by", "Assessed by", "judged_by__full_name", free_text=True),
        col("judged_at", "Assessed at (UTC)"),
        *RECORDED,
    ),
    "worksheet_steps": (
        PATIENT,
        INFUSION,
        col("step_id", "Id of the step", "id"),
        col("kind", "Step"),
        col("bag", "Bag that was chosen", "bag__number", free_text=True),
        col("at", "At (UTC)"),
        col("source", "Paper from which it was transcribed", free_text=True),
        col("written_at", "Written on paper at (UTC)"),
        col("read_by", "Second reader", "read_by__full_name", free_text=True),
        col("read_at", "Compared with the paper at (UTC)"),
        *RECORDED,
        col("struck_out_reason", "Struck out because", free_text=True),
    ),
    "worksheet_values": (
        PATIENT,
        INFUSION,
        col("step_id", "Id of the step", "id"),
        col("kind", "Step"),
        several("name", "Name of the value", names_of, "values"),
        several("value", "Value as typed", texts_of, "values", free_text=True),
    ),
    "instructions": (
        PATIENT,
        col("number", "Number of the instruction in each patient"),
        LOT,
        col("text", "What the investigator had to do", free_text=True),
        col("reason", "Reason", free_text=True),
        col("issued_by", "Issued by", "issued_by__full_name", free_text=True),
        col("issued_at", "Issued at (UTC)"),
        col("opened_by", "Opened by", "opened_by__full_name", free_text=True),
        col("opened_at", "Opened at (UTC)"),
    ),
    "recipient_openings": (
        LOT,
        computed("patients", "Keys of the patients", words, "patients"),
        col("reason", "Reason", free_text=True),
        col("opened_by", "Opened by", "opened_by__full_name", free_text=True),
        col("opened_at", "Opened at (UTC)"),
    ),
    "product_queries": (
        PATIENT,
        col("query", "Number of the product query", "id"),
        col("about", "Kind of row it is about", "target"),
        col("about_row", "Key of the row", "target_id"),
        col("item", "Fact of the row"),
        col("status", "Status", "state"),
        col("raised_by", "Raised by", "origin"),
        col("raised_by_person", "Person who raised it", "opened_by__full_name", free_text=True),
        col("question", "Question", "text", free_text=True),
        col("opened_at", "Opened at (UTC)"),
        col("closed_at", "Closed at (UTC)"),
        col("closed_because", "Closed because", free_text=True),
    ),
    "product_query_messages": (
        col("patient", "Subject code", "query__patient__code"),
        col("query", "Number of the product query", "query_id"),
        col("at", "Said at (UTC)"),
        col("said_by", "Author", "author__full_name", free_text=True),
        col("role", "Role at that time", "author_role"),
        col("text", "Message", free_text=True),
    ),
    "product_marks": (
        PATIENT,
        col("about", "Kind of row it is on", "target"),
        col("about_row", "Key of the row", "target_id"),
        col("item", "Fact of the row"),
        col("mark", "Mark", "kind"),
        col("marked_by", "Marked by", "by__full_name", free_text=True),
        col("role", "Role at that time"),
        col("marked_at", "Marked at (UTC)", "at"),
        col("undone_at", "Undone at (UTC)"),
        computed("undone_by", "Undone by a change of", undone_by, "undone", free_text=True),
        computed("undone_because", "Reason of that change", undone_because, "undone", free_text=True),
    ),
    "stop_overrides": (
        PATIENT,
        INFUSION,
        col("stop", "Hard stop"),
        col("reason", "Reason", free_text=True),
        col("requested_by", "Recorded by", "requested_by__full_name", free_text=True),
        col("requested_at", "Recorded at (UTC)"),
    ),
}
TITLES = {
    "donors": gettext_noop("Donors"),
    "donor_answers": gettext_noop("Answers of the donors"),
    "donor_criteria": gettext_noop("Criteria of the donors"),
    "donor_decisions": gettext_noop("Decisions about donors"),
    "donations": gettext_noop("Donations"),
    "cell_banks": gettext_noop("Cell banks"),
    "lots": gettext_noop("Lots"),
    "lot_results": gettext_noop("Results of the release tests"),
    "lot_decisions": gettext_noop("Decisions about lots"),
    "lot_certificates": gettext_noop("Certificates of lots"),
    "exceptional_steps": gettext_noop("Uses of products out of specification"),
    "bags": gettext_noop("Bags"),
    "bag_movements": gettext_noop("Movements of the bags"),
    "worksheet_steps": gettext_noop("Steps of the preparations"),
    "worksheet_values": gettext_noop("Values of the preparations"),
    "instructions": gettext_noop("Instructions for treatment"),
    "recipient_openings": gettext_noop("Openings of the recipients of a lot"),
    "product_queries": gettext_noop("Queries on the product"),
    "product_query_messages": gettext_noop("Messages of the queries on the product"),
    "product_marks": gettext_noop("Source verification of the product"),
    "stop_overrides": gettext_noop("Hard stops that were overridden"),
}


def querysets(trial: Trial) -> dict[str, QuerySet[Any]]:
    """Return the rows of each table. The caller makes sure that the reader may know the treatment."""
    donors = Donor.objects.filter(trial=trial).order_by("code")
    steps = WorksheetStep.objects.filter(patient__trial=trial)
    steps = steps.order_by("patient__number", "infusion__number", "pk")
    return {
        "donors": donors,
        "donor_answers": donors,
        "donor_criteria": donors,
        "donor_decisions": DonorDecision.objects.filter(trial=trial).order_by("donor__code", "pk"),
        "donations": Donation.objects.filter(trial=trial).order_by("identification"),
        "cell_banks": CellBank.objects.filter(trial=trial).order_by("code"),
        "lots": Lot.objects.filter(trial=trial).order_by("number"),
        "lot_results": LotResult.objects.filter(trial=trial).order_by("lot__number", "pk"),
        "lot_decisions": LotDecision.objects.filter(trial=trial).order_by("lot__number", "pk"),
        "lot_certificates": LotCertificate.objects.filter(trial=trial).order_by("lot__number", "pk"),
        "exceptional_steps": ExceptionalStep.objects.filter(patient__trial=trial).order_by(
            "patient__number", "infusion__number", "lot__number", "pk"
        ),
        "bags": Bag.objects.filter(trial=trial).order_by("number"),
        "bag_movements": BagMovement.objects.filter(trial=trial).order_by("bag__number", "position"),
        "worksheet_steps": steps,
        "worksheet_values": steps,
        "instructions": TreatmentInstruction.objects.filter(patient__trial=trial).order_by(
            "patient__number", "number"
        ),
        "recipient_openings": RecipientsOpening.objects.filter(trial=trial).order_by("pk"),
        "product_queries": ProductQuery.objects.filter(patient__trial=trial).order_by(
            "patient__number", "pk"
        ),
        "product_query_messages": ProductQueryMessage.objects.filter(query__patient__trial=trial).order_by(
            "query__patient__number", "query_id", "pk"
        ),
        "product_marks": ProductMark.objects.filter(patient__trial=trial).order_by("patient__number", "pk"),
        "stop_overrides": StopOverride.objects.filter(patient__trial=trial).order_by(
            "patient__number", "infusion__number", "pk"
        ),
    }
