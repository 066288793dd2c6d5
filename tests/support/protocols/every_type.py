"""A form with an item of every type, and a stored value for each."""

from typing import Any

from protocol.document.items import Form


def _choices(*codes: str) -> list[dict[str, Any]]:
    return [{"code": code, "label": {"en": f"Choice {code}"}} for code in codes]


EVERY_TYPE = Form.model_validate(
    {
        "code": "all",
        "title": {"en": "Everything <b>"},
        "items": [
            {"name": "count", "type": "integer", "label": {"en": "Count"}},
            {
                "name": "hb",
                "type": "decimal",
                "label": {"en": "Haemoglobin"},
                "unit": "g/L",
                "units": [{"unit": "g/dL", "factor": "10"}],
            },
            {
                "name": "weight",
                "type": "decimal",
                "label": {"en": "Weight"},
                "unit": "kg",
                "soft": [40, 200],
            },
            {"name": "word", "type": "text", "label": {"en": "Word"}, "max_length": 20},
            {"name": "story", "type": "text", "label": {"en": "Story"}, "required": False},
            {"name": "sex", "type": "choice", "label": {"en": "Sex"}, "choices": _choices("F", "M")},
            {"name": "organ", "type": "choice", "label": {"en": "Organ"}, "choices": _choices(*"ABCDEFGH")},
            {
                "name": "signs",
                "type": "choices",
                "label": {"en": "Signs"},
                "choices": _choices("C", "A", "B"),
            },
            {"name": "agreed", "type": "yes_no", "label": {"en": "Agreed"}},
            {"name": "on", "type": "date", "label": {"en": "Day"}},
            {"name": "since", "type": "partial_date", "label": {"en": "Since"}},
            {"name": "clock", "type": "time", "label": {"en": "Clock"}},
            {"name": "at", "type": "datetime", "label": {"en": "Moment"}, "help": {"en": "On the ward."}},
            {"name": "twice", "type": "decimal", "label": {"en": "Twice"}, "calculate": "weight * 2.0"},
            {
                "name": "series",
                "type": "rows",
                "label": {"en": "Series"},
                "max_rows": 12,
                "columns": [
                    {
                        "name": "point",
                        "type": "choice",
                        "label": {"en": "Point"},
                        "choices": _choices("T0", "T1"),
                    },
                    {"name": "time", "type": "time", "label": {"en": "Time"}},
                    {"name": "sbp", "type": "integer", "label": {"en": "Systolic"}, "unit": "mmHg"},
                    {"name": "onset", "type": "partial_date", "label": {"en": "Onset"}},
                ],
            },
        ],
    }
)
VALUES: dict[str, Any] = {
    "count": "7",
    "hb": {"value": "125.0", "entered": "12.5", "unit": "g/dL"},
    "weight": {"missing": "ND", "reason": "no scale"},
    "word": "007 ",
    "story": "two\nlines <script>",
    "sex": "F",
    "organ": "C",
    "signs": ["A", "C"],
    "agreed": "N",
    "on": "2025-10-09",
    "since": "2021-01",
    "clock": "09:05",
    "at": "2026-10-25T02:30+01:00[Europe/Brussels]",
    "series": [
        {"_row": "r00000001", "point": "T0", "time": "10:20", "sbp": "124", "onset": "2021"},
        {
            "_row": "r00000002",
            "point": {"missing": "UNK"},
            "time": {"missing": "ND", "reason": "clock broken"},
            "onset": "2021-01-05",
        },
    ],
}
