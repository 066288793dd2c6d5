from django.apps import AppConfig
from django.urls import register_converter


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        from accounts.addresses import Number
        from accounts.passwords import password_digests
        from accounts.sign_in import sign_in_record  # noqa: F401
        from accounts.system_texts import TEXTS
        from audit.sealing import verification
        from audit.stored_text import register

        register(TEXTS)
        verification.register(password_digests.findings)
        register_converter(Number, "number")
