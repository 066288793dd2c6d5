"""The letters of the roles, and groups of roles that have a right together.

Nothing here is imported from the application.
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
