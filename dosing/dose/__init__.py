"""The arithmetic of a cell dose, in decimals and without Django.

`planning`: the cells that a patient should get. `products`: bags, volumes, delivered cells, DMSO, times.
`comparison`: a dose against the protocol's range. `body`: weights, predicted weight, body surface.
"""

from dosing.dose.body import (
    Body,
    body_surface_m2,
    changed_too_much,
    is_possible_height,
    is_possible_weight,
    is_usual_weight,
    predicted_weight_kg,
)
from dosing.dose.comparison import (
    MILLION,
    DoseFinding,
    DoseRefused,
    Position,
    compare,
    shown_millions,
    shown_percent,
)
from dosing.dose.planning import (
    PlannedDose,
    cells_per_kg,
    concentrate_volume_ml,
    planned_dose,
    required_cells,
)
from dosing.dose.products import (
    bags_needed,
    delivered_cells,
    dmso_g_per_kg,
    dmso_grams,
    infused_fraction,
    minutes_between,
    position_in,
    rate_per_minute,
)

__all__ = [
    "MILLION",
    "Body",
    "DoseFinding",
    "DoseRefused",
    "PlannedDose",
    "Position",
    "bags_needed",
    "body_surface_m2",
    "cells_per_kg",
    "changed_too_much",
    "compare",
    "concentrate_volume_ml",
    "delivered_cells",
    "dmso_g_per_kg",
    "dmso_grams",
    "infused_fraction",
    "is_possible_height",
    "is_possible_weight",
    "is_usual_weight",
    "minutes_between",
    "planned_dose",
    "position_in",
    "predicted_weight_kg",
    "rate_per_minute",
    "required_cells",
    "shown_millions",
    "shown_percent",
]
