"""UCUM codes typed by hand from outside sources: code, unit as a protocol file writes it, description of the source.

COMMON: "Table of Example UCUM Codes for Electronic Messaging", version 1.5, Regenstrief Institute and The UCUM
Organization, https://ucum.org (descriptions as printed there). COMPOSED: codes that this table does not hold, built
from the atoms of the UCUM specification, version 2.2 of 2024-06-17 (§ 6 for annotations in braces, the tables of units
for the names).
"""

COMMON = """
% | % | percent
% | % of CD4 | percent
{ratio} | ratio | ratio
{score} | score | score
{score} | points | score
[pH] | pH | pH
{count} | count | count
kg | kg | kilogram
g | g | gram
[lb_av] | lb | pound (US and British)
cm | cm | centimeter
m | m | meter
mm | mm | millimeter
[in_i] | in | inch (international)
kg/m2 | kg/m2 | kilogram per square meter
Cel | Cel | degree Celsius
[degF] | degF | degree Fahrenheit
mm[Hg] | mmHg | millimeter of mercury
kPa | kPa | kilopascal
cm[H2O] | cmH2O | centimeter of water
{beats}/min | beats/min | heart beats per minute
{breaths}/min | breaths/min | breaths per minute
a | years | year
mo | months | month
wk | weeks | week
d | days | day
h | h | hour
min | min | minute
s | s | second
ms | ms | millisecond
L | L | liter
mL | mL | milliliter
uL | uL | microliter
L/min | L/min | liter per minute
mL/h | mL/h | milliliter per hour
mL/min | mL/min | milliliter per minute
mL/min/{1.73_m2} | mL/min/1.73m2 | milliliter per minute per 1.73 square meter
mL/d | mL/d | milliliter per day
mL/kg | mL/kg | milliliter per kilogram
mL/cm[H2O] | mL/cmH2O | milliliter per centimeter of water
L/L | L/L | liter per liter
10*12/L | 10^12/L | trillion per liter
10*9/L | 10^9/L | billion per liter
10*6/L | 10^6/L | million per liter
10*3/uL | 10^3/uL | thousand per microliter
10*6/uL | 10^6/uL | million per microliter
/uL | /uL | per microliter
{cells}/uL | cells/uL | cells per microliter
{copies}/mL | copies/mL | copies per milliliter
g/L | g/L | gram per liter
g/dL | g/dL | gram per deciliter
mg | mg | milligram
ug | ug | microgram
mg/L | mg/L | milligram per liter
mg/dL | mg/dL | milligram per deciliter
mg/dL | mg/dL BUN | milligram per deciliter
mg/d | mg/d | milligram per day
mg/kg | mg/kg | milligram per kilogram
ug/L | ug/L | microgram per liter
ug/mL | ug/mL | microgram per milliliter
ug/dL | ug/dL | microgram per deciliter
ug{FEU}/mL | ug/mL FEU | microgram fibrinogen equivalent unit per milliliter
ng/mL | ng/mL | nanogram per milliliter
ng{FEU}/mL | ng/mL FEU | nanogram fibrinogen equivalent unit per milliliter
ng/L | ng/L | nanogram per liter
pg/mL | pg/mL | picogram per milliliter
mol/L | mol/L | mole per liter
mmol/L | mmol/L | millimole per liter
umol/L | umol/L | micromole per liter
nmol/L | nmol/L | nanomole per liter
pmol/L | pmol/L | picomole per liter
mmol/mol | mmol/mol | millimole per mole
U/L | U/L | enzyme unit per liter
U/mL | U/mL | enzyme unit per milliliter
[IU]/L | IU/L | international unit per liter
[IU]/mL | IU/mL | international unit per milliliter
mosm/kg | mOsm/kg | milliosmole per kilogram
ug/min | ug/min | microgram per minute
ug/kg/min | ug/kg/min | microgram per kilogram per minute
mg/h | mg/h | milligram per hour
U/min | U/min | enzyme unit per minute
"""
COMPOSED = """
1 | fraction | the unity
mL/min/mm[Hg] | mL/min/mmHg | milliliter per minute per millimeter of mercury column
mmol/min/kPa | mmol/min/kPa | millimole per minute per kilopascal
10*6.{cells} | 10^6 cells | million, annotated as cells
10*6.{cells}/kg | 10^6 cells/kg | million, annotated as cells, per kilogram
10*6.{cells}/mL | 10^6 cells/mL | million, annotated as cells, per milliliter
ng{DDU}/mL | ng/mL DDU | nanogram, annotated as D-dimer units, per milliliter
ukat/L | ukat/L | microkatal per liter
{EU}/mL | EU/mL | annotated as endotoxin units, per milliliter; [EU] is the Ehrlich unit
"""


def typed(table: str) -> dict[str, str]:
    """Return the UCUM code by unit."""
    found = {}
    for line in table.strip().splitlines():
        code, unit, _description = line.split(" | ")
        found[unit] = code
    return found
