"""URLs of the list of trials."""

from django.urls import path

from trials import views
from trials.people.invitation_views import answer

app_name = "trials"
urlpatterns = [
    path("", views.choose, name="choose"),
    path("invitations/<number:pk>/", answer, name="invitation"),
]
