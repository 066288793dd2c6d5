"""URLs of the audit trail page and of its saved views.

The namespace is `audit`, whose data the pages show. They are in reports, because they link to all rooms.
"""

from django.urls import path

from reports.audit_trail import view_pages, views

app_name = "audit"
urlpatterns = [
    path("", views.trail, name="trail"),
    path("views/new/", view_pages.new, name="view-new"),
    path("views/<int:key>/", view_pages.show, name="view"),
    path("views/<int:key>/retire/", view_pages.retire, name="view-retire"),
    path("views/<int:key>/sample/", view_pages.sample, name="view-sample"),
]
