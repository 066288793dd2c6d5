from django.apps import AppConfig


class SafetyConfig(AppConfig):
    name = "safety"
    verbose_name = "Safety"

    def ready(self) -> None:
        """Add the adverse events to the content that a casebook signature covers."""
        from patients import signals
        from safety import signature_scope

        signals.casebook_content.connect(signature_scope.events, dispatch_uid="safety.signature_scope")
