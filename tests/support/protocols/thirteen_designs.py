"""Thirteen published trials of stromal cells as the lines of `[dosing]`, arms and visits.

Read in the sources: product, dose, number and time of the infusions, days of follow-up. Whatever a line marks as
invented is in no source: tolerances around a published dose, windows of days, and what a source leaves out.
"""

from dataclasses import dataclass
from decimal import Decimal

BASE = """
[trial]
id = "{id}"
version = "1.0"
title = {{ en = "{id}" }}
short_title = "{id}"
masking = "{masking}"
phase = "I/II"
target = {target}
subject_code = "P-{{number:03d}}"
follow_up_days = {days}
site = {{ name = "A site", country = "BE", time_zone = "Europe/Brussels", languages = ["en"] }}
{arms}
[consent]
types = ["patient"]
versions = ["1.0"]
[[eligibility]]
id = "I1"
kind = "inclusion"
text = {{ en = "Adult" }}
met = "body.age >= 18.0"
[dosing]
title = {{ en = "Stromal cells" }}
{dosing}
[[visits]]
code = "SCR"
title = {{ en = "Screening" }}
kind = "screening"
anchor = "screening"
day = 0
forms = ["body"]
{visits}
[forms.body]
title = {{ en = "Body" }}
items = [
  {{ name = "age", type = "integer", label = {{ en = "Age" }} }},
  {{ name = "sex", type = "choice", label = {{ en = "Sex" }}, choices = [
    {{ code = "F", label = {{ en = "Female" }} }},
    {{ code = "M", label = {{ en = "Male" }} }},
  ] }},
  {{ name = "weight", type = "decimal", label = {{ en = "Weight" }}, unit = "kg" }},
  {{ name = "height", type = "decimal", label = {{ en = "Height" }}, unit = "cm" }},
]
[safety]
ctcae = "5.0"
follow_up_days = {days}
"""
RANDOMISED = """
[[arms]]
code = "cells"
title = { en = "Cells" }
cells = true
[[arms]]
code = "control"
title = { en = "Control" }
cells = false
[allocation]
method = "permuted_blocks"
block_sizes = [4]  # invented
ratio = { cells = 1, control = 1 }
"""
TWO_TO_ONE = RANDOMISED.replace("cells = 1, control = 1", "cells = 2, control = 1").replace("[4]", "[3]")
BODY = {"age": "54", "sex": "M", "weight": "80", "height": "175"}
MEN_175 = Decimal("70.566")  # kg, predicted


def infusion(number: int, anchor: str, day: int, window: str = "[0, 1]") -> str:
    """Return the visit of an infusion."""
    return (
        f'[[visits]]\ncode = "INF{number}"\ntitle = {{ en = "Infusion {number}" }}\nkind = "infusion"\n'
        f'infusion = {number}\nanchor = "{anchor}"\nday = {day}\nwindow = {window}\nforms = []\n'
    )


def follow_up(*days: int) -> str:
    """Return follow-up visits counted from inclusion; their forms and windows are invented."""
    return "".join(
        f'[[visits]]\ncode = "D{day}"\ntitle = {{ en = "Day {day}" }}\nkind = "follow_up"\n'
        f'anchor = "inclusion"\nday = {day}\nforms = ["body"]\n'
        for day in days
    )


@dataclass(frozen=True)
class Design:
    """One trial; ``given`` are the viable cells of a right dose of a man of 80 kg and 175 cm, ``percent`` its share."""

    id: str
    target: int
    days: int
    dosing: str
    visits: str
    given: Decimal
    percent: str = "100"
    arms: str = ""
    masked: bool = False

    @property
    def text(self) -> str:
        """Return the whole file."""
        return BASE.format(
            id=self.id,
            masking="double_blind" if self.masked else "open",
            target=self.target,
            days=self.days,
            arms=self.arms,
            dosing=self.dosing,
            visits=self.visits,
        )


DESIGNS = (
    Design(
        "LIEGE", 20, 90,
        'product = "bm_msc"\ninfusions = 3\ninterval_days = [3, 4]\nsame_donor = true\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "1.5e6", target = "3.0e6", highest = "3.0e6" }\n',
        infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 3) + infusion(3, "infusion_2", 3) + follow_up(28, 90),
        Decimal("240e6"),
    ),
    Design(
        "COVID-MSV", 24, 180,
        'product = "msv_allo"\ninfusions = 1\nvolume_ml = 100\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.9e6", target = "1.0e6", highest = "1.1e6" }\n',  # tolerance invented
        infusion(1, "inclusion", 0) + follow_up(28, 180),
        Decimal("80e6"), arms=RANDOMISED, masked=True,
    ),
    Design(
        "STROMA-COV-2", 45, 28,
        # 3 infusions over 5 days: every other day; the tolerance of the dose is invented.
        'product = "uc_msc"\ninfusions = 3\ninterval_days = [2, 2]\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.9e6", target = "1e6", highest = "1.1e6" }\n',
        infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 2) + infusion(3, "infusion_2", 2) + follow_up(28),
        Decimal("80e6"), arms=RANDOMISED, masked=True,
    ),
    Design(
        "LANZONI", 24, 90,
        # the limits of the volume are invented
        'product = "uc_msc"\ninfusions = 2\nvolume_ml = { planned = 50, lowest = 45, highest = 55 }\n'
        'cells = { lowest = "80e6", target = "100e6", highest = "120e6" }\n'
        'windows = [{ infusion = 1, after = "inclusion", hours = [0, 24] }, '
        '{ infusion = 2, after = "inclusion", hours = [0, 72] }]\n',
        infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 2) + follow_up(60, 90),
        Decimal("95e6"), percent="95", arms=RANDOMISED, masked=True,
    ),
    Design(
        "START", 60, 60,
        'product = "bm_msc"\ninfusions = 1\nduration_minutes = [60, 80]\n'
        'height_item = "body.height"\nsex_item = "body.sex"\n'
        'cells_per_kg_predicted = { lowest = "9e6", target = "10e6", highest = "11e6" }\n',  # tolerance invented
        infusion(1, "inclusion", 0) + follow_up(28, 60),
        MEN_175 * 10_000_000, arms=TWO_TO_ONE, masked=True,
    ),
    Design(
        "NCT03818854", 120, 60,  # days of follow-up invented
        'product = "bm_msc"\ninfusions = 1\nvolume_ml = { planned = 300 }\nduration_minutes = [60, 80]\n'
        'height_item = "body.height"\nsex_item = "body.sex"\n'
        'cells_per_kg_predicted = { lowest = "9e6", target = "10e6", highest = "10e6" }\n',  # tolerance invented
        infusion(1, "inclusion", 0) + follow_up(2),
        MEN_175 * 10_000_000, arms=RANDOMISED, masked=True,
    ),
    Design(
        "REBELATTO", 17, 120,
        # every 48 h: six hours around it are invented, as the tolerance of the dose
        'product = "uc_msc"\ninfusions = 3\ninterval_hours = [42, 54]\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.45e6", target = "0.5e6", highest = "0.55e6" }\n',
        infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 2) + infusion(3, "infusion_2", 2) + follow_up(60, 120),
        Decimal("40e6"), arms=RANDOMISED, masked=True,
    ),
    Design(
        "IGLESIAS", 5, 21,
        'product = "uc_msc"\ninfusions = 1\nduration_minutes = [15, 15]\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "1e6", target = "1e6", highest = "1e6" }\n',
        infusion(1, "inclusion", 0) + follow_up(21),
        Decimal("80e6"),
    ),
    Design(
        "SANCHEZ-GUIJO", 13, 28,  # days of follow-up invented
        # one, two or three infusions: those not needed are recorded as not given; median 0.98e6, range invented
        'product = "adipose_msc"\ninfusions = 3\ninterval_days = [2, 5]\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.4e6", target = "1e6", highest = "1.5e6" }\n',
        infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 3) + infusion(3, "infusion_2", 3) + follow_up(28),
        Decimal("78.4e6"), percent="98",
    ),
    Design(
        "KAFFASH-FARKHAD", 20, 17,
        'product = "uc_msc"\ninfusions = 3\ninterval_days = [2, 2]\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.9e6", target = "1e6", highest = "1.1e6" }\n',  # tolerance invented
        infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 2) + infusion(3, "infusion_2", 2)
        + follow_up(5, 10, 17),
        Decimal("80e6"), arms=RANDOMISED,
    ),
    Design(
        "DILOGO", 40, 28,  # days of follow-up invented
        'product = "uc_msc"\ninfusions = 1\nvolume_ml = 100\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.9e6", target = "1e6", highest = "1.1e6" }\n',  # tolerance invented
        infusion(1, "inclusion", 0) + follow_up(28),
        Decimal("80e6"), arms=RANDOMISED, masked=True,
    ),
    Design(
        "NCT04390139", 30, 365,
        # day 1 and day 3: inclusion is day 1 here; the tolerance of the dose is invented
        'product = "wj_msc"\ninfusions = 2\ninterval_days = [2, 2]\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.9e6", target = "1e6", highest = "1.1e6" }\n',
        infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 2) + follow_up(5, 7, 14, 21, 28, 90, 180, 365),
        Decimal("80e6"), arms=RANDOMISED, masked=True,
    ),
    Design(
        "NCT04377334", 40, 28,
        # the source gives neither dose nor infusions: all of this is invented
        'product = "bm_msc"\ninfusions = 1\nweight_item = "body.weight"\n'
        'cells_per_kg = { lowest = "0.9e6", target = "1e6", highest = "1.1e6" }\n',
        infusion(1, "inclusion", 0) + follow_up(1, 2, 3, 10, 15, 28),
        Decimal("80e6"), arms=RANDOMISED,
    ),
)  # fmt: skip
