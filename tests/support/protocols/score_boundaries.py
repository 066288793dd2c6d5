"""Published tables of the scores as test rows: function, arguments, points. Copied by hand.

Each boundary has the last value of one band and the first of the next; where the publication leaves a gap, also a
value in it.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from protocol.scores import lungs, measures, news2, sofa

Row = tuple[Callable[..., Any], tuple[Any, ...], Any]


def rows(compute: Callable[..., Any], points: dict[str, Any], *after: Any) -> list[Row]:
    """Return rows for a function of one number and fixed further arguments: `{"149.9": 1}`."""
    return [(compute, (Decimal(value), *after), expected) for value, expected in points.items()]


NO, D = Decimal(0), Decimal

SOFA: list[Row] = [
    *rows(sofa.respiration, {"400": 0, "399.9": 1, "300": 1, "299.9": 2, "200": 2, "500": 0}, None),
    *rows(sofa.respiration, {"199.9": 3, "100": 3, "99.9": 4, "0": 4, "200": 2}, True),
    *rows(sofa.respiration, {"199.9": 2, "100": 2, "99.9": 2, "40": 2, "299.9": 2, "300": 1}, False),
    *rows(
        sofa.coagulation,
        {"150": 0, "149.9": 1, "100": 1, "99.9": 2, "50": 2, "49.9": 3, "20": 3, "19.9": 4, "0": 4},
    ),
    *rows(
        sofa.liver,
        {
            "1.1": 0,
            "1.19": 0,
            "1.2": 1,
            "1.9": 1,
            "1.95": 1,
            "2.0": 2,
            "5.9": 2,
            "5.95": 2,
            "6.0": 3,
            "11.9": 3,
        }
        | {"11.99": 3, "12.0": 4, "30": 4},
        "mg/dL",
    ),
    *rows(
        sofa.liver,
        {
            "19.9": 0,
            "20": 1,
            "32": 1,
            "32.5": 1,
            "33": 2,
            "101": 2,
            "101.9": 2,
            "102": 3,
            "204": 3,
            "204.1": 4,
        },
        "umol/L",
    ),
    *rows(
        sofa.renal,
        {
            "1.1": 0,
            "1.19": 0,
            "1.2": 1,
            "1.9": 1,
            "1.95": 1,
            "2.0": 2,
            "3.4": 2,
            "3.45": 2,
            "3.5": 3,
            "4.9": 3,
        }
        | {"4.99": 3, "5.0": 4, "9": 4},
        "mg/dL",
    ),
    *rows(
        sofa.renal,
        {
            "109.9": 0,
            "110": 1,
            "170": 1,
            "170.5": 1,
            "171": 2,
            "299": 2,
            "299.5": 2,
            "300": 3,
            "440": 3,
            "440.1": 4,
        },
        "umol/L",
    ),
    (sofa.renal, (D("1.0"), "mg/dL", D(500)), 0),
    (sofa.renal, (D("1.0"), "mg/dL", D("499.9")), 3),
    (sofa.renal, (D("1.0"), "mg/dL", D(200)), 3),
    (sofa.renal, (D("1.0"), "mg/dL", D("199.9")), 4),
    (sofa.renal, (D("2.0"), "mg/dL", D(3000)), 2),
    (sofa.renal, (D("3.5"), "mg/dL", D(300)), 3),
    (sofa.renal, (D("5.0"), "mg/dL", D(300)), 4),
    (sofa.cardiovascular, (D(70), NO, NO, NO, False), 0),
    (sofa.cardiovascular, (D("69.9"), NO, NO, NO, False), 1),
    (sofa.cardiovascular, (D(90), NO, NO, D("0.1"), False), 2),
    (sofa.cardiovascular, (D(90), NO, NO, D("4.9"), False), 2),
    (sofa.cardiovascular, (D(90), NO, NO, D(5), False), 2),
    (sofa.cardiovascular, (D(90), NO, NO, D("5.1"), False), 3),
    (sofa.cardiovascular, (D(90), NO, NO, D(15), False), 3),
    (sofa.cardiovascular, (D(90), NO, NO, D("15.1"), False), 4),
    (sofa.cardiovascular, (D(90), NO, NO, NO, True), 2),
    (sofa.cardiovascular, (D(60), NO, NO, NO, True), 2),
    (sofa.cardiovascular, (D(90), D("0.01"), NO, NO, False), 3),
    (sofa.cardiovascular, (D(90), D("0.1"), NO, NO, False), 3),
    (sofa.cardiovascular, (D(90), D("0.11"), NO, NO, False), 4),
    (sofa.cardiovascular, (D(90), NO, D("0.01"), NO, False), 3),
    (sofa.cardiovascular, (D(90), NO, D("0.1"), NO, False), 3),
    (sofa.cardiovascular, (D(90), NO, D("0.11"), NO, False), 4),
    (sofa.cardiovascular, (D(90), D("0.05"), NO, D(20), True), 4),
    (sofa.cardiovascular, (D(90), D("0.05"), NO, D(2), True), 3),
    *rows(
        sofa.central_nervous_system,
        {"15": 0, "14": 1, "13": 1, "12": 2, "10": 2, "9": 3, "6": 3, "5": 4, "3": 4},
    ),
]

NEWS2: list[Row] = [
    *rows(
        news2.respiration_rate,
        {"8.9": 3, "11.9": 1, "20.9": 0, "24.9": 2}
        | {"4": 3, "8": 3, "9": 1, "11": 1, "12": 0, "20": 0, "21": 2, "24": 2, "25": 3, "60": 3},
    ),
    *rows(
        news2.saturation, {"70": 3, "91": 3, "92": 2, "93": 2, "94": 1, "95": 1, "96": 0, "100": 0}, "1", None
    ),
    *rows(
        news2.saturation,
        {"70": 3, "83": 3, "84": 2, "85": 2, "86": 1, "87": 1, "88": 0, "92": 0, "93": 0, "97": 0, "100": 0},
        "2",
        False,
    ),
    *rows(
        news2.saturation,
        {"70": 3, "83": 3, "84": 2, "85": 2, "86": 1, "87": 1, "88": 0, "92": 0, "93": 1, "94": 1, "95": 2}
        | {"96": 2, "97": 3, "100": 3},
        "2",
        True,
    ),
    (news2.oxygen, (True,), 2),
    (news2.oxygen, (False,), 0),
    *rows(
        news2.systolic_pressure,
        {"90": 3, "91": 2, "100": 2, "101": 1, "110": 1, "111": 0, "219": 0, "220": 3, "60": 3, "260": 3},
    ),
    *rows(
        news2.pulse,
        {
            "40": 3,
            "41": 1,
            "50": 1,
            "51": 0,
            "90": 0,
            "91": 1,
            "110": 1,
            "111": 2,
            "130": 2,
            "131": 3,
            "20": 3,
        },
    ),
    (news2.consciousness, ("A",), 0),
    *((news2.consciousness, (level,), 3) for level in "CVPU"),
    *rows(
        news2.temperature,
        {"34": 3, "35.0": 3, "35.05": 3, "35.1": 1, "36.0": 1, "36.1": 0, "38.0": 0, "38.1": 1, "39.0": 1}
        | {"39.05": 1, "39.1": 2, "41": 2},
    ),
]

LUNGS: list[Row] = [
    *rows(lungs.murray_chest, {"0": 0, "1": 1, "2": 2, "3": 3, "4": 4}),
    *rows(
        lungs.murray_oxygenation,
        {"300": 0, "299.9": 1, "225": 1, "224.9": 2, "175": 2, "174.9": 3, "100": 3, "99.9": 4, "500": 0},
    ),
    *rows(
        lungs.murray_peep,
        {
            "0": 0,
            "5": 0,
            "5.9": 0,
            "6": 1,
            "8": 1,
            "8.9": 1,
            "9": 2,
            "11": 2,
            "11.9": 2,
            "12": 3,
            "14": 3,
            "14.9": 3,
            "15": 4,
            "20": 4,
        },
    ),
    *rows(
        lungs.murray_compliance,
        {"80": 0, "79.9": 1, "60": 1, "59.9": 2, "40": 2, "39.9": 3, "20": 3, "19.9": 4, "19": 4, "120": 0},
    ),
    (lungs.pf_at_altitude, (D(200), D(1000), D(600)), D(200)),
    (lungs.pf_at_altitude, (D(200), D("1000.1"), D(570)), D(150)),
    (lungs.pf_at_altitude, (D(200), D(700), None), D(200)),
]

MEASURES: list[Row] = [
    (measures.pao2_fio2, (D(65), D(40)), D("162.5")),
    (measures.pao2_fio2, (D(65), D(21)), D(6500) / 21),
    (measures.pao2_fio2, (D(65), D(100)), D(65)),
    (measures.spo2_fio2, (D(92), D(40)), D(230)),
    *rows(
        measures.fio2_from_flow,
        {"0": 21, "2": 25, "4": 30, "6": 40, "7": 40, "8": 40, "9": 50, "10": 50}
        | dict.fromkeys(["0.1", "1", "1.9", "2.1", "3", "5", "5.9", "8.1", "8.9", "10.1", "15"]),
    ),
    (measures.mean_arterial_pressure, (D(120), D(75)), D(90)),
    (measures.body_mass_index, (D(70), D(175)), D(700_000) / D(30_625)),
    (measures.body_mass_index, (D(100), D(200)), D(25)),
    (measures.body_mass_index, (D("0.006"), D(1)), D(60)),
    (measures.predicted_body_weight, ("M", D("152.4")), D(50)),
    (measures.predicted_body_weight, ("F", D("152.4")), D("45.5")),
    (measures.predicted_body_weight, ("M", D(175)), D("70.566")),
    (measures.predicted_body_weight, ("F", D("162.5")), D("54.691")),
    (measures.predicted_body_weight, ("M", D(150)), D("47.816")),
]

ALL = [*SOFA, *NEWS2, *LUNGS, *MEASURES]
