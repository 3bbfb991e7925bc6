"""Fetch one wheel, known by name and SHA-256, from the configured package index.

Speaks the Simple API in both of its forms, HTML (PEP 503) and JSON (PEP 691), and reads local
folders and pages named by find-links. Where the bytes come from does not matter: only those
with the pinned hash are accepted.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from hapanel.bootstrap.pip_settings import PipSettings
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, "
    "text/html;q=0.2, application/octet-stream;q=0.1"
)

NO_CERTIFICATES = refusal_kind(
    "setup-no-ca-certificates",
    gettext_noop("This machine has no certificates to check %(host)s with."),
    gettext_noop("Install them (Debian: apt-get install ca-certificates) and start again."),
)
INDEX_NOT_TRUSTED = refusal_kind(
    "setup-index-not-trusted",
    gettext_noop("The certificate of the package index %(host)s is not trusted: %(reason)s."),
    gettext_noop(
        "If a proxy stands in between, put its CA into the system store"
        " (/usr/local/share/ca-certificates, then update-ca-certificates) or name it in PIP_CERT."
    ),
)
INDEX_UNREACHABLE = refusal_kind(
    "setup-index-unreachable",
    gettext_noop("The package index cannot be used: %(reasons)s."),
    gettext_noop(
        "Check the network and the proxy (https_proxy), or name a mirror in PIP_INDEX_URL"
        " or in pip.conf, and start again."
    ),
)
WHEEL_IS_ANOTHER = refusal_kind(
    "setup-wheel-hash",
    gettext_noop("%(filename)s from %(host)s is not the file that was pinned (its hash differs)."),
    gettext_noop("Use a package index that serves the published file, or ask who runs this one."),
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that must be exactly this one."""

    project: str
    filename: str
    sha256: str


class WheelSource:
    """The configured indexes, asked in pip's order."""

    def __init__(self, settings: PipSettings) -> None:
        self._settings = settings
        self._secrets: dict[str, str] = {}
        handlers: list[urllib.request.BaseHandler] = []
        if settings.proxy:
            handlers.append(
                urllib.request.ProxyHandler({"http": settings.proxy, "https": settings.proxy})
            )
        self._openers = {
            checked: urllib.request.build_opener(
                *handlers, urllib.request.HTTPSHandler(context=self._context(checked))
            )
            for checked in (True, False)
        }

    def fetch(self, wheel: Wheel) -> bytes:
        """The bytes of `wheel`. Raises Refused with what hinders and what helps."""
        reasons: list[str] = []
        for source in [*self._settings.find_links, *self._settings.indexes]:
            is_index = source in self._settings.indexes
            try:
                found = self._fetch_from(source, wheel, is_index=is_index)
            except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
                self._refuse_untrusted(source, error)
                reasons.append(f"{_host(source)}: {_reason(error)}")
                continue
            if found is not None:
                return found
            if is_index:
                reasons.append(f"{_host(source)} does not have {wheel.filename}")
        raise Refused(INDEX_UNREACHABLE(reasons="; ".join(reasons) or "none is configured"))

    def _fetch_from(self, source: str, wheel: Wheel, *, is_index: bool) -> bytes | None:
        page = f"{source.rstrip('/')}/{wheel.project}/" if is_index else source
        for filename, url in self._links(page):
            if filename != wheel.filename:
                continue
            body = self._read(url)[0]
            if hashlib.sha256(body).hexdigest() != wheel.sha256:
                raise Refused(WHEEL_IS_ANOTHER(filename=filename, host=_host(url)))
            return body
        return None

    def _links(self, page: str) -> Iterator[tuple[str, str]]:
        folder = _local_path(page)
        if folder is not None and folder.is_dir():
            if not (folder / "index.html").exists():
                yield from ((path.name, path.as_uri()) for path in folder.iterdir())
                return
            page = (folder / "index.html").as_uri()
        elif folder is not None and not folder.exists():
            return
        body, content_type, address = self._read(page)
        if content_type.endswith("json"):
            for file in _files_of(body):
                yield file["filename"], urllib.parse.urljoin(address, file["url"])
            return
        parser = _Anchors(address)
        parser.feed(body.decode("utf-8", "replace"))
        yield from parser.links

    def _read(self, url: str) -> tuple[bytes, str, str]:
        """Body, content type and final address of `url`."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https", "file"}:
            raise ValueError(f"an address of the kind {parts.scheme or url!r} is not supported")
        bare = parts.netloc.rpartition("@")[2]
        request = urllib.request.Request(parts._replace(netloc=bare).geturl())  # noqa: S310
        request.add_header("Accept", ACCEPT)
        if parts.username:
            secret = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
            self._secrets[bare] = base64.b64encode(secret.encode()).decode()
        if bare in self._secrets:
            # Unredirected: the secret belongs to this host, not to the one it may point to.
            request.add_unredirected_header("Authorization", f"Basic {self._secrets[bare]}")
        trusted = {parts.hostname, bare} & set(self._settings.trusted_hosts)
        opener = self._openers[not trusted]
        with opener.open(request, timeout=self._settings.timeout_seconds) as answer:
            return answer.read(), answer.headers.get_content_type(), answer.url

    def _context(self, checked: bool) -> ssl.SSLContext:
        if not checked:
            return ssl._create_unverified_context()  # noqa: S323 - the user's own trusted-host
        bundle = self._settings.certificate_file
        if bundle and Path(bundle).is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(
            cafile=bundle if bundle and Path(bundle).exists() else None
        )

    def _refuse_untrusted(self, source: str, error: Exception) -> None:
        cause = getattr(error, "reason", error)
        if not isinstance(cause, ssl.SSLCertVerificationError):
            return
        if not self._settings.certificate_file and not machine_has_certificates():
            raise Refused(NO_CERTIFICATES(host=_host(source))) from error
        raise Refused(INDEX_NOT_TRUSTED(host=_host(source), reason=cause.verify_message)) from error


class _Anchors(HTMLParser):
    """The links of a Simple API page in HTML: (filename, address), relative ones joined."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self.links: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if not href:
            return
        url = urllib.parse.urldefrag(urllib.parse.urljoin(self._address, href)).url
        if tag == "base":
            self._address = url
        elif tag == "a":
            filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
            self.links.append((filename, url))


def machine_has_certificates() -> bool:
    """Whether OpenSSL finds any certificate authority in its default places."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return True
    return bool(paths.capath and any(Path(paths.capath).iterdir()))


def _files_of(body: bytes) -> list[dict[str, str]]:
    """The files of a page in JSON. ValueError when it is none of the Simple API's."""
    match json.loads(body):
        case {"files": [*files]}:
            return files
    raise ValueError("its page is not one of the Simple API")


def _local_path(source: str) -> Path | None:
    parts = urllib.parse.urlsplit(source)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path))
    return None if parts.scheme else Path(source)


def _host(source: str) -> str:
    """A source without user name and password, for messages."""
    parts = urllib.parse.urlsplit(source)
    return parts.netloc.rpartition("@")[2] or source


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answers {error.code} {error.reason}"
    return str(getattr(error, "reason", error)) or type(error).__name__
