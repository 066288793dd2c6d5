from django.apps import AppConfig
from django.urls import register_converter


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        from accounts import sign_in_record  # noqa: F401
        from accounts.addresses import Number
        from accounts.system_texts import TEXTS
        from audit.stored_text import register

        register(TEXTS)
        register_converter(Number, "number")
