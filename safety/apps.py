from django.apps import AppConfig


class SafetyConfig(AppConfig):
    name = "safety"
    verbose_name = "Safety"

    def ready(self) -> None:
        """Register the stored texts; add the adverse events to the content that a casebook signature covers."""
        from audit.stored_text import register
        from patients import signals
        from patients.casebook import facts
        from safety import after_death, query_facts, signature_scope
        from safety.system_texts import TEXTS

        register(TEXTS)
        facts.register(query_facts.KIND)
        signals.casebook_content.connect(signature_scope.events, dispatch_uid="safety.signature_scope")
        signals.recorded_after_death.connect(after_death.of_patient, dispatch_uid="safety.after_death")
