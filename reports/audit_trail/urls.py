"""URL of the audit trail page.

The namespace is `audit`, whose data the page shows. The page itself is in reports, because it links to all rooms.
"""

from django.urls import path

from reports.audit_trail import views

app_name = "audit"
urlpatterns = [path("", views.trail, name="trail")]
