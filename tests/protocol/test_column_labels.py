"""Labels of the columns of data files: every column has one, and no two of an item have the same (P11-03)."""

from protocol.checking.column_labels import PART_LABELS, label_of
from protocol.checking.dictionary import FormTable, tables, tables_of
from tests.support.protocols.every_type import EVERY_TYPE
from tests.support.protocols.shipped import COVID_MSV, LIEGE, THIRD, protocol


def all_tables() -> list[FormTable]:
    shipped = [table for slug in (COVID_MSV, LIEGE, THIRD) for table in tables(protocol(slug))]
    return [*shipped, *tables_of(EVERY_TYPE)]


def test_no_two_columns_of_an_item_have_the_same_label() -> None:
    """P11-03: a data file of SAS or SPSS shows labels, not names."""
    used = set()
    for table in all_tables():
        for item in table.items:
            labels = [label_of(item, column) for column in table.columns_of(item)]
            assert len(set(labels)) == len(labels), (table.name, item.name, labels)
            assert all(label.startswith(item.label.in_language("en")) for label in labels)
            used |= {label.rpartition(": ")[2] for label in labels}
    assert set(PART_LABELS.values()) <= used


def test_a_choice_that_may_be_several_is_labelled_by_its_words() -> None:
    (item,) = (each for each in EVERY_TYPE.items if each.type == "choices")
    code = item.choices[0]
    assert label_of(item, f"{item.name}__{code.code}") == f"{item.label}: {code.label}"
    assert label_of(item, f"{item.name}__missing") == f"{item.label}: missing code"
