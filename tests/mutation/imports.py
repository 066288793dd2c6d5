"""Import one module from other code than that of its file."""

from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import Any


class Imported(MetaPathFinder, Loader):
    """Imports one module from this code, with these names in it beforehand. To be put first into `sys.meta_path`."""

    def __init__(self, name: str, file: str, code: CodeType, **held: Any) -> None:
        self.name, self.file, self.code, self.held = name, file, code, held

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return a spec for that module alone."""
        return spec_from_file_location(fullname, self.file, loader=self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the code as the module."""
        vars(module).update(self.held)
        exec(self.code, vars(module))  # noqa: S102
