"""NEWS2, the National Early Warning Score: seven components, total 0 to 20, and the clinical risk.

Source: Royal College of Physicians 2017, chart 1; both SpO2 scales. None means "not known".
"""

from decimal import Decimal
from typing import Final

from protocol.scores.derived import Derived, ScoreTable, absent, inputs_unknown, refused, total

SCALES: Final = ("1", "2")
LEVELS: Final = ("A", "C", "V", "P", "U")
RISKS: Final = ("LOW", "LOW_MEDIUM", "MEDIUM", "HIGH")
_RATE: Final = ScoreTable((">=", "25", 3), (">=", "21", 2), (">=", "12", 0), (">=", "9", 1), otherwise=3)
_SCALE_1: Final = ScoreTable((">=", "96", 0), (">=", "94", 1), (">=", "92", 2), otherwise=3)
_SCALE_2: Final = ScoreTable((">=", "88", 0), (">=", "86", 1), (">=", "84", 2), otherwise=3)
_SCALE_2_ON_OXYGEN: Final = ScoreTable((">=", "97", 3), (">=", "95", 2), otherwise=1)
_ABOVE_TARGET: Final = Decimal(93)
_SYSTOLIC: Final = ScoreTable(
    (">=", "220", 3), (">=", "111", 0), (">=", "101", 1), (">=", "91", 2), otherwise=3
)
_PULSE: Final = ScoreTable(
    (">=", "131", 3), (">=", "111", 2), (">=", "91", 1), (">=", "51", 0), (">=", "41", 1), otherwise=3
)
_TEMPERATURE: Final = ScoreTable(
    (">=", "39.1", 2), (">=", "38.1", 1), (">=", "36.1", 0), (">=", "35.1", 1), otherwise=3
)


def respiration_rate(breaths_per_min: Decimal | None) -> Derived[int]:
    """Return points for breaths per minute."""
    return _RATE.score("breaths_per_min", breaths_per_min)


def saturation(spo2_percent: Decimal | None, scale: str | None, on_oxygen: bool | None) -> Derived[int]:
    """Return points for SpO2 in %, on scale "1", or "2" for a target of 88 to 92 % in hypercapnic failure."""
    missing = absent({"spo2_percent": spo2_percent, "scale": scale})
    if spo2_percent is None or scale is None:
        return inputs_unknown(*missing)
    if scale == "1":
        return Derived(_SCALE_1.points(spo2_percent))
    if scale != "2":
        return refused(f"no SpO2 scale {scale}")
    if spo2_percent < _ABOVE_TARGET:
        return Derived(_SCALE_2.points(spo2_percent))
    if on_oxygen is None:
        return inputs_unknown("on_oxygen")
    return Derived(_SCALE_2_ON_OXYGEN.points(spo2_percent) if on_oxygen else 0)


def oxygen(on_oxygen: bool | None) -> Derived[int]:
    """Return 2 points for supplemental oxygen, 0 for air."""
    return inputs_unknown("on_oxygen") if on_oxygen is None else Derived(2 if on_oxygen else 0)


def systolic_pressure(sbp_mmhg: Decimal | None) -> Derived[int]:
    """Return points for systolic pressure in mmHg."""
    return _SYSTOLIC.score("sbp_mmhg", sbp_mmhg)


def pulse(beats_per_min: Decimal | None) -> Derived[int]:
    """Return points for beats per minute."""
    return _PULSE.score("beats_per_min", beats_per_min)


def consciousness(level: str | None) -> Derived[int]:
    """Return points for the ACVPU level: 0 if alert; 3 if confused, responding to voice or pain, or unresponsive."""
    if level is None:
        return inputs_unknown("level")
    return Derived(0 if level == "A" else 3) if level in LEVELS else refused(f"no level {level}")


def temperature(celsius: Decimal | None) -> Derived[int]:
    """Return points for the temperature in °C."""
    return _TEMPERATURE.score("celsius", celsius)


def news2_total(
    *,
    respiration_rate: Derived[int],
    saturation: Derived[int],
    oxygen: Derived[int],
    systolic_pressure: Derived[int],
    pulse: Derived[int],
    consciousness: Derived[int],
    temperature: Derived[int],
) -> Derived[int]:
    """Return the sum of the seven components, 0 to 20."""
    return total(
        {
            "respiration_rate": respiration_rate,
            "saturation": saturation,
            "oxygen": oxygen,
            "systolic_pressure": systolic_pressure,
            "pulse": pulse,
            "consciousness": consciousness,
            "temperature": temperature,
        }
    )


def news2_risk(**components: Derived[int]) -> Derived[str]:
    """Return HIGH from 7, MEDIUM from 5, LOW_MEDIUM if one component alone has 3 (urgent review), else LOW."""
    sum_of = news2_total(**components)
    if sum_of.value is None:
        return inputs_unknown(*sum_of.missing)
    if sum_of.value >= 7:
        return Derived("HIGH")
    if sum_of.value >= 5:
        return Derived("MEDIUM")
    return Derived("LOW_MEDIUM" if any(part.value == 3 for part in components.values()) else "LOW")
