from typing import Any

from django.apps import AppConfig


class DosingConfig(AppConfig):
    name = "dosing"
    verbose_name = "Dosing"

    def ready(self) -> None:
        """Listen to what happens to patients, and tell of infusions."""
        from audit.stored_text import register
        from audit.trail_reading import row_titles
        from dosing import row_titles as titles
        from dosing.allocation import slots as allocation
        from dosing.bedside import recorded
        from dosing.infusions import (
            after_death,
            milestones,
            participation,
            query_facts,
            schedule,
            signature_scope,
            weights,
        )
        from dosing.levels import escalation
        from dosing.product_queries import kinds as product_kinds
        from dosing.products import preparing as product
        from dosing.signals import infusion_given
        from dosing.stock import product_codes
        from dosing.stock.lot_release.certificates import stored_keys
        from dosing.system_texts import TEXTS
        from dosing.unblinding import knowledge
        from patients import signals
        from patients.casebook import facts, signed_parts
        from patients.models.attachments import also_stored
        from patients.participation.milestones import (
            infusion_times_providers,
            never_given_providers,
            providers,
        )
        from patients.participation.treatment import arm_knowledge, infusion_links
        from patients.participation.treatment import product_codes as codes_of_products
        from patients.participation.weights import weight_providers

        also_stored.append(stored_keys)
        register(TEXTS)
        row_titles.register(titles.TITLES, parts=titles.PARTS)
        facts.register(query_facts.KIND)
        facts.register_restricted(*product_kinds.KINDS.values())
        signals.eligibility_signed.connect(allocation.on_eligibility_signed, dispatch_uid="dosing.allocation")
        signals.patient_enrolled.connect(
            schedule.on_patient_enrolled, dispatch_uid="dosing.infusions.schedule"
        )
        signals.patient_moved.connect(
            schedule.on_patient_moved, dispatch_uid="dosing.infusions.schedule.moved"
        )
        signals.inclusion_asked.connect(escalation.inclusion_refusals, dispatch_uid="dosing.levels")
        signals.patient_enrolled.connect(escalation.place_at_level, dispatch_uid="dosing.levels")
        infusion_given.connect(product.on_infusion_given, dispatch_uid="dosing.dose")
        signals.casebook_content.connect(
            signature_scope.infusions, dispatch_uid="dosing.infusions.signature_scope"
        )
        signals.recorded_after_death.connect(
            after_death.of_patient, dispatch_uid="dosing.infusions.after_death"
        )
        self._follow_corrections(participation)
        arm_knowledge.providers.append(knowledge.known_since)
        signed_parts.providers.append(recorded.signed_infusions)
        providers.append(milestones.infusions_given)
        weight_providers.append(weights.of_infusions)
        codes_of_products.code_providers.append(product_codes.codes_of)
        infusion_links.infusion_providers.append(milestones.infusions_with_address)
        infusion_links.onset_providers.append(milestones.onset_after_infusion)
        infusion_times_providers.append(milestones.times_at_visit)
        never_given_providers.append(participation.never_given)

    def _follow_corrections(self, participation: Any) -> None:
        from patients import signals

        for signal, receiver in (
            (signals.inclusion_corrected, participation.on_inclusion_corrected),
            (signals.inclusion_struck_out, participation.on_inclusion_struck_out),
            (signals.inclusion_struck_out_asked, participation.inclusion_dependants),
            (signals.visit_struck_out_asked, participation.visit_dependants),
            (signals.planned_days, participation.planned_days),
        ):
            signal.connect(receiver, dispatch_uid=f"dosing.{receiver.__name__}")
