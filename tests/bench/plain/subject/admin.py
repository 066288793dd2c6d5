"""The admin pages, registered as in the tutorials of Django and simple-history."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from tests.bench.plain.subject.models import Event, Vitals

admin.site.register(Vitals, SimpleHistoryAdmin)


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):
    """The list of events, a hundred per page."""

    list_display = ["patient", "term", "onset", "grade", "serious", "causality", "outcome"]
    list_filter = ["grade", "serious"]
    ordering = ["-onset"]
    list_per_page = 100
