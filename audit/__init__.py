"""The trail: who changed what, when and why, kept by the database itself (docs/audit.md)."""

from audit.context import acting, because

__all__ = ["acting", "because"]
