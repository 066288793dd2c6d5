"""The rules for a temperature excursion, of a place of samples or of a bag of product."""

from decimal import Decimal

from django.utils.translation import gettext as _

COLDEST, WARMEST = Decimal(-273), Decimal(200)


def temperature_errors(lowest_c: Decimal | None, highest_c: Decimal | None) -> dict[str, str]:
    """Return by field the message about extreme temperatures (°C) that cannot be; empty if they can."""
    if highest_c is None:
        return {"highest_c": _("Enter the highest temperature.")}
    found = {}
    for name, value in (("lowest_c", lowest_c), ("highest_c", highest_c)):
        if value is not None and not COLDEST <= value <= WARMEST:
            found[name] = _("A temperature lies between −273 and 200 °C.")
    if lowest_c is not None and lowest_c > highest_c:
        found["lowest_c"] = _("The lowest temperature is above the highest.")
    return found
