"""Addresses of the people of a trial."""

from django.urls import path

from accounts import people_views as views

app_name = "accounts"
urlpatterns = [
    path("", views.people, name="people"),
    path("add/", views.add, name="add"),
    path("delegate/", views.delegate, name="delegate"),
    path("<int:pk>/", views.person, name="person"),
    path("<int:pk>/role/", views.add_role, name="add-role"),
    path("<int:pk>/role/<int:delegation>/end/", views.end_role, name="end-role"),
    path("<int:pk>/identity/", views.identity, name="identity"),
    path("<int:pk>/deactivate/", views.deactivate, name="deactivate"),
    path("<int:pk>/reactivate/", views.reactivate, name="reactivate"),
    path("<int:pk>/password/", views.password, name="password"),
    path("<int:pk>/factors/", views.remove_factors, name="remove-factors"),
]
