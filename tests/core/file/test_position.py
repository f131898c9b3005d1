"""What is remembered on disk, when, and what happens if the file is another one by then."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import PermanentError, RetryableError
from tests.core.file.files import consumer, data, descriptors, rest, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of five lines."""
    path = tmp_path / "in.txt"
    path.write_bytes(b"a\nb\nc\nd\ne\n")
    return path


def saved(path: Path) -> dict[str, Any]:
    """What the position file says."""
    content = Path(f"{path}.position").read_bytes()
    return json.loads(content) if content else {}


def settle(path: Path, count: int, **options: Any) -> None:
    """Consume and ack some, and close."""
    with consumer(path, **options) as source:
        source.ack(source.consume(count, 0))


def test_it_is_saved_by_an_ack_and_by_nothing_before(path: Path) -> None:
    """Consuming saves nothing; when ack returns, the position file says so."""
    with consumer(path) as source:
        batch = source.consume(2, 0)
        assert saved(path) == {}
        source.ack(batch)
        assert saved(path)["offset"] == 4
        source.consume(2, 0)
    assert saved(path)["offset"] == 4
    with consumer(path) as source:
        assert rest(source) == [b"c", b"d", b"e"]


def test_only_the_prefix_without_gaps_is_saved(path: Path) -> None:
    """Of A to E, with A, B and D acked and C and E given back, C comes again and all after it."""
    with consumer(path) as source:
        a, b, c, d, e = source.consume(5, 0)
        source.ack([d])
        assert saved(path) == {}
        source.ack([b])
        assert saved(path) == {}
        source.ack([a])
        assert saved(path)["offset"] == 4
        source.nack([c, e])
    with consumer(path) as source:
        assert rest(source) == [b"c", b"d", b"e"]


def test_a_gap_that_closes_saves_all_behind_it(path: Path) -> None:
    """As soon as the message that held others back is acked, they are remembered too."""
    with consumer(path) as source:
        a, b, c, _, _ = source.consume(5, 0)
        source.ack([c, b])
        source.nack([a])
        (again,) = source.consume(1, 0)
        source.ack([again])
        assert saved(path)["offset"] == 6


def test_a_consumer_that_dies_leaves_what_it_had_not_acked(path: Path) -> None:
    """After kill -9 between consume and ack, everything unacked comes again."""
    done = run(
        """
import os, sys
from tests.core.file.files import consumer
source = consumer(sys.argv[1]).open()
source.ack(source.consume(2, 0))
source.consume(2, 0)
os.kill(os.getpid(), 9)
""",
        path,
    )
    assert done.returncode == -9, done.stderr
    with consumer(path) as source:
        assert rest(source) == [b"c", b"d", b"e"]


def test_an_ack_that_cannot_be_saved_settles_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the ack raises, the messages stay unsettled, and can be given back."""
    with consumer(path) as source:
        a, b = source.consume(2, 0)
        with monkeypatch.context() as patch:
            full = OSError(28, "No space left on device")
            patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(full))
            with pytest.raises(RetryableError, match="No space left on device"):
                source.ack([a])
        assert saved(path) == {}
        source.nack([a])
        source.ack([b])
        assert saved(path) == {}
        assert data(source.consume(1, 0)) == [b"a"]
    with consumer(path) as source:
        assert data(source.consume(1, 0)) == [b"a"]


def test_a_file_that_was_replaced_starts_over(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another file under the same name is consumed whole, and the log says why."""
    settle(path, 2)
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.rename(path)
    with consumer(path) as source:
        assert rest(source) == [b"a", b"b", b"c", b"d", b"e"]
    assert "position 4 was remembered. It is consumed from its beginning" in caplog.text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"x\n", [b"x"]),
        (b"a\nB\nc\nd\n", [b"a", b"B", b"c", b"d"]),
        (b"A\nb\nc\nd\n", [b"A", b"b", b"c", b"d"]),
        (b"", []),
    ],
    ids=["shorter", "other before the position", "other start", "empty"],
)
def test_a_file_that_was_rewritten_starts_over(
    path: Path, caplog: pytest.LogCaptureFixture, content: bytes, expected: list[bytes]
) -> None:
    """The same file with other content is consumed whole: a position past it skips nothing."""
    settle(path, 2)
    path.write_bytes(content)
    with consumer(path) as source:
        assert rest(source) == expected
    assert "consumed from its beginning" in caplog.text


def test_a_file_that_grew_goes_on(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Lines that were added come, and no others."""
    settle(path, 5)
    with path.open("ab") as file:
        file.write(b"f\n")
    with consumer(path) as source:
        assert rest(source) == [b"f"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (b"", []),
        (b"\n", []),
        (b"\nnext\n", [b"next"]),
        (b"\r\n", [b"last"]),
        (b"-and more\n", [b"last-and more"]),
    ],
)
def test_a_last_line_that_grew_comes_again_whole(
    path: Path, added: bytes, expected: list[bytes]
) -> None:
    """A line that was delivered without its end and then went on was not the whole line."""
    path.write_bytes(b"first\nlast")
    settle(path, 2)
    with path.open("ab") as file:
        file.write(added)
    with consumer(path) as source:
        assert rest(source) == expected


@pytest.mark.parametrize(
    "damaged",
    [
        b"not json",
        b'{"framing":"lines","inode":1,"offset":-4,"fingerprint":""}',
        b'{"framing":"lines","offset":4}',
        b'{"framing":"lines","inode":1,"offset":4,"fingerprint":"","version":2}',
        b'{"framing":"document","items":4,"sha256":""}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_position_is_an_error_that_says_what_to_do(path: Path, damaged: bytes) -> None:
    """It is not guessed where to go on; deleting the file starts at the beginning."""
    position = Path(f"{path}.position")
    position.write_bytes(damaged)
    with pytest.raises(PermanentError, match=r"in\.txt\.position.*Delete it"):
        consumer(path).open()
    position.unlink()
    with consumer(path) as source:
        assert data(source.consume(1, 0)) == [b"a"]


def test_an_empty_position_file_means_nothing_was_settled(path: Path) -> None:
    """It is made empty before the first ack."""
    Path(f"{path}.position").touch()
    with consumer(path) as source:
        assert data(source.consume(1, 0)) == [b"a"]


def test_it_is_kept_where_position_says(path: Path) -> None:
    """Two consumers of one file, each with a position file of its own, go on separately."""
    settle(path, 1, position=path.with_name("one"))
    settle(path, 3, position=path.with_name("two"))
    with consumer(path, position=path.with_name("one")) as source:
        assert data(source.consume(1, 0)) == [b"b"]
    with consumer(path, position=path.with_name("two")) as source:
        assert data(source.consume(1, 0)) == [b"d"]
    assert sorted(p.name for p in path.parent.iterdir()) == ["in.txt", "one", "two"]


def test_two_consumers_cannot_share_one(path: Path) -> None:
    """Each would move the other's position over messages that it has not delivered."""
    with consumer(path) as first:
        with pytest.raises(RetryableError, match="Another consumer remembers its position there"):
            consumer(path).open()
        first.ack(first.consume(1, 0))  # a new file now, and still locked
        with pytest.raises(RetryableError, match="option position"):
            consumer(path).open()
    with consumer(path) as source:
        assert data(source.consume(1, 0)) == [b"b"]


def test_a_folder_that_cannot_be_written_is_found_at_the_start(path: Path) -> None:
    """A position that could never be saved is no surprise after the first delivery."""
    with pytest.raises(PermanentError, match=r"No such file or directory.*Create the folder"):
        consumer(path, position=path.with_name("nowhere") / "position").open()


def test_a_failed_open_holds_nothing(path: Path) -> None:
    """What was opened and locked before something failed is let go, so that a retry works."""
    Path(f"{path}.position").write_bytes(b"damaged")
    source = consumer(path)
    before = descriptors()
    with pytest.raises(PermanentError):
        source.open()
    assert descriptors() == before
    Path(f"{path}.position").unlink()
    with source:
        assert rest(source) == [b"a", b"b", b"c", b"d", b"e"]
    assert descriptors() == before


def test_what_a_killed_save_left_is_used_up(path: Path) -> None:
    """A half-written new position is never read, and does not stay."""
    left = path.with_name(".in.txt.position.new")
    left.write_bytes(b'{"framing":"lines","off')
    settle(path, 1)
    assert saved(path)["offset"] == 2
    assert not left.exists()


def test_position_files_are_private(path: Path) -> None:
    """Only the user who runs it can read them."""
    settle(path, 1)
    assert Path(f"{path}.position").stat().st_mode & 0o777 == 0o600
