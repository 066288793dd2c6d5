from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = "Patients"

    def ready(self) -> None:
        """Give the stored codes of this room their words, and the verification of the trail its files."""
        from audit.redactions import text_copies
        from audit.sealing import verification
        from audit.stored_text import register
        from audit.trail_reading import row_titles
        from patients import signals
        from patients.casebook import fact_kinds, facts, signed_parts
        from patients.casebook import row_titles as titles
        from patients.entry import drafts
        from patients.entry.checks import dependent_checks
        from patients.entry.files import held_files
        from patients.entry.form_page.page_drafts import PageDraft
        from patients.samples import signed
        from patients.system_texts import TEXTS
        from trials import typed_input

        typed_input.register(lambda request: PageDraft(request, None))
        register(TEXTS)
        row_titles.register(titles.TITLES, titles.NEEDS)
        facts.register(*fact_kinds.KINDS)
        signed_parts.providers.append(signed.signed_samples)
        signals.facts_changed.connect(dependent_checks.check_announced, dispatch_uid="dependent_checks")
        verification.register(held_files.findings)
        text_copies.register(
            {
                "patients.mark": ("undone",),
                "patients.query": ("text", "closed_because"),
                "patients.querymessage": ("text",),
            },
            drafts.mask_text,
        )
