from django.apps import AppConfig


class SafetyConfig(AppConfig):
    name = "safety"
    verbose_name = "Safety"

    def ready(self) -> None:
        """Tell what a signature on the casebook covers of the adverse events."""
        from patients import signals
        from safety import signature_scope

        signals.casebook_content.connect(signature_scope.events, dispatch_uid="safety.signature_scope")
