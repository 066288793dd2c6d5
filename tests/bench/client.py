"""An HTTP client with cookies and one kept-alive connection, as light as possible beside the measured server."""

import http.client
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit


@dataclass
class Answer:
    """Status, headers and body of a response, and its duration in seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode("utf-8", "replace")


@dataclass
class Visitor:
    """The client of one person on one server on the loopback interface."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def get(self, path: str) -> Answer:
        """Send a GET request."""
        return self._send("GET", path, None)

    def post(self, path: str, fields: list[tuple[str, str]]) -> Answer:
        """Send a form in a POST request."""
        return self._send("POST", path, urlencode(fields))

    def _send(self, method: str, path: str, body: str | None) -> Answer:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Referer"] = f"http://127.0.0.1:{self.port}{path}"
        begun = time.perf_counter()
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        data = response.read()
        seconds = time.perf_counter() - begun
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                cookie, _semicolon, _rest = value.partition(";")
                key, _equals, content = cookie.partition("=")
                self.cookies[key] = content
        return Answer(response.status, dict(response.getheaders()), data, seconds)

    def followed(self, answer: Answer) -> Answer:
        """Follow the redirect of a response."""
        parts = urlsplit(answer.headers["Location"])
        return self.get(parts.path + (f"?{parts.query}" if parts.query else ""))


def hidden_fields(page: str) -> list[tuple[str, str]]:
    """Return the hidden inputs of a page's entry form as pairs of name and value."""
    found = []
    _before, _start, form = page.partition('id="entry"')
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form.partition("</form>")[0]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            found.append((name[1], value[1] if value else ""))
    return found


def csrf_token(page: str) -> str:
    """Return the CSRF token of the first form of a page. Raises ValueError if there is none."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if not found:
        raise ValueError("the page has no form")
    return found[1]
