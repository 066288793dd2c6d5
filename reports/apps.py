from typing import Any

from django.apps import AppConfig


def _pack_maker() -> Any:
    from reports.packs.making import PackMaker

    return PackMaker()


class ReportsConfig(AppConfig):
    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        """Give stored codes their words, own questions a title, and the index of the trail what it needs to know."""
        from audit.stored_text import register
        from audit.trail_index import building
        from audit.trail_reading import row_titles
        from exports.document_makers import MAKERS
        from exports.models import Document
        from reports.audit_trail.circumstances import circumstances
        from reports.own_questions.row_titles import TITLES
        from reports.system_texts import TEXTS

        register(TEXTS)
        MAKERS[Document.Kind.PACK] = _pack_maker
        building.register(circumstances)
        row_titles.register(TITLES)
