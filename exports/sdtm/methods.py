"""How derived variables are computed, as Define-XML states it. The code that computes them is named. No Django."""

from typing import Final

from exports.sdtm.standard.tables import Variable

METHODS: Final = {
    "SEQ": (
        "Sequence number",
        "Counts the records of the subject in the data set, by date, visit and order of entry.",
    ),
    "DY": (
        "Study day",
        "Days from the day of the first infusion (RFSTDTC) to the day of the date; 1 is added from that day on, so that"
        " there is no day 0. Blank if one of the days is not known in full.",
    ),
    "LOBXFL": (
        "Last observation before exposure",
        "Y for the last result of the test (with the same object, category, specimen and method) that is not after the start of"
        " the first infusion (RFXSTDTC). A result of the same day without a time does not count.",
    ),
    "EPOCH": (
        "Epoch",
        "The last element of the subject (SE) that had begun at the start of the observation, or at its date; a day without a"
        " time belongs to the later of two elements that meet on it.",
    ),
    "STRESC": (
        "Standard result",
        "The result in the standard unit of the protocol, or the controlled term of the choice.",
    ),
    "STRESN": (
        "Numeric result",
        "The standard result as a number; blank for a result beyond a limit of detection.",
    ),
    "STRESU": ("Standard unit", "The unit of the item in the protocol file as a term of the code list UNIT."),
    "USUBJID": ("Unique subject identifier", "STUDYID, a hyphen and SUBJID."),
    "RFSTDTC": ("Start of the reference period", "Start of the first infusion that was given."),
    "RFENDTC": ("End of the reference period", "Day of the end of participation of a treated subject."),
    "RFXSTDTC": ("First exposure", "Start of the first infusion that was given."),
    "RFXENDTC": ("Last exposure", "End of the last infusion that was given."),
    "DTHFL": ("Death flag", "Y if a form holds the date of death, or participation ended by death."),
    "ACTARM": (
        "Actual arm",
        "The planned arm, unless the product of the first infusion belongs to the other arm. Blank without an infusion.",
    ),
    "DUR": ("Duration", "Minutes from the start to the end of the infusion."),
    "EXDOSE": ("Dose", "Viable cells infused in millions; 0 for a product without cells."),
    "SERIOUS": ("Seriousness", "Y if one of the six criteria of ICH E2A applies."),
    "CONTRT": ("Treated", "Y if a treatment of the event was recorded."),
    "END": (
        "End relative to a day",
        "ONGOING at the day of the visit, or on the last day known of the subject, if the item says that it goes on; BEFORE if"
        " it had ended by the visit.",
    ),
    "ELEMENT": (
        "Start and end of an element",
        "Screening begins with the first consent, treatment with the first infusion, follow-up with the end of the last infusion"
        " once no other is to come. An element ends when the next one begins, the last one with participation.",
    ),
    "SVOCCUR": ("Visit occurred", "Y for a planned visit that was held, N for one that was missed."),
    "TIMEPOINT": (
        "Reference time point",
        "Start or end of the infusion from which the planned time is counted.",
    ),
    "LINK": ("Link", "INF and the number of the infusion, the same in EC and EX."),
    "RELATION": ("Relation", "Counts the relations of the subject; the records of one have the same number."),
    "POINTER": ("Pointer", "Sequence number of the record that is meant."),
}
NAMED: Final = {
    "AESER": "SERIOUS", "AECONTRT": "CONTRT", "ACTARMCD": "ACTARM", "SESTDTC": "ELEMENT", "SEENDTC": "ELEMENT",
    "RELID": "RELATION", "IDVARVAL": "POINTER",
}  # fmt: skip
BY_ENDING: Final = {
    "STDY": "DY", "ENDY": "DY", "ENRTPT": "END", "ENTPT": "END", "TPTREF": "TIMEPOINT", "RFTDTC": "TIMEPOINT",
    "LNKID": "LINK",
}  # fmt: skip


def method_of(variable: Variable) -> str:
    """Return the name of the method of a derived variable. Raises KeyError if none is stated."""
    if variable.name in METHODS:
        return variable.name
    if variable.name in NAMED:
        return NAMED[variable.name]
    ending = variable.name[2:]
    found = BY_ENDING.get(ending, ending)
    METHODS[found]
    return found
