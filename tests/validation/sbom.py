"""`make sbom`: write build/sbom.json, the pinned packages of an installation with its worker as CycloneDX.

Exits with 1 if the file does not match the schema of CycloneDX.
"""

import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.contrib.license.exceptions import InvalidLicenseExpressionException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "worker.txt"
OUT = ROOT / "build" / "sbom.json"
SCHEMA = SchemaVersion.V1_6
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))? *\\?$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
ASKED_BY = re.compile(r"^    # +(?:via +)?(?!via$)([A-Za-z0-9._-]+)(?: \(pyproject\.toml\))?$")


class BadLock(Exception):
    """The lock is not as `make lock` writes it; the message names the line."""


@dataclass(frozen=True)
class Pinned:
    """A package of the lock. marker: on which machines it is installed; empty for all. asked_by: names of packages."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]
    asked_by: tuple[str, ...]


def pinned(text: str) -> Iterator[Pinned]:
    """Yield the packages of a lock. Raises BadLock for a package without a hash, or a line that pins nothing."""
    for block in re.split(r"\n(?=\S)", text.strip()):
        first, *rest = block.splitlines()
        found = PINNED.match(first)
        hashes = tuple(HASH.findall(block))
        if found is None or not hashes:
            raise BadLock(f"not a pinned package with its hashes: {first}")
        asked_by = tuple(match[1] for match in map(ASKED_BY.match, rest) if match)
        yield Pinned(found["name"], found["version"], found["marker"] or "", hashes, asked_by)


def bill(packages: list[Pinned]) -> Bom:
    """Return the bill of materials: components with hashes and licences, and which asked for which."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    root = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION,
        description=project["description"], bom_ref=project["name"],
    )  # fmt: skip
    components = {package.name: _component(package) for package in packages}
    bom = Bom(components=components.values(), serial_number=_serial(packages))
    bom.metadata.component = root
    by_name = {**components, root.name: root}
    bom.register_dependency(root)
    for package in packages:
        for name in package.asked_by:
            bom.register_dependency(by_name[name], [components[package.name]])
    return bom


def _component(package: Pinned) -> Component:
    purl = PackageURL("pypi", None, package.name, package.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{package.name}/{package.version}/"),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in package.sha256],
    )
    return Component(
        name=package.name, version=package.version, type=ComponentType.LIBRARY, purl=purl,
        bom_ref=purl.to_string(), licenses=_licences(package), external_references=[files],
        properties=[Property(name="stroma:installed-if", value=package.marker)] if package.marker else [],
    )  # fmt: skip


def _licences(package: Pinned) -> list[License]:
    """Return what the installed package says of its licence; nothing if another version is installed, or none."""
    try:
        about = metadata(package.name)
    except PackageNotFoundError:
        return []
    if about["Version"] != package.version:
        return []
    make = LicenseFactory()
    if expression := about.get("License-Expression"):
        try:
            return [make.make_with_expression(expression)]
        except InvalidLicenseExpressionException:
            return [make.make_with_name(expression)]
    classifiers = [each for each in about.get_all("Classifier", []) if each.startswith("License :: ")]
    return [make.make_with_name(each.rpartition(" :: ")[2]) for each in classifiers]


def _serial(packages: list[Pinned]) -> uuid.UUID:
    """Return a number that is the same for the same packages."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(f"{each.name}=={each.version}" for each in packages))


def written(bom: Bom) -> str:
    """Return the bill as JSON."""
    return make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=2)


def mistake(text: str) -> str:
    """Return why the text does not match the schema of CycloneDX; empty if it does."""
    # Its first import builds 38 grammars: two seconds for each process that only collects the tests.
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SCHEMA).validate_str(text)
    return str(error) if error else ""


def main() -> int:
    """Write the bill."""
    packages = list(pinned(LOCK.read_text(encoding="utf-8")))
    text = written(bill(packages))
    if wrong := mistake(text):
        print(f"The bill of materials is not valid CycloneDX, and was not written: {wrong}", file=sys.stderr)
        return 1
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(text + "\n", encoding="utf-8")
    print(f"{OUT.relative_to(ROOT)}: {len(packages)} packages, CycloneDX {SCHEMA.to_version()}, valid")
    return 0


if __name__ == "__main__":
    sys.exit(main())
