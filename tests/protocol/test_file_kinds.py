"""The kind of a file follows from its content: complete, of an accepted kind, and nothing else (SEC-13)."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.values.file_kinds import (
    CUT_OFF,
    DICOM,
    EMPTY,
    HEIC,
    LONGEST_NAME,
    OFFICE,
    TOO_MANY_PIXELS,
    TWO_IN_ONE,
    WRONG_KIND,
    clean_name,
    kind_of,
)
from protocol.values.refusals import ValueRefused
from tests.support.study.file_samples import archive, chunk, jpeg, pdf, png

ALL = ("pdf", "jpeg", "png")
WHOLE = {"pdf": pdf(), "jpeg": jpeg(), "png": png()}


def refusal(data: bytes, allowed: tuple[str, ...] = ALL) -> str:
    with pytest.raises(ValueRefused) as caught:
        kind_of(data, allowed)
    assert "%(" not in caught.value.sentence()
    return caught.value.template


@pytest.mark.parametrize("kind", ALL)
def test_the_kind_of_a_whole_file_is_known_by_its_content(kind: str) -> None:
    assert kind_of(WHOLE[kind], ALL) == kind


@pytest.mark.parametrize("kind", ALL)
def test_a_kind_that_the_item_does_not_take_is_refused(kind: str) -> None:
    others = tuple(each for each in ALL if each != kind)
    assert refusal(WHOLE[kind], others) == WRONG_KIND


@pytest.mark.parametrize("kind", ALL)
def test_a_file_that_is_cut_off_anywhere_is_refused(kind: str) -> None:
    whole = WHOLE[kind].rstrip()
    for end in range(len(whole)):
        assert refusal(whole[:end]) in (CUT_OFF, WRONG_KIND, EMPTY), end


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", EMPTY),
        (b"MZ\x90\x00 a program", WRONG_KIND),
        (b"<html><script>alert(1)</script>", WRONG_KIND),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", WRONG_KIND),
        (b"GIF89a" + pdf(), WRONG_KIND),
        (b"\n" + pdf(), WRONG_KIND),
        (b"\0" * 128 + b"DICM" + b"\x02\x00", DICOM),
        (archive(), OFFICE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, OFFICE),
        (b"\0\0\0\x18ftypheic\0\0\0\0", HEIC),
        (b"%PDF-1.7\n<html></html>\n%%EOF", CUT_OFF),
        (b"%PDF-1.7\n" + b"x" * 50 + b"\nstartxref\n999999\n%%EOF", CUT_OFF),
    ],
)
def test_the_refusal_of_another_kind_of_file_says_what_to_do(data: bytes, sentence: str) -> None:
    assert refusal(data) == sentence


@pytest.mark.parametrize("kind", ALL)
def test_a_file_with_an_archive_behind_it_is_refused(kind: str) -> None:
    """A polyglot: one program reads a picture, another an archive with a page in it."""
    assert refusal(WHOLE[kind] + archive()) in (TWO_IN_ONE, CUT_OFF)


def test_a_picture_that_is_a_document_too_is_refused() -> None:
    comment = chunk(b"tEXt", b"note\0" + pdf())
    inside = png()
    assert refusal(inside[:33] + comment + inside[33:]) == TWO_IN_ONE
    hidden = b"\xff\xd8\xff\xfe" + (len(pdf()) + 2).to_bytes(2, "big") + pdf() + jpeg()[2:]
    assert refusal(hidden) == TWO_IN_ONE


def test_an_archive_inside_a_pdf_whose_end_is_moved_is_refused() -> None:
    whole = pdf()
    end = whole[whole.index(b"startxref") :]
    assert refusal(whole + archive() + end) == TWO_IN_ONE


@pytest.mark.parametrize(("width", "height"), [(65_535, 65_535), (20_001, 1), (1, 20_001), (15_000, 15_000)])
def test_a_picture_that_would_fill_the_memory_of_its_reader_is_refused(width: int, height: int) -> None:
    """A zip bomb of a picture: a few bytes that unfold to gigabytes."""
    assert len(png(width, height)) < 200
    assert refusal(png(width, height)) == TOO_MANY_PIXELS
    assert refusal(jpeg(width, height)) == TOO_MANY_PIXELS
    assert refusal(png(2**31 - 1, 2**31 - 1)) == TOO_MANY_PIXELS


def test_a_picture_without_points_or_with_a_false_header_is_refused() -> None:
    for data in (png(0, 5), jpeg(5, 0), png(bits=3), png(colour=1)):
        assert refusal(data) == CUT_OFF


def test_a_changed_byte_of_a_png_is_noticed() -> None:
    data = bytearray(png())
    data[45] ^= 1
    assert refusal(bytes(data)) == CUT_OFF


def test_a_scan_as_large_as_paper_at_600_points_is_taken() -> None:
    assert kind_of(png(4960, 7016), ALL) == "png"
    assert kind_of(jpeg(4960, 7016), ALL) == "jpeg"


def test_what_a_telephone_writes_behind_a_photograph_is_taken() -> None:
    assert kind_of(jpeg() + b"\0\0Image_UTC_Data1234SEFH", ALL) == "jpeg"


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    for start in (b"", b"%PDF-1.4", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        try:
            assert kind_of(start + data, ALL) in ALL
        except ValueRefused:
            continue


def test_a_png_with_a_chunk_longer_than_itself_is_refused() -> None:
    body = b"\x7f\xff\xff\xff" + b"IHDR" + b"\0" * 30 + zlib.crc32(b"").to_bytes(4, "big")
    assert refusal(b"\x89PNG\r\n\x1a\n" + body) == CUT_OFF


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("Compte rendu n°3.PDF", "Compte rendu n°3.PDF"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\x\\scan.pdf", "scan.pdf"),
        ("report.pdf.exe", "report.pdf.exe.pdf"),
        ("report\u202efdp.exe", "report fdp.exe.pdf"),
        ("re\u200bport\x00\x1b[31m.pdf", "re port [31m.pdf"),
        ("a\r\nContent-Type: text/html.pdf", "a Content-Type_ text_html.pdf"),
        ('"><script>.pdf', "___script_.pdf"),
        ("", "file.pdf"),
        (".pdf", "pdf.pdf"),
        ("...", "file.pdf"),
        ("x" * 300 + ".pdf", "x" * (LONGEST_NAME - 4) + ".pdf"),
    ],
)
def test_a_name_is_cleaned_and_keeps_the_kind(name: str, shown: str) -> None:
    found = clean_name(name, "pdf")
    if "text/html" not in name:
        assert found == shown
    assert len(found) <= LONGEST_NAME
    assert found.casefold().endswith(".pdf")


@given(st.text(max_size=200))
def test_no_name_keeps_a_folder_or_a_sign_that_is_not_seen(name: str) -> None:
    found = clean_name(name, "png")
    assert found.isprintable()
    assert not set('/\\<>:"|?*') & set(found)
    assert not found.startswith(".")
    assert 4 < len(found) <= LONGEST_NAME
    assert clean_name(found, "png") == found
