"""Where a file may be, and what is said of one that cannot be used."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import GeoWatchError, OptionsError, PermanentError, RetryableError
from geowatch_core.file._place import refusal, translated
from geowatch_core.file.options import (
    FileConsumerOptions,
    FileProducerOptions,
    FileStoreOptions,
)
from geowatch_core.options import schema
from tests.core.file.files import consumer, data, messages, producer, store

ROLES = [consumer, producer, store]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that must not be left, beside a secret."""
    (tmp_path / "secret").write_bytes(b"secret\n")
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    return root


def test_names_are_relative_to_the_root(root: Path) -> None:
    """With a root, a path is a path below it, and .. inside is harmless."""
    with producer("below/../below/out", root=root) as sink:
        sink.deliver(messages(b"a"))
    assert (root / "below" / "out").read_bytes() == b"a\n"
    with consumer(root / "below" / "out", root=root) as source:
        assert data(source.consume(1, 0)) == [b"a"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ["../secret", "below/../../secret", "{outside}", ".."])
def test_no_path_leaves_the_root(root: Path, role: Callable[..., Any], path: str) -> None:
    """Neither .. nor an absolute path gets out."""
    outside = path.format(outside=root.parent / "secret")
    with pytest.raises(PermanentError, match="leads out of the folder"):
        role(outside, root=root).open()
    assert (root.parent / "secret").read_bytes() == b"secret\n"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("link", ["file", "folder/secret"])
def test_no_link_leaves_the_root(root: Path, role: Callable[..., Any], link: str) -> None:
    """Neither a link in the place of the file nor one on the way to it gets out."""
    (root / "file").symlink_to("../secret")
    (root / "folder").symlink_to("..")
    with pytest.raises(PermanentError, match=r"leads out of the folder.*as root"):
        role(link, root=root).open()
    assert (root.parent / "secret").read_bytes() == b"secret\n"


@pytest.mark.parametrize("role", ROLES)
def test_without_a_root_it_is_the_folder_of_the_file(root: Path, role: Callable[..., Any]) -> None:
    """A link to somewhere else is refused until the root is wide enough for it."""
    (root / "file").symlink_to("../secret")
    with pytest.raises(PermanentError, match="leads out of the folder"):
        role(root / "file").open()
    with role(root / "file", root=root.parent):
        pass


def test_links_that_stay_are_followed(root: Path) -> None:
    """A link to a file below the root is that file, also when it is replaced."""
    (root / "below" / "real").write_bytes(b"old")
    (root / "link").symlink_to("below/real")
    with store("link", root=root) as kept:
        kept.write(messages(b"new"))
    assert (root / "link").is_symlink()
    assert (root / "below" / "real").read_bytes() == b"new\n"


def test_a_link_planted_after_the_check_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and opening, nobody can turn the file into a way out."""
    (root / "file").write_bytes(b"a\n")
    real = os.path.realpath

    def plant(path: Any) -> str:
        found = real(path)
        if found.endswith("/file"):
            (root / "file").unlink()
            (root / "file").symlink_to("../secret")
        return found

    monkeypatch.setattr(os.path, "realpath", plant)
    with pytest.raises(PermanentError, match="is a link"):
        consumer("file", root=root).open()


def test_a_link_planted_while_it_is_opened_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor between the very last look and the opening itself."""
    (root / "file").write_bytes(b"a\n")
    real = os.stat

    def plant(name: Any, **options: Any) -> os.stat_result:
        found = real(name, **options)
        if name == "file":
            (root / "file").unlink()
            (root / "file").symlink_to("../secret")
        return found

    monkeypatch.setattr(os, "stat", plant)
    with pytest.raises(PermanentError, match=r"A link was put there just now"):
        consumer("file", root=root).open()


def test_a_link_planted_as_the_new_content_is_refused(root: Path) -> None:
    """The name under which new content is written cannot be a way out either."""
    (root / ".out.new").symlink_to("../secret")
    with store("out", root=root) as kept:
        (outcome,) = kept.write(messages(b"a"))
    assert isinstance(outcome, PermanentError)
    assert (root.parent / "secret").read_bytes() == b"secret\n"


@pytest.mark.parametrize("options", [FileConsumerOptions, FileProducerOptions, FileStoreOptions])
@pytest.mark.parametrize(
    "wrong", [{"path": "a\0b"}, {"path": ""}, {"path": 5}, {"path": "x", "root": ""}]
)
def test_what_is_no_path_is_refused_at_once(options: Any, wrong: dict[str, Any]) -> None:
    """NUL, nothing at all and things that are no text never reach the system."""
    with pytest.raises(OptionsError, match=r"path|root"):
        options.read(wrong)


def test_an_unknown_option_names_the_nearest() -> None:
    """A misspelt option is not passed over."""
    with pytest.raises(OptionsError, match="Did you mean follow"):
        FileConsumerOptions.read({"path": "x", "folow": True})


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "socket"])
def test_only_regular_files_are_used(tmp_path: Path, role: Callable[..., Any], kind: str) -> None:
    """A folder, a pipe, a device or a socket is refused at once, by what it is."""
    path = tmp_path / "it"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        path = Path("/dev/null")
    with pytest.raises(PermanentError, match=r"This is a (folder|device or pipe), not a file"):
        role(path).open()


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    """The error has what was looked for, what is there, and the system's own as its cause."""
    (tmp_path / "quakes.geojsonl").touch()
    with pytest.raises(PermanentError, match=r"quake\.geojsonl.*mean 'quakes\.geojsonl'") as caught:
        consumer(tmp_path / "quake.geojsonl").open()
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(PermanentError, match="folder is not there either"):
        consumer(tmp_path / "nowhere" / "x").open()


@pytest.mark.parametrize("role", [producer, store])
def test_a_missing_folder_is_refused_at_the_start(tmp_path: Path, role: Callable[..., Any]) -> None:
    """A destination makes its file, but no folder: that would hide a typing error."""
    with pytest.raises(PermanentError, match="Create the folder"):
        role(tmp_path / "nowhere" / "out").open()


def test_editors_know_that_a_path_is_a_text() -> None:
    """The schema says what JSON has; Python may give a Path as well."""
    properties = schema(FileConsumerOptions)["properties"]
    assert properties["path"]["type"] == "string"
    assert properties["root"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert FileConsumerOptions.read({"path": Path("/a/b")}).path == "/a/b"


@pytest.mark.parametrize("role", ROLES)
def test_what_may_not_be_opened_says_so(
    tmp_path: Path, role: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal of the system is permanent and says what to do."""

    def refuse(*_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "file"
    path.touch()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermanentError, match=r"Permission denied.*file.*Give the user") as caught:
        role(path).open()
    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        (errno.ENOSPC, RetryableError, "Make room"),
        (errno.EDQUOT, RetryableError, "quota"),
        (errno.EMFILE, RetryableError, "ulimit -n"),
        (errno.EIO, RetryableError, "disk"),
        (errno.EROFS, PermanentError, "read-only"),
        (errno.EFBIG, PermanentError, "ulimit -f"),
        (errno.ENAMETOOLONG, PermanentError, "shorter"),
        (errno.EBADMSG, PermanentError, f"errno {errno.EBADMSG}"),
    ],
)
def test_every_refusal_teaches(code: int, kind: type[GeoWatchError], advice: str) -> None:
    """What may pass is retryable, what will not is permanent; both say what to do."""
    error = refusal("append to", "/data/out\n", OSError(code, "x"))
    assert type(error) is kind
    assert os.strerror(code) in str(error)
    assert r"/data/out\n" in str(error)
    assert advice in str(error)


def test_our_own_errors_pass_through_unchanged() -> None:
    """A retryable error is an OSError too, and must not be taken for one of the system's."""
    own = RetryableError("locked")
    with pytest.raises(RetryableError) as caught, translated("read", "x"):
        raise own
    assert caught.value is own


def test_descriptors_used_up_is_retryable(tmp_path: Path) -> None:
    """EMFILE passes when others close theirs, and names the limit."""
    import resource

    path = tmp_path / "in"
    path.write_bytes(b"a\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open("/dev/null", os.O_RDONLY)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
    try:
        with pytest.raises(RetryableError, match="ulimit -n"):
            consumer(path).open()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with consumer(path) as source:
        assert data(source.consume(1, 0)) == [b"a"]
