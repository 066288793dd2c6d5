"""The audit trail: who changed what, when and why, written by the database itself (docs/audit.md)."""

from audit.context import acting, because

__all__ = ["acting", "because"]
