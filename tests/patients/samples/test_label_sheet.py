"""Label sheets, read back: drawn as a printer draws them, decoded by a library that shares nothing with ours."""

import io

import pypdf
import pypdfium2
import pytest
import zxingcpp

from patients.samples.identifiers import read_code, sample_code
from patients.samples.label_sheet import COLUMNS, ROWS, Label, label_sheet

DOTS_PER_POINT = 4


def labels(count: int) -> list[Label]:
    codes = [
        sample_code(trial=2, patient=12, sample=3 + number // 90, aliquot=number % 90 + 1)
        for number in range(count)
    ]
    return [Label(code, ("LIE-012", "D7 PLASMA 0.5 mL")) for code in codes]


def decoded(sheet: bytes, page: int = 0) -> dict[str, tuple[float, float]]:
    """Return by code on a page the place of its corner, in points from the top left."""
    drawn = pypdfium2.PdfDocument(sheet)[page].render(scale=DOTS_PER_POINT, grayscale=True)
    stride, width, height = drawn.stride, drawn.width, drawn.height
    rows = bytes(drawn.buffer)
    grey = bytearray()
    for row in range(height):
        grey += rows[row * stride : row * stride + width]
    image = memoryview(bytes(grey)).cast("B", (height, width))
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return {
        each.text: (each.position.top_left.x / DOTS_PER_POINT, each.position.top_left.y / DOTS_PER_POINT)
        for each in found
    }


@pytest.mark.parametrize("count", [1, 2, COLUMNS * ROWS])
def test_every_label_of_a_sheet_is_read_by_a_scanner(count: int) -> None:
    """what a scanner types is the code of the tube, with its check character."""
    made = labels(count)
    found = decoded(label_sheet(made))
    assert set(found) == {label.code for label in made}
    assert all(read_code(text).patient == 12 for text in found)


def test_the_labels_stand_where_the_sheet_has_them() -> None:
    """The sixth label of a sheet is the first of its second row, 21.2 mm below the first."""
    made = labels(6)
    found = decoded(label_sheet(made))
    first, second, sixth = (found[made[place].code] for place in (0, 1, 5))
    assert sixth[1] - first[1] == pytest.approx(21.2 * 72 / 25.4, abs=1)
    assert second[0] - first[0] == pytest.approx(40.6 * 72 / 25.4, abs=1)
    assert sixth[0] == pytest.approx(first[0], abs=1)
    (begun,) = decoded(label_sheet(made[:1], first=6)).values()
    assert begun == pytest.approx(sixth, abs=1)


def test_more_labels_than_places_take_another_page() -> None:
    made = labels(COLUMNS * ROWS + 2)
    sheet = label_sheet(made)
    assert set(decoded(sheet, 1)) == {label.code for label in made[-2:]}
    assert len(pypdf.PdfReader(io.BytesIO(sheet)).pages) == 2


def test_the_letters_beside_the_code_are_those_of_the_label() -> None:
    """Also with signs that a string of a PDF writes otherwise, and cut where the label ends."""
    made = Label("T2P0012S03A02K", (r"a (b) \ é Ω", "x" * 40))
    text = pypdf.PdfReader(io.BytesIO(label_sheet([made]))).pages[0].extract_text()
    assert r"a (b) \ é ?" in text
    assert "x" * 22 in text
    assert "x" * 23 not in text
    assert "T2P0012S03A02K" in text


@pytest.mark.parametrize(("made", "first"), [([], 1), (labels(1), 0), (labels(1), 66)])
def test_a_sheet_has_a_label_and_sixty_five_places(made: list[Label], first: int) -> None:
    with pytest.raises(ValueError):
        label_sheet(made, first=first)
