"""Registered as the tutorials do."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from tests.bench.plain.subject.models import Event, Vitals

admin.site.register(Vitals, SimpleHistoryAdmin)


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):
    """A page of a hundred events."""

    list_display = ["patient", "term", "onset", "grade", "serious", "causality", "outcome"]
    list_filter = ["grade", "serious"]
    ordering = ["-onset"]
    list_per_page = 100
