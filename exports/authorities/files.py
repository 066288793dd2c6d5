"""Put a file in its place whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """Yield a place in the same folder to write to; it becomes `out` at the end, or nothing is left if it fails."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=out.suffix)
    os.close(handle)
    place = Path(name)
    try:
        yield place
        os.replace(place, out)
    finally:
        place.unlink(missing_ok=True)
