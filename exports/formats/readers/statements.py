"""Scripts for SAS, SPSS and Stata: statements for each file of an archive, from the list of its variables."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from exports.formats.coding import LANGUAGE, missing_labels
from exports.formats.numbers import MISSING_LETTERS
from exports.formats.variables import Variable, VariableList
from exports.tables.description.described import codes_of

SAS, SPSS, STATA = "read_study.sas", "read_study.sps", "read_study.do"
MISSING_LIST: Final = "missing_codes"


def sas_statements(listed: VariableList, *, is_long: bool) -> Iterator[bytes]:
    """Yield the script: each file becomes a data set of the library STUDY, codes get formats."""
    yield (
        b"/* Read an export of a study: every table becomes a data set of the library STUDY, with labels and formats.\n"
        b"   Unpack the archive, name its folder here, and run all in a session with the encoding UTF-8. */\n"
        b"%let folder = .;\n"
        b'libname study "&folder.";\n\n'
    )
    for table, file in listed.files.items():
        name = listed.datasets[table]
        if is_long:
            yield f'%xpt2loc(libref=study, memlist={name}, filespec="&folder./{file}");\n'.encode()
        else:
            yield (
                f'libname from xport "&folder./{file}";\n'
                f"proc copy in=from out=study memtype=data; run;\nlibname from clear;\n"
            ).encode()
    lists: dict[tuple[tuple[str, str], ...], str] = {}
    used: list[tuple[str, str, str]] = []
    for table, variables in listed.variables.items():
        for variable in variables:
            if labels := _labels(variable):
                own = lists.setdefault(labels, f"$c{len(lists) + 1}_")
                used.append((listed.datasets[table], variable.name, own))
    yield b"\nproc format library=study;\n"
    for labels, own in lists.items():
        pairs = " ".join(f"{_sas(code)} = {_sas(label)}" for code, label in labels)
        yield f"  value {own} {pairs};\n".encode()
    yield b"run;\noptions fmtsearch=(study);\n\nproc datasets library=study nolist;\n"
    for dataset in dict.fromkeys(each[0] for each in used):
        yield f"  modify {dataset};\n".encode()
        for _dataset, variable_name, own in (each for each in used if each[0] == dataset):
            yield f"    format {variable_name} {own}.;\n".encode()
    yield b"quit;\n"


def spss_statements(listed: VariableList) -> Iterator[bytes]:
    """Yield the script: each file becomes a data set. Labels and missing values are in the files."""
    yield (
        b"* Read an export of a study: every table becomes a data set; labels and missing values are in its file.\n"
        b"* Unpack the archive, and run this with its folder as the working directory (CD 'folder'.).\n\n"
    )
    for table, file in listed.files.items():
        yield f"GET FILE={_spss(file)}.\nDATASET COPY {listed.datasets[table]}.\n".encode()


def stata_statements(listed: VariableList) -> Iterator[bytes]:
    """Yield the script: each file becomes a frame. Measurements get labels of their missing codes."""
    yield (
        b"* Read an export of a study: every table becomes a frame; labels of codes are in its file.\n"
        b"* Unpack the archive, make its folder the working directory (cd), and run this in Stata 16 or later.\n"
        b"version 16\nframes reset\n\n"
    )
    defined = " ".join(f'.{MISSING_LETTERS[code]} "{label}"' for code, label in missing_labels().items())
    for table, file in listed.files.items():
        frame = listed.datasets[table]
        yield f'frame create {frame}\nframe {frame} {{\n    use "{file}", clear\n'.encode()
        measured = [
            variable.name
            for variable in listed.variables[table]
            if variable.missing is not None and variable.kind != "text" and not codes_of(variable.slot.column)
        ]
        if measured:
            yield f"    label define {MISSING_LIST} {defined}\n".encode()
            yield b"".join(f"    label values {name} {MISSING_LIST}\n".encode() for name in measured)
        yield b"}\n"


def _labels(variable: Variable) -> tuple[tuple[str, str], ...]:
    slot = variable.slot
    codes = codes_of(slot.column) if slot.role == "value" else ()
    return tuple((code.code, code.label(LANGUAGE) or code.code) for code in codes)


def _sas(text: str) -> str:
    return "'" + " ".join(text.split()).replace("'", "''") + "'"


def _spss(path: str) -> str:
    return "'" + str(PurePosixPath(path)).replace("'", "''") + "'"
