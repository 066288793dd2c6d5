"""The 27 system organ classes of MedDRA, with their codes in the registers.

EudraCT names a class by its number in the agency's list of terms (EUTCT), ClinicalTrials.gov by its words.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class OrganClass:
    """A system organ class: MedDRA code, EUTCT number and version, words."""

    code: str
    eutct: int
    name: str
    eutct_version: int = 22


ORGAN_CLASSES = (
    OrganClass("10005329", 100000004851, "Blood and lymphatic system disorders"),
    OrganClass("10007541", 100000004849, "Cardiac disorders"),
    OrganClass("10010331", 100000004850, "Congenital, familial and genetic disorders"),
    OrganClass("10013993", 100000004854, "Ear and labyrinth disorders"),
    OrganClass("10014698", 100000004860, "Endocrine disorders"),
    OrganClass("10015919", 100000004853, "Eye disorders"),
    OrganClass("10017947", 100000004856, "Gastrointestinal disorders"),
    OrganClass("10018065", 100000004867, "General disorders and administration site conditions"),
    OrganClass("10019805", 100000004871, "Hepatobiliary disorders"),
    OrganClass("10021428", 100000004870, "Immune system disorders"),
    OrganClass("10021881", 100000004862, "Infections and infestations"),
    OrganClass("10022117", 100000004863, "Injury, poisoning and procedural complications"),
    OrganClass("10022891", 100000004848, "Investigations"),
    OrganClass("10027433", 100000004861, "Metabolism and nutrition disorders"),
    OrganClass("10028395", 100000004859, "Musculoskeletal and connective tissue disorders"),
    OrganClass(
        "10029104", 100000004864, "Neoplasms benign, malignant and unspecified (incl cysts and polyps)"
    ),
    OrganClass("10029205", 100000004852, "Nervous system disorders"),
    OrganClass("10036585", 100000004868, "Pregnancy, puerperium and perinatal conditions"),
    OrganClass("10077536", 100000167503, "Product issues", eutct_version=3),
    OrganClass("10037175", 100000004873, "Psychiatric disorders"),
    OrganClass("10038359", 100000004857, "Renal and urinary disorders"),
    OrganClass("10038604", 100000004872, "Reproductive system and breast disorders"),
    OrganClass("10038738", 100000004855, "Respiratory, thoracic and mediastinal disorders"),
    OrganClass("10040785", 100000004858, "Skin and subcutaneous tissue disorders"),
    OrganClass("10041244", 100000004869, "Social circumstances"),
    OrganClass("10042613", 100000004865, "Surgical and medical procedures"),
    OrganClass("10047065", 100000004866, "Vascular disorders"),
)
BY_CODE = {each.code: each for each in ORGAN_CLASSES}
BY_NAME = {each.name.casefold(): each for each in ORGAN_CLASSES}


def organ_class(text: str) -> OrganClass | None:
    """Return the class with a MedDRA code or with these words, in upper or lower case; None for another text."""
    return BY_CODE.get(text) or BY_NAME.get(text.casefold())
