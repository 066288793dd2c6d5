from django.apps import AppConfig


class SafetyConfig(AppConfig):
    name = "safety"
    verbose_name = "Safety"

    def ready(self) -> None:
        """Register the stored texts; add the adverse events to the content that a casebook signature covers."""
        from audit.redactions import text_copies
        from audit.stored_text import register
        from audit.trail_reading import row_titles
        from patients import signals
        from patients.casebook import facts
        from patients.participation.treatment import infusion_links
        from safety import after_death, infusion_events, query_facts, signature_scope
        from safety import row_titles as titles
        from safety.drafts import event_drafts
        from safety.system_texts import TEXTS

        register(TEXTS)
        row_titles.register(titles.TITLES, parts=titles.PARTS)
        facts.register(query_facts.KIND)
        infusion_links.event_providers.append(infusion_events.events_at_infusion)
        held = {
            "safety.eventdraft": ("discarded_reason",),
            "safety.saereport": ("narrative", "news", "facts"),
        }
        text_copies.register(held, event_drafts.mask_text)
        signals.casebook_content.connect(signature_scope.events, dispatch_uid="safety.signature_scope")
        signals.recorded_after_death.connect(after_death.of_patient, dispatch_uid="safety.after_death")
