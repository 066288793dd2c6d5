"""DV: the deviations that stand. Those of the product tell the arm: who may not know it gets the general log only."""

from collections.abc import Iterator

from audit.stored_text import english
from exports.sdtm.observations import TEXT_LIMIT, Observation, pieces
from exports.sdtm.subject import Subject


def deviations(subject: Subject) -> Iterator[Observation]:
    """Yield the deviations of a subject, each with the rest of a long text as a comment."""
    for row in subject.deviations:
        yield _deviation(
            f"D-{row.number}",
            row.category,
            row.classification,
            row.occurred_on,
            english(row.description),
            row.action_taken,
        )
    for found in subject.product_deviations:
        yield _deviation(
            f"P-{found['number']}",
            found["category"],
            found["classification"],
            found["occurred_on"],
            english(found["description"]),
            found["action_taken"],
        )


def _deviation(
    number: str, category: str, classification: str, occurred: str, description: str, action: str
) -> Observation:
    first, *rest = [*pieces(description, TEXT_LIMIT)] or [""]
    values = {
        "DVSPID": number,
        "DVTERM": first,
        "DVCAT": category.replace("_", " ").upper(),
        "DVSCAT": classification.upper(),
        "DVSTDTC": occurred,
    }
    row = Observation("DV", values, moment=occurred, source="deviations.description")
    row.comments += [text for text in (" ".join(rest), action) if text]
    return row
