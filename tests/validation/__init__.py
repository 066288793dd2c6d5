"""The validation pack (`make validation`), the bill of materials (`make sbom`) and the check of known weaknesses."""
