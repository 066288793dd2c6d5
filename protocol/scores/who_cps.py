"""WHO Clinical Progression Scale, 0 (uninfected) to 10 (dead), proposed from the support the patient receives.

Source: WHO Working Group, Lancet Infect Dis 2020, as printed in BMJ Open table 1. A person confirms the category.
"""

from decimal import Decimal
from typing import Final

from protocol.scores.derived import Derived, absent, inputs_unknown, refused

SUPPORTS: Final = ("AIR", "LOW_FLOW", "HIGH_FLOW", "NIV", "IMV")
AMBULATORY: Final = {"NO_VIRUS": 0, "ASYMPTOMATIC": 1, "INDEPENDENT": 2, "ASSISTED": 3}
CATEGORIES: Final = tuple(str(category) for category in range(11))
UNCOVERED: Final = "the printed scale has no category for ECMO or dialysis with this oxygenation or support"
_PF_POOR: Final = Decimal(150)
_SF_POOR: Final = Decimal(200)
_BY_SUPPORT: Final = {"AIR": 4, "LOW_FLOW": 5, "HIGH_FLOW": 6, "NIV": 6}


def who_cps(
    *,
    dead: bool | None,
    hospitalised: bool | None,
    ambulatory: str | None,
    support: str | None,
    pf_mmhg: Decimal | None,
    sf: Decimal | None,
    vasopressors: bool | None,
    dialysis: bool | None,
    ecmo: bool | None,
) -> Derived[int]:
    """Return the proposed category: 10 dead, 0–3 ambulatory, 4–9 in hospital by the support given.

    ``ambulatory``: NO_VIRUS, ASYMPTOMATIC, INDEPENDENT or ASSISTED. ``support``: AIR, LOW_FLOW, HIGH_FLOW, NIV or IMV;
    a patient with support is alive. ``pf_mmhg`` is PaO2/FiO2; ``sf``, SpO2/FiO2, is used if there is no blood gas.
    """
    if dead:
        return Derived(10)
    if hospitalised is None:
        return inputs_unknown("hospitalised")
    if not hospitalised:
        return _ambulatory(dead, ambulatory)
    if support is None:
        return inputs_unknown("support")
    if support == "IMV":
        return _ventilated(poor_oxygenation(pf_mmhg, sf), vasopressors, dialysis, ecmo)
    if ecmo is None:
        return inputs_unknown("ecmo")
    if ecmo:
        return refused(UNCOVERED)
    return Derived(_BY_SUPPORT[support]) if support in _BY_SUPPORT else refused(f"unknown support {support}")


def poor_oxygenation(pf_mmhg: Decimal | None, sf: Decimal | None) -> bool | None:
    """Return True if PaO2/FiO2 is below 150 mmHg, or, without PaO2/FiO2, SpO2/FiO2 is below 200."""
    if pf_mmhg is not None:
        return pf_mmhg < _PF_POOR
    return None if sf is None else sf < _SF_POOR


def uncovered(
    *,
    support: str | None,
    pf_mmhg: Decimal | None,
    sf: Decimal | None,
    dialysis: bool | None,
    ecmo: bool | None,
) -> bool | None:
    """Return True if the printed scale has no category for the patient; None if that is not known.

    It has none for ventilation with ECMO or dialysis if oxygenation is not poor, and for ECMO without ventilation.
    """
    if support is None:
        return None
    if support != "IMV":
        return ecmo
    poor, organ = poor_oxygenation(pf_mmhg, sf), _any(dialysis, ecmo)
    if poor is True or organ is False:
        return False
    return None if poor is None else organ


def _ambulatory(dead: bool | None, ambulatory: str | None) -> Derived[int]:
    if dead is None or ambulatory is None:
        return inputs_unknown(*absent({"dead": dead, "ambulatory": ambulatory}))
    return Derived(AMBULATORY[ambulatory]) if ambulatory in AMBULATORY else refused(f"unknown {ambulatory}")


def _ventilated(
    poor: bool | None, vasopressors: bool | None, dialysis: bool | None, ecmo: bool | None
) -> Derived[int]:
    organs = {"vasopressors": vasopressors, "dialysis": dialysis, "ecmo": ecmo}
    if poor is None:
        return inputs_unknown("pf_mmhg", "sf", *absent(organs))
    if poor:
        any_organ = _any(*organs.values())
        return inputs_unknown(*absent(organs)) if any_organ is None else Derived(9 if any_organ else 8)
    if _any(dialysis, ecmo):
        return refused(UNCOVERED)
    unknown = absent(organs)
    return inputs_unknown(*unknown) if unknown else Derived(8 if vasopressors else 7)


def _any(*answers: bool | None) -> bool | None:
    if any(answers):
        return True
    return None if None in answers else False
