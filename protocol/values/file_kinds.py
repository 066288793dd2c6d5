"""Detect the kind of an attached file from its content: PDF, JPEG or PNG, whole and nothing else (SEC-13).

The file name is not used. A file is refused, with what to do, if it is truncated, if two programs could read it as two
different kinds, or if its picture would fill the memory of its reader. No Django.
"""

import re
import struct
import unicodedata
import zlib
from collections.abc import Collection, Iterator
from typing import Final

from protocol.values.refusals import ValueRefused, gettext_noop
from protocol.values.writing import number_text

EXTENSIONS: Final = {"pdf": "pdf", "jpeg": "jpg", "png": "png"}
MEDIA_TYPES: Final = {"pdf": "application/pdf", "jpeg": "image/jpeg", "png": "image/png"}
KIND_WORDS: Final = {"pdf": "PDF", "jpeg": "JPEG", "png": "PNG"}
MOST_PIXELS, LONGEST_SIDE = 100_000_000, 20_000
LONGEST_NAME = 120
END_OF_PDF = re.compile(rb"startxref\s+(\d{1,12})\s+%%EOF\s*\Z")
AT_XREF = re.compile(rb"\s*(xref\b|\d+\s+\d+\s+obj\b)")
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
END_OF_ZIP: Final = b"PK\x05\x06"
START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PNG_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}

WRONG_KIND = gettext_noop(
    "This is no %(kinds)s file, whatever its name says: save or scan it as one of these."
)
DICOM = gettext_noop("DICOM images stay in the archive of the hospital: attach the report as PDF.")
OFFICE = gettext_noop("This is an Office document or an archive: print it to PDF and attach that.")
HEIC = gettext_noop("This photograph is in Apple's HEIC format: export it as JPEG and attach that.")
EMPTY = gettext_noop("The file is empty: choose it again, or scan it again.")
CUT_OFF = gettext_noop("The file is cut off or damaged: save or scan it again, and attach it whole.")
TWO_IN_ONE = gettext_noop("More than one file is hidden in this one: print it to PDF and attach that.")
TOO_MANY_PIXELS = gettext_noop(
    "The picture is larger than %(side)s × %(side)s points: scan it again with fewer."
)


def kind_of(data: bytes, allowed: Collection[str]) -> str:
    """Return `pdf`, `jpeg` or `png`. Raises ValueRefused with a sentence that tells the user what to do."""
    if not data:
        raise ValueRefused(EMPTY)
    kind = _begins_as(data)
    if kind is None or kind not in allowed:
        raise _not_taken(data, allowed)
    CHECKS[kind](data)
    # A file of two kinds hides the second one from the check of the first. The end record of a ZIP is at most
    # 65,557 bytes long with its comment; PDF readers accept a header anywhere in the first 1024 bytes.
    if END_OF_ZIP in data[-65_600:] or (kind != "pdf" and b"%PDF-" in data[:1024]):
        raise ValueRefused(TWO_IN_ONE)
    return kind


def _begins_as(data: bytes) -> str | None:
    if re.match(rb"%PDF-[12]\.\d", data):
        return "pdf"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "png" if data.startswith(PNG_SIGNATURE) else None


def _not_taken(data: bytes, allowed: Collection[str]) -> ValueRefused:
    if data[128:132] == b"DICM":
        return ValueRefused(DICOM)
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return ValueRefused(OFFICE)
    if data[4:8] == b"ftyp":
        return ValueRefused(HEIC)
    return ValueRefused(WRONG_KIND, kinds=", ".join(KIND_WORDS[kind] for kind in allowed))


def _check_pdf(data: bytes) -> None:
    """Refuse a PDF whose last offset does not lead to a cross-reference table inside the file."""
    ended = END_OF_PDF.search(data, max(0, len(data) - 2048))
    if ended is None or not AT_XREF.match(data, int(ended[1])):
        raise ValueRefused(CUT_OFF)


def _check_jpeg(data: bytes) -> None:
    """Refuse a JPEG without a frame of acceptable size, or without the end marker after its scan."""
    framed = False
    for marker, start, end in _segments(data):
        if marker in START_OF_FRAME:
            if end - start < 6:
                raise ValueRefused(CUT_OFF)
            height, width = struct.unpack(">HH", data[start + 1 : start + 5])
            _check_size(width, height)
            framed = True
        if marker == 0xDA:
            if not framed or data.rfind(b"\xff\xd9") < end:
                break
            return
    raise ValueRefused(CUT_OFF)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        end = place + 2 + length
        if length < 2 or end > len(data):
            return
        yield marker, place + 4, end
        if marker == 0xDA:
            return
        place = end


def _check_png(data: bytes) -> None:
    """Refuse a PNG with a damaged chunk, a bad header, or data after the last chunk."""
    place, first, drawn = len(PNG_SIGNATURE), True, False
    while place + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[place : place + 8])
        end = place + 12 + length
        body = data[place + 4 : end - 4]
        if end > len(data) or zlib.crc32(body).to_bytes(4, "big") != data[end - 4 : end]:
            break
        if first != (name == b"IHDR") or (first and not _is_header(body[4:])):
            break
        first, drawn, place = False, drawn or name == b"IDAT", end
        if name == b"IEND":
            if end != len(data):
                raise ValueRefused(TWO_IN_ONE)
            if drawn:
                return
            break
    raise ValueRefused(CUT_OFF)


def _is_header(body: bytes) -> bool:
    if len(body) != 13:
        return False
    width, height, depth, colour, packed, filtered, interlaced = struct.unpack(">IIBBBBB", body)
    _check_size(width, height)
    return depth in PNG_DEPTHS.get(colour, ()) and (packed, filtered) == (0, 0) and interlaced in (0, 1)


def _check_size(width: int, height: int) -> None:
    if not width or not height:
        raise ValueRefused(CUT_OFF)
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise ValueRefused(TOO_MANY_PIXELS, side=f"{int(MOST_PIXELS**0.5)}")


CHECKS: Final = {"pdf": _check_pdf, "jpeg": _check_jpeg, "png": _check_png}


def clean_name(name: str, kind: str) -> str:
    """Return a file name that is safe to show and save: no folders, no invisible characters, the true extension.

    A right-to-left override shows `fdp.exe` as `exe.pdf`.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    # Control, format (direction overrides), surrogate, private-use and separator characters are invisible.
    shown = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in last)
    shown = re.sub(r'[<>:"|?*]', "_", " ".join(shown.split())).strip(". ")
    stem, _dot, ending = shown.rpartition(".")
    known = {"jpeg": ("jpg", "jpeg", "jpe")}.get(kind, (EXTENSIONS[kind],))
    if not stem or ending.casefold() not in known:
        stem, ending = shown, EXTENSIONS[kind]
    stem = stem[: LONGEST_NAME - len(ending) - 1].rstrip(". ") or "file"
    return f"{stem}.{ending}"


def size_words(size: int, language: str) -> str:
    """Return a number of bytes for reading: `12 kB`, `3.4 MB`."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{number_text(f'{size / 1_000_000:.1f}', language)} MB"
