from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        from accounts import sign_in_record  # noqa: F401
