"""TLS and passwords: only to whom is known, and never in clear by mistake."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import CONFIRMED, Message, provision_store
from geowatch_core.errors import PermanentError, RetryableError, ServiceError
from tests.memcached.certificates import Authority
from tests.memcached.proxy import Proxy, answering, losing_replies, refusing
from tools.local import HOST
from tools.memcached_server import MemcachedServer


class Secured:
    """A memcached that speaks TLS, and its authorities.

    Args:
        folder: for certificates.
        more: what memcached is told beside its own certificate.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        self.authority = Authority(folder, "authority")
        certificate, key = self.authority.certificate("server")
        told = [f"ssl_chain_cert={certificate}", f"ssl_key={key}", *more]
        if "ssl_verify_mode=2" in more:
            told.append(f"ssl_ca_cert={self.authority.file}")
        self.server = MemcachedServer(folder, "-Z", "-o", ",".join(told))


@pytest.fixture(scope="module")
def secured(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A memcached that speaks TLS only."""
    made = Secured(tmp_path_factory.mktemp("tls"))
    made.server.start()
    yield made
    made.server.kill()


def write(port: int, **options: Any) -> Any:
    """What becomes of a message."""
    given = {"key": "tls", "host": HOST, "port": port, "max_tries": 1, "timeout": 5, **options}
    with provision_store("memcached", **given) as store:
        (outcome,) = store.write([Message(b"a")])
        assert [message.data for message in store.read()] == [b"a"]
        return outcome


def test_tls_with_the_servers_authority_works(secured: Secured) -> None:
    """Encrypted, and with the server's certificate verified."""
    authority = str(secured.authority.file)
    assert write(secured.server.port, tls=True, tls_ca=authority) is CONFIRMED


def test_tls_with_another_authority_is_refused(secured: Secured) -> None:
    """A certificate that nobody known has signed ends it, with what to set."""
    other = Authority(secured.folder, "other")
    with pytest.raises(PermanentError, match=r"prove who it is.*tls_ca"):
        write(secured.server.port, tls=True, tls_ca=str(other.file))


def test_tls_verifies_without_being_told_so(secured: Secured) -> None:
    """Tls = true alone trusts the system's authorities, and not everybody."""
    with pytest.raises(PermanentError, match="prove who it is"):
        write(secured.server.port, tls=True)


def test_tls_verifies_the_name_of_the_host(secured: Secured) -> None:
    """A certificate for another name than the one connected to is refused."""
    with pytest.raises(PermanentError, match="prove who it is"):
        write(secured.server.port, host="localhost", tls=True, tls_ca=str(secured.authority.file))


def test_no_tls_where_the_server_wants_it_is_said(secured: Secured) -> None:
    """In clear it is not spoken to; the error names tls."""
    with pytest.raises(RetryableError, match="tls = true"):
        write(secured.server.port)


def test_tls_where_the_server_speaks_none_is_said(
    memcached: MemcachedServer, secured: Secured
) -> None:
    """A memcached without TLS is an error, and no reason to go on in clear."""
    with pytest.raises(ServiceError, match="TLS"):
        write(memcached.port, tls=True, tls_ca=str(secured.authority.file), timeout=2)


def test_client_certificate_is_shown_where_it_is_asked_for(logs: Path, tmp_path: Path) -> None:
    """A memcached that verifies its clients lets in the one with a certificate."""
    secured = Secured(tmp_path, "ssl_verify_mode=2")
    certificate, key = map(str, secured.authority.certificate("client"))
    tls = {"tls": True, "tls_ca": str(secured.authority.file)}
    # It closes a connection without a certificate, so asking whether it is ready must show one.
    with secured.server as server:
        assert write(server.port, **tls, tls_cert=certificate, tls_key=key) is CONFIRMED
        with pytest.raises(ServiceError):
            write(server.port, **tls)


def test_files_that_are_not_there_are_named(memcached: MemcachedServer) -> None:
    """A wrong path is an error of its own, before anything is sent."""
    with pytest.raises(PermanentError, match=r"files for TLS.*no-such\.pem"):
        write(memcached.port, tls=True, tls_ca="no-such.pem")


@pytest.fixture(scope="module")
def locked(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemcachedServer]:
    """A memcached with a file of users."""
    users = tmp_path_factory.mktemp("users") / "users"
    users.write_text("geowatch:correct-horse\n")
    with MemcachedServer(logs, "-Y", str(users)) as server:
        yield server


def test_right_password_is_let_in(locked: MemcachedServer) -> None:
    """Username and password of its file."""
    given = {"username": "geowatch", "password": "correct-horse"}
    assert write(locked.port, **given) is CONFIRMED


@pytest.mark.parametrize("given", [{"username": "geowatch", "password": "canary-3c1d7e"}, {}])
def test_wrong_password_is_refused_and_not_shown(
    locked: MemcachedServer, given: dict[str, str]
) -> None:
    """The error says what to set, and not what was tried."""
    with pytest.raises(PermanentError, match="username and password") as raised:
        write(locked.port, **given)
    assert "canary" not in repr(raised.value) + repr(raised.value.__cause__)


def test_password_is_in_nothing_that_a_window_says(
    locked: MemcachedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in an error, its causes or its repr, nor in a log line at DEBUG, on any path."""
    secret = "correct-horse"
    proxy, said = Proxy(locked.port), []
    given = {"host": HOST, "port": proxy.port, "username": "geowatch", "password": secret}
    manners = [refusing, losing_replies, answering(b"ERROR\r\n"), answering(b"?\r\n")]
    with (
        caplog.at_level(logging.DEBUG),
        provision_store("memcached", key="window", max_tries=1, **given) as store,
    ):
        window = store.window()
        window.open()
        for manner in manners:
            for act in (window.reserve, window.confirm, window.release, store.window().open):
                with proxy.behaving(manner), pytest.raises(ServiceError) as raised:
                    act(*([] if act.__name__ == "open" else [[b"id"]]))
                said.append("".join(traceback.format_exception(raised.value)))
                window.release([b"id"])
        said += [repr(store), repr(window), repr(vars(window))]
        with proxy.behaving(refusing):
            window.close()
    proxy.close()
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")
    for text in [*said, caplog.text]:
        assert secret not in text
        assert coded not in text
