"""From a bare Python to the locked packages: where they come from, and what can hinder."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace

import polib
import pytest

from hapanel.bootstrap import debian
from hapanel.bootstrap.catalogues import compile_catalogue
from hapanel.bootstrap.environment import (
    DEVELOPMENT_LOCK,
    PIP,
    RUNTIME_LOCK,
    Environment,
)
from hapanel.bootstrap.pip_settings import DEFAULT_INDEX, PipSettings, read_pip_settings
from hapanel.bootstrap.wheel_source import Wheel, WheelSource
from hapanel.kernel.refusal import Refused

ROOT = Path(__file__).resolve().parents[2]
BODY = b"the wheel's bytes"
WHEEL = Wheel("pip", "pip-26.3-py3-none-any.whl", hashlib.sha256(BODY).hexdigest())
# kombu, redis, Django (passwords, PostgreSQL) and zoneinfo import these when they need them.
USED_BY_OTHERS = {"packaging", "hiredis", "argon2-cffi", "psycopg", "tzdata"}
HTML = "text/html"
JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class Index:
    """A package index of our own; `pages` maps a path to its content type and body."""

    url: str = ""
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    authorizations: dict[str, str | None] = field(default_factory=dict)


@pytest.fixture
def index() -> Iterator[Index]:
    served = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.authorizations[self.path] = self.headers["Authorization"]
            kind, body = served.pages.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()


def source(*indexes: str, find_links: tuple[str, ...] = ()) -> WheelSource:
    return WheelSource(PipSettings(indexes, find_links, None, None, (), 5.0))


def test_the_wheel_is_found_in_an_html_index_with_relative_links(index: Index) -> None:
    page = f'<a href="../../files/{WHEEL.filename}#sha256=whatever">{WHEEL.filename}</a>'
    index.pages["/simple/pip/"] = (HTML, page.encode())
    index.pages[f"/files/{WHEEL.filename}"] = ("application/octet-stream", BODY)
    assert source(f"{index.url}/simple").fetch(WHEEL) == BODY


def test_the_wheel_is_found_in_a_json_index(index: Index) -> None:
    files = [{"filename": WHEEL.filename, "url": f"/files/{WHEEL.filename}"}]
    index.pages["/simple/pip/"] = (JSON, json.dumps({"files": files}).encode())
    index.pages[f"/files/{WHEEL.filename}"] = ("application/octet-stream", BODY)
    assert source(f"{index.url}/simple/").fetch(WHEEL) == BODY


def test_an_index_in_a_local_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "simple" / "pip").mkdir(parents=True)
    link = f'<a href="../../{WHEEL.filename}">pip</a>'
    (tmp_path / "simple" / "pip" / "index.html").write_text(link)
    (tmp_path / WHEEL.filename).write_bytes(BODY)
    assert source(f"file://{tmp_path}/simple").fetch(WHEEL) == BODY


def test_a_folder_of_wheels_is_enough_without_any_index(tmp_path: Path) -> None:
    (tmp_path / WHEEL.filename).write_bytes(BODY)
    assert source(find_links=(str(tmp_path),)).fetch(WHEEL) == BODY


def test_the_next_index_is_asked_when_the_first_is_away(index: Index) -> None:
    index.pages["/simple/pip/"] = (HTML, f'<a href="/{WHEEL.filename}">pip</a>'.encode())
    index.pages[f"/{WHEEL.filename}"] = ("application/octet-stream", BODY)
    assert source("http://127.0.0.1:9/simple", f"{index.url}/simple").fetch(WHEEL) == BODY


@pytest.mark.parametrize("body", [b"[]", b'{"message": "sign in first"}', b"not JSON"])
def test_an_index_that_answers_something_else_is_a_refusal(index: Index, body: bytes) -> None:
    index.pages["/simple/pip/"] = (JSON, body)
    with pytest.raises(Refused, match="cannot be used"):
        source(f"{index.url}/simple").fetch(WHEEL)


def test_a_wheel_that_is_cut_off_on_its_way_is_a_refusal(index: Index) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nthe wheel")

        threading.Thread(target=serve, daemon=True).start()
        where = f"http://127.0.0.1:{server.getsockname()[1]}/{WHEEL.filename}"
        index.pages["/simple/pip/"] = (HTML, f'<a href="{where}">pip</a>'.encode())
        with pytest.raises(Refused, match="cannot be used"):
            source(f"{index.url}/simple").fetch(WHEEL)


def test_a_wheel_with_another_hash_is_refused(index: Index) -> None:
    index.pages["/simple/pip/"] = (HTML, f'<a href="/{WHEEL.filename}">pip</a>'.encode())
    index.pages[f"/{WHEEL.filename}"] = ("application/octet-stream", b"something else")
    with pytest.raises(Refused, match="not the file that was pinned"):
        source(f"{index.url}/simple").fetch(WHEEL)


def test_the_index_password_goes_to_the_index_alone(index: Index) -> None:
    elsewhere = index.url.replace("127.0.0.1", "localhost")
    page = f'<a href="{elsewhere}/{WHEEL.filename}">pip</a>'
    index.pages["/simple/pip/"] = (HTML, page.encode())
    index.pages[f"/{WHEEL.filename}"] = ("application/octet-stream", BODY)
    source(f"{index.url.replace('//', '//ada:s%3Acret@')}/simple").fetch(WHEEL)
    expected = base64.b64encode(b"ada:s:cret").decode()
    assert index.authorizations["/simple/pip/"] == f"Basic {expected}"
    assert index.authorizations[f"/{WHEEL.filename}"] is None


def test_no_index_that_answers_is_a_refusal_without_the_password() -> None:
    with pytest.raises(Refused) as refused:
        source("http://ada:secret@127.0.0.1:9/simple").fetch(WHEEL)
    assert "127.0.0.1:9: " in str(refused.value)
    assert "PIP_INDEX_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_pips_configuration_is_read_in_its_own_order(tmp_path: Path) -> None:
    user = tmp_path / ".config" / "pip" / "pip.conf"
    user.parent.mkdir(parents=True)
    user.write_text(
        "[global]\nindex-url = https://user/simple\ncert = /user.pem\n"
        "[install]\nextra_index_url =\n  https://one/simple\n  https://two/simple\n"
    )
    environ = {"XDG_CONFIG_DIRS": str(tmp_path / "none"), "PIP_CERT": "/environment.pem"}
    found = read_pip_settings(environ, tmp_path)
    assert found.indexes[0] == "https://user/simple"
    assert found.indexes[-2:] == ("https://one/simple", "https://two/simple")
    assert found.certificate_file == "/environment.pem"


def test_a_named_configuration_file_replaces_the_users_own(tmp_path: Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://user/simple\n")
    (tmp_path / "chosen").write_text("[global]\nindex-url = https://chosen/simple\n")
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "chosen")}
    assert read_pip_settings(environ, tmp_path).indexes[0] == "https://chosen/simple"


def test_all_configuration_can_be_switched_off(tmp_path: Path) -> None:
    settings = read_pip_settings({"PIP_CONFIG_FILE": "/dev/null"}, tmp_path)
    assert settings.indexes == (DEFAULT_INDEX,)


def test_no_index_leaves_only_the_folders(tmp_path: Path) -> None:
    environ = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PIP_CONFIG_FILE": "/dev/null"}
    settings = read_pip_settings(environ, tmp_path)
    assert settings.indexes == ()
    assert settings.find_links == ("/wheels",)


class InstantEnvironment(Environment):
    """An environment whose packages need no time; counts how often they are installed."""

    installs = 0

    def _make(self) -> None:
        self.python.parent.mkdir(parents=True, exist_ok=True)
        self.python.touch()

    def _pip(self) -> Path:
        return self.folder / PIP.filename

    def _run_pip(self, pip: Path, lock: str) -> None:
        self.installs += 1


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / RUNTIME_LOCK).write_text("django==5.2.19\n")
    (tmp_path / DEVELOPMENT_LOCK).write_text("django==5.2.19\npytest==9.2.0\n")
    return tmp_path


def test_an_unchanged_lock_file_is_installed_once(checkout: Path) -> None:
    environment = InstantEnvironment(checkout)
    environment.ensure(RUNTIME_LOCK)
    environment.ensure(RUNTIME_LOCK)
    assert environment.installs == 1


def test_the_development_packages_contain_those_of_the_panel(checkout: Path) -> None:
    environment = InstantEnvironment(checkout)
    environment.ensure(DEVELOPMENT_LOCK)
    environment.ensure(RUNTIME_LOCK)
    assert environment.installs == 1


def test_the_development_lock_file_names_every_line_of_the_other() -> None:
    runtime = set((ROOT / RUNTIME_LOCK).read_text().splitlines())
    assert runtime <= set((ROOT / DEVELOPMENT_LOCK).read_text().splitlines())


def test_every_package_that_is_asked_for_is_used() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    places = [ROOT / "hapanel", ROOT / "nodes", ROOT / "vms"]
    ours = "\n".join(file.read_text() for place in places for file in place.rglob("*.py"))
    modules: dict[str, set[str]] = {}
    for module, projects in packages_distributions().items():
        for project in projects:
            modules.setdefault(re.sub(r"[-_.]+", "-", project).lower(), set()).add(module)
    unused = {
        name
        for name in (re.split(r"[\[<>=]", each)[0] for each in asked)
        if not any(re.search(rf"\b{module}\b", ours) for module in modules[name])
    }
    assert unused == USED_BY_OTHERS


def test_a_changed_lock_file_is_installed_again(checkout: Path) -> None:
    environment = InstantEnvironment(checkout)
    environment.ensure(RUNTIME_LOCK)
    (checkout / RUNTIME_LOCK).write_text("django==5.2.20\n")
    environment.ensure(RUNTIME_LOCK)
    assert environment.installs == 2


def test_a_checkout_that_was_moved_is_set_up_again(checkout: Path, tmp_path: Path) -> None:
    InstantEnvironment(checkout).ensure(RUNTIME_LOCK)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in (RUNTIME_LOCK, DEVELOPMENT_LOCK, ".venv"):
        (checkout / name).rename(moved / name)
    environment = InstantEnvironment(moved)
    environment.ensure(RUNTIME_LOCK)
    assert environment.installs == 1


def test_a_linked_environment_is_not_emptied(tmp_path: Path) -> None:
    others = tmp_path / "others"
    (others / "bin").mkdir(parents=True)
    (others / "bin" / "python").touch()
    environment = Environment(tmp_path)
    environment.folder.symlink_to(others)
    environment._make()
    assert (others / "bin" / "python").exists()
    assert not environment.folder.is_symlink()
    assert environment.python.exists()


def test_a_full_disk_is_refused_before_anything_is_written(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(free=5 * 1024 * 1024)
    monkeypatch.setattr("hapanel.bootstrap.environment.shutil.disk_usage", lambda _path: full)
    with pytest.raises(Refused, match="5 MiB are free"):
        InstantEnvironment(checkout).ensure(RUNTIME_LOCK)
    assert not (checkout / ".venv").exists()


def test_translations_are_compiled_when_they_changed(tmp_path: Path) -> None:
    catalogue = tmp_path / "locale" / "id" / "LC_MESSAGES" / "django.po"
    catalogue.parent.mkdir(parents=True)
    po = polib.POFile()
    po.metadata = {"Content-Type": "text/plain; charset=utf-8"}
    po.append(polib.POEntry(msgid="Guests", msgstr="Mesin tamu"))
    po.save(str(catalogue))
    compiled = compile_catalogue(catalogue)
    assert polib.mofile(str(compiled))[0].msgstr == "Mesin tamu"


def test_a_missing_program_is_refused_with_the_exact_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hapanel.bootstrap.debian.shutil.which", lambda _name: None)
    with pytest.raises(Refused) as refused:
        debian.ensure_programs("chromium", "xgettext")
    assert (
        "sudo apt-get update && sudo apt-get install --yes --no-install-recommends"
        " chromium gettext" in str(refused.value)
    )


def test_programs_that_are_there_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hapanel.bootstrap.debian.shutil.which", lambda name: f"/usr/bin/{name}")
    debian.ensure_programs("chromium")
