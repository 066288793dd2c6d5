from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit trail"

    def ready(self) -> None:
        from audit import middleware
        from audit.integrity import migrating
        from audit.stored_text import register
        from audit.system_texts import TEXTS

        register(TEXTS)
        pre_migrate.connect(migrating.before, sender=self)
        post_migrate.connect(migrating.after, sender=self)
        user_logged_in.connect(middleware.signed_in)
