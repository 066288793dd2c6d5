"""URLs of the users of a trial."""

from django.urls import path

from trials.people import views

app_name = "accounts"
urlpatterns = [
    path("", views.people, name="people"),
    path("add/", views.add, name="add"),
    path("delegate/", views.delegate, name="delegate"),
    path("<number:pk>/", views.person, name="person"),
    path("<number:pk>/role/", views.add_role, name="add-role"),
    path("<number:pk>/role/<number:delegation>/end/", views.end_role, name="end-role"),
    path("<number:pk>/identity/", views.identity, name="identity"),
    path("<number:pk>/deactivate/", views.deactivate, name="deactivate"),
    path("<number:pk>/reactivate/", views.reactivate, name="reactivate"),
    path("<number:pk>/password/", views.password, name="password"),
    path("<number:pk>/factors/", views.remove_factors, name="remove-factors"),
]
