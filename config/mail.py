"""The mail server from `EMAIL_URL`; without one nothing is mailed, and links are handed over by two people."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from config.env import Misconfigured

PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


@dataclass(frozen=True)
class MailServer:
    """Where mails are handed in. `scheme` is empty without a server."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    @property
    def backend(self) -> str:
        """Django's mail backend."""
        return f"django.core.mail.backends.{'smtp' if self.scheme else 'dummy'}.EmailBackend"


def from_url(url: str) -> MailServer:
    """Return the server of `smtp://user:password@host:587` (STARTTLS) or `smtps://…` (TLS from the first byte).

    `smtp+plain://` sends without encryption, for a server on the same machine. Raises Misconfigured.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in PORTS or not parts.hostname):
        raise Misconfigured(
            f"Unexpected value EMAIL_URL={parts.scheme}://…: use smtp://user:password@host:587 or smtps://…"
        )
    return MailServer(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or PORTS.get(parts.scheme, 0),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
