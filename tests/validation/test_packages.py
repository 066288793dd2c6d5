"""The bill of materials and the question for known weaknesses (SEC-20)."""

import json

import pytest

from tests.validation import sbom, vulnerabilities

LOCK = f"""asgiref==3.13.0 \\
    --hash=sha256:{"a" * 64}
    # via
    #   -c requirements/base.txt
    #   django
django==5.2.19 \\
    --hash=sha256:{"b" * 64} \\
    --hash=sha256:{"c" * 64}
    # via stroma (pyproject.toml)
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:{"d" * 64}
    # via django
"""


def asked(*packages: dict) -> tuple[int, str]:
    code, lines = vulnerabilities.told({"dependencies": list(packages)})
    return code, "\n".join(lines)


def test_the_bill_says_what_is_installed_and_what_asked_for_it():
    text = sbom.written(sbom.bill(list(sbom.pinned(LOCK))))
    assert sbom.mistake(text) == ""
    bill = json.loads(text)
    assert [part["purl"] for part in bill["components"]] == [
        "pkg:pypi/asgiref@3.13.0", "pkg:pypi/colorama@0.4.6", "pkg:pypi/django@5.2.19",
    ]  # fmt: skip
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert needs["stroma"] == ["pkg:pypi/django@5.2.19"]
    assert needs["pkg:pypi/django@5.2.19"] == ["pkg:pypi/asgiref@3.13.0", "pkg:pypi/colorama@0.4.6"]
    assert bill["components"][1]["properties"][0]["value"] == "sys_platform == 'win32'"


def test_the_bill_of_the_pinned_packages_matches_the_schema():
    packages = list(sbom.pinned(sbom.LOCK.read_text(encoding="utf-8")))
    assert "django" in {package.name for package in packages}
    assert sbom.mistake(sbom.written(sbom.bill(packages))) == ""


def test_a_bill_that_does_not_match_the_schema_is_noticed():
    assert "bogus" in sbom.mistake('{"bomFormat": "CycloneDX", "specVersion": "1.6", "bogus": 1}')


def test_a_package_without_a_hash_is_refused():
    with pytest.raises(sbom.BadLock, match=r"django==5\.2\.19"):
        list(sbom.pinned("django==5.2.19\n    # via stroma (pyproject.toml)\n"))


def test_a_known_weakness_is_named_with_the_version_that_mends_it():
    weak = {"name": "django", "version": "5.2.0", "vulns": [{"id": "CVE-2026-1", "fix_versions": ["5.2.11"]}]}
    assert asked(weak) == (vulnerabilities.FOUND, "django 5.2.0: CVE-2026-1 (mended in 5.2.11)")


def test_a_package_that_nobody_could_ask_about_is_not_called_safe():
    """pip-audit itself calls this a success."""
    good = {"name": "django", "version": "5.2.19", "vulns": []}
    assert asked(good)[0] == vulnerabilities.NONE
    code, told = asked(good, {"name": "asgiref", "skip_reason": "not found"})
    assert code == vulnerabilities.NOT_CHECKED
    assert told.startswith("NOT CHECKED: 1 of 2 packages, such as asgiref (not found).")
    assert asked()[0] == vulnerabilities.NOT_CHECKED
