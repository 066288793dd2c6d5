"""Join PDFs of the compositor into one tagged PDF, object by object, so that memory does not grow with their pages.

Source: ISO 32000-1, 7.5 (objects, cross-reference table), 7.7.3 (page tree), 12.3.3 (bookmarks), 14.7 (structure).
It reads what our compositor writes, not any PDF: a classic cross-reference table, one flat list of pages, structure
below one element `Document`, text in braces without single ones. Raises ValueError for anything else.
A link to `page:12:300` becomes one to that page of the joined file, counted from 1, 300 points below its upper edge.
"""

import base64
import hashlib
import mmap
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

# Objects that the parts have in common: numbers in the joined file.
CATALOG, PAGES, OUTLINES, STRUCTURE, DOCUMENT, INFO, METADATA = range(1, 8)
# Height of a page in points: A4, on which the compositor sets.
HEIGHT: Final = 842
# A heading is shown with some room above it.
ROOM: Final = 10
STREAM: Final = b">>\nstream\n"
NESTED: Final = rb"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\))*\)"
# Texts are read as a whole, so that nothing in them is taken for one of the others.
TOKEN: Final = re.compile(
    rb"/ID(?P<id>\([^()\\]*\))|/Headers\[(?P<headers>[^\]]*)\]|(?P<key>/StructParents? )(?P<parent>\d+)"
    rb"|/A<</Type/Action/S/URI/URI\(page:(?P<page>\d+):(?P<down>\d+)\)>>|(?P<text>"
    + NESTED
    + rb"|<[0-9A-Fa-f]*>)"
    rb"|(?<![\d.])(?P<reference>\d+) 0 R",
    re.DOTALL,
)


@dataclass(eq=False)
class _Bookmark:
    """A bookmark of a part with those below it. number: of its object in the joined file."""

    number: int
    kids: list["_Bookmark"]


@dataclass(eq=False)
class _Part:
    """One PDF. first: number that its first object gets. place: of the part, from 0. parents: keys of the structure
    before it. continued: levels of headings that it only repeats, so that those below them have their level."""

    data: mmap.mmap
    place: int
    continued: int = 0
    first: int = 0
    parents: int = 0
    offsets: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        start = int(self._found(rb"startxref\s+(\d+)\s+%%EOF", self.data[-64:]))
        lines = self.data[start:].split(b"\n")
        if lines[0] != b"xref":
            raise ValueError("the cross-reference table is not the classic one")
        count = int(lines[1].split()[1])
        self.offsets = [int(line[:10]) for line in lines[3 : 2 + count]]
        following = sorted([*self.offsets, start])
        after = dict(pairwise(following))
        self.ends = [after[offset] for offset in self.offsets]
        trailer = b"\n".join(lines[2 + count :])
        self.catalog, self.info = (
            int(self._found(rb"/%s (\d+) 0 R" % name, trailer)) for name in (b"Root", b"Info")
        )
        root = self.body(self.catalog)
        self.pages, self.structure, self.metadata = (
            int(self._found(rb"/%s (\d+) 0 R" % name, root))
            for name in (b"Pages", b"StructTreeRoot", b"Metadata")
        )
        marks = re.search(rb"/Outlines (\d+) 0 R", root)
        self.outlines = int(marks[1]) if marks else 0
        self.document = int(self._found(rb"/K\[(\d+) 0 R\]", self.body(self.structure)))

    @staticmethod
    def _found(pattern: bytes, text: bytes) -> bytes:
        found = re.search(pattern, text)
        if found is None:
            raise ValueError(f"a part has no {pattern.decode()}")
        return found[1]

    def body(self, number: int) -> bytes:
        """Return the object without the lines around it."""
        raw = self.data[self.offsets[number - 1] : self.ends[number - 1]]
        return raw[raw.index(b" obj\n") + 5 : raw.rindex(b"\nendobj")]

    @cached_property
    def shared(self) -> dict[int, int]:
        """Return the objects that become one for all parts."""
        found = {
            self.catalog: CATALOG, self.pages: PAGES, self.structure: STRUCTURE, self.document: DOCUMENT,
            self.info: INFO, self.metadata: METADATA,
        }  # fmt: skip
        return {**found, self.outlines: OUTLINES} if self.outlines else found

    @cached_property
    def repeated(self) -> set[int]:
        """Return the headings that it repeats: their elements in the structure, which hold no text, and bookmarks."""
        elements = [int(each) for each in re.findall(rb"(\d+) 0 R", self.inner)][: self.continued]
        if any(
            not re.fullmatch(rb"<</Type/StructElem/S/H\d.*/K\[\]>>", self.body(each)) for each in elements
        ):
            raise ValueError("a part does not begin with the headings that it repeats")
        found, mark = set(elements), self.outlines
        for _level in range(self.continued):
            mark = int(self._found(rb"/First (\d+) 0 R", self.entries_of(mark)))
            found.add(mark)
        return found

    @cached_property
    def inner(self) -> bytes:
        """Return the elements below `Document`."""
        return self._found(rb"/K\[(.*)\]", self.body(self.document))

    @cached_property
    def _left_out(self) -> list[int]:
        return sorted(self.shared.keys() | self.repeated)

    @property
    def own(self) -> int:
        """Return the number of objects that stay its own."""
        return len(self.offsets) - len(self._left_out)

    def stays(self, own: int) -> bool:
        """Return whether an object stays in the joined file as one of its own."""
        return own not in self.shared and own not in self.repeated

    def number(self, own: int) -> int:
        """Return the number of an object in the joined file."""
        if own in self.shared:
            return self.shared[own]
        if own in self.repeated:
            raise ValueError("something refers to a heading that a part only repeats")
        return self.first + own - 1 - bisect(self._left_out, own)

    def references(self, text: bytes) -> list[int]:
        """Return the objects of an array of references, as numbered in the joined file."""
        return [self.number(int(each)) for each in re.findall(rb"(\d+) 0 R", text)]

    @cached_property
    def kids(self) -> list[int]:
        """Return its pages, as numbered in the joined file."""
        text = self.body(self.pages)
        own = [int(each) for each in re.findall(rb"(\d+) 0 R", self._found(rb"/Kids\[([^\]]*)\]", text))]
        if any(not self.body(page).startswith(b"<</Type/Page/") for page in own):
            raise ValueError("the pages of a part are no flat list")
        return [self.number(page) for page in own]

    def entries_of(self, bookmark: int) -> bytes:
        """Return the entries of a bookmark (or of the root of all) that say where in the tree it is."""
        return self.body(bookmark).partition(b"/Title")[0]

    def marks(self, parent: int) -> list[_Bookmark]:
        """Return the bookmarks below one of the part; those that it repeats have the number 0."""
        found = []
        following = re.search(rb"/First (\d+) 0 R", self.entries_of(parent)) if parent else None
        while following:
            own = int(following[1])
            found.append(_Bookmark(self.number(own) if self.stays(own) else 0, self.marks(own)))
            following = re.search(rb"/Next (\d+) 0 R", self.entries_of(own))
        return found

    @cached_property
    def tree(self) -> bytes:
        """Return the root of its structure."""
        return self.body(self.structure)

    @property
    def parent_keys(self) -> int:
        """Return how many keys its pages and links have in the structure."""
        return int(self._found(rb"/ParentTreeNextKey (\d+)", self.tree))

    def renamed(self, identity: bytes) -> bytes:
        """Return the identity of a table header, which is unique in its part only, as unique in the joined file."""
        return b"(P%04d" % self.place + identity[1:]


def join(paths: Sequence[Path], out: Path, continued: Sequence[int] = ()) -> None:
    """Write the pages of all files as one PDF. Title, author, language and time are those of the first.

    continued: for each file how many levels of headings it only repeats from the file before, for bookmarks and
    structure; its pages do not show them.
    """
    parts = []
    for place, path in enumerate(paths):
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        parts.append(_Part(data, place, continued[place] if continued else 0))
    first, parents = METADATA + 1, 0
    for part in parts:
        part.first, part.parents = first, parents
        first, parents = first + part.own, parents + part.parent_keys
    with out.open("wb") as file:
        _Writer(file, parts).write(first)


@dataclass
class _Writer:
    """Writes the joined file; `offsets` says where each object begins."""

    file: BinaryIO
    parts: list[_Part]
    offsets: dict[int, int] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    marked: list[_Bookmark] = field(default_factory=list)
    ties: dict[int, bytes] = field(default_factory=dict)

    def write(self, size: int) -> None:
        """Write all objects, the table of their places, and the end. size: one more than the highest number."""
        self.file.write(b"%PDF-1.7\n%\x80\x80\x80\x80\n")
        self.pages = [page for part in self.parts for page in part.kids]
        for part in self.parts:
            _merge(self.marked, part.marks(part.outlines))
        self._tie(OUTLINES, self.marked)
        for part in self.parts:
            for own in range(1, len(part.offsets) + 1):
                if part.stays(own):
                    self._object(part.number(own), b"".join(self._rewritten(part, own)))
        self._common()
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(hashlib.sha256(part.data).digest())
        identity = base64.b64encode(digest.digest()[:16])
        self._about(identity)
        start = self.file.tell()
        self.file.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
        for number in range(1, size):
            place = self.offsets.get(number)
            self.file.write(b"0000000000 65535 f \n" if place is None else b"%010d 00000 n \n" % place)
        self.file.write(
            b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[(%s)(%s)]>>\nstartxref\n%d\n%%%%EOF"
            % (size, CATALOG, INFO, identity, identity, start)
        )

    def _object(self, number: int, body: bytes) -> None:
        self.offsets[number] = self.file.tell()
        self.file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))

    def _rewritten(self, part: _Part, own: int) -> Iterator[bytes]:
        """Yield an object of a part with the numbers of the joined file; the bytes of a stream stay."""
        body = part.body(own)
        if ties := self.ties.get(part.number(own)):
            body = body[body.index(b"/Title") :]
            yield b"<<" + ties
        end = body.find(STREAM) if body.startswith(b"<<") else -1
        head, rest = (body, b"") if end < 0 else (body[:end], body[end:])
        yield self._renumbered(part, head)
        yield rest

    def _renumbered(self, part: _Part, text: bytes) -> bytes:
        def new(found: "re.Match[bytes]") -> bytes:
            if found["text"] is not None:
                return found[0]
            if found["reference"] is not None:
                return b"%d 0 R" % part.number(int(found["reference"]))
            if found["parent"] is not None:
                return found["key"] + b"%d" % (int(found["parent"]) + part.parents)
            if found["page"] is not None:
                top = min(HEIGHT, HEIGHT + ROOM - int(found["down"]))
                return b"/Dest[%d 0 R/XYZ 0 %d 0]" % (self.pages[int(found["page"]) - 1], top)
            if found["id"] is not None:
                return b"/ID" + part.renamed(found["id"])
            named = re.sub(rb"\([^()]*\)", lambda each: part.renamed(each[0]), found["headers"])
            return b"/Headers[" + named + b"]"

        return TOKEN.sub(new, text)

    def _tie(self, parent: int, marks: list[_Bookmark]) -> None:
        """Note the entries that tie each bookmark to those around it; like the compositor's, all are closed."""
        for place, mark in enumerate(marks):
            ties = b"/Parent %d 0 R" % parent
            if place > 0:
                ties += b"/Prev %d 0 R" % marks[place - 1].number
            if place + 1 < len(marks):
                ties += b"/Next %d 0 R" % marks[place + 1].number
            if mark.kids:
                first, last = mark.kids[0].number, mark.kids[-1].number
                ties += b"/First %d 0 R/Last %d 0 R/Count -%d" % (first, last, len(mark.kids))
            self.ties[mark.number] = ties
            self._tie(mark.number, mark.kids)

    def _common(self) -> None:
        """Write the objects that the parts share: catalogue, pages, bookmarks and the root of the structure."""
        catalog = self._renumbered(self.parts[0], self.parts[0].body(self.parts[0].catalog))
        if self.marked and not self.parts[0].outlines:
            catalog = catalog.removesuffix(b">>") + b"/Outlines %d 0 R>>" % OUTLINES
        self._object(CATALOG, catalog)
        listed = b" ".join(b"%d 0 R" % page for page in self.pages)
        self._object(PAGES, b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(self.pages), listed))
        if self.marked:
            first, last, count = self.marked[0].number, self.marked[-1].number, len(self.marked)
            self._object(
                OUTLINES, b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count %d>>" % (first, last, count)
            )
        self._object(STRUCTURE, self._structure())
        inner = b" ".join(
            b"%d 0 R" % part.number(own)
            for part in self.parts
            for own in map(int, re.findall(rb"(\d+) 0 R", part.inner))
            if part.stays(own)
        )
        self._object(DOCUMENT, b"<</Type/StructElem/S/Document/P %d 0 R/K[%s]>>" % (STRUCTURE, inner))

    def _structure(self) -> bytes:
        roles = self.parts[0]._found(rb"/RoleMap<<(.*?)>>", self.parts[0].tree)
        numbers: list[bytes] = []
        names: list[bytes] = []
        for part in self.parts:
            for key, number in re.findall(rb"(\d+) (\d+) 0 R", part._found(rb"/Nums\[([^\]]*)\]", part.tree)):
                numbers.append(b"%d %d 0 R" % (int(key) + part.parents, part.number(int(number))))
            if b"/IDTree" in part.tree:
                found = part._found(rb"/Names\[([^\]]*)\]", part.tree)
                for identity, number in re.findall(rb"(\([^()]*\))(\d+) 0 R", found):
                    names.append(b"%s%d 0 R" % (part.renamed(identity), part.number(int(number))))
        keys = self.parts[-1].parents + self.parts[-1].parent_keys
        return (
            b"<</Type/StructTreeRoot/RoleMap<<%s>>/K[%d 0 R]/ParentTree<</Nums[%s]>>/IDTree<</Names[%s]>>"
            b"/ParentTreeNextKey %d>>" % (roles, DOCUMENT, b" ".join(numbers), b"".join(names), keys)
        )

    def _about(self, identity: bytes) -> None:
        """Write title, author and times, and as XML besides the number of pages and an identity of the joined file."""
        part = self.parts[0]
        self._object(INFO, part.body(part.info))
        body = part.body(part.metadata)
        start = body.index(STREAM) + len(STREAM)
        xml = body[start : body.rindex(b"\nendstream")]
        xml = re.sub(rb"(<xmpTPg:NPages>)\d+", rb"\g<1>%d" % len(self.pages), xml)
        xml = re.sub(rb"(<xmpMM:(?:Instance|Document)ID>)[^<]*", rb"\g<1>" + identity, xml)
        self._object(
            METADATA, b"<</Length %d/Type/Metadata/Subtype/XML>>\nstream\n%s\nendstream" % (len(xml), xml)
        )


def _merge(before: list[_Bookmark], marks: list[_Bookmark]) -> None:
    """Add the bookmarks of a part to those before it; what is below a repeated one goes below the last of its level."""
    if marks and not marks[0].number:
        if not before:
            raise ValueError("a part goes on with a heading that none before it has")
        _merge(before[-1].kids, marks[0].kids)
        marks = marks[1:]
    before += marks
