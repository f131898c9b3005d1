"""A whole file as one document."""

import json
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import Consumer, DecodeError, PermanentError
from geowatch_core.codecs import GeoJsonCodec, JsonCodec, PlainCodec
from tests.core.file.files import consumer, data, rest

POINT = '{"type":"Feature","geometry":{"type":"Point","coordinates":[%d,0]},"properties":{}}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An array of five numbers."""
    path = tmp_path / "in.json"
    path.write_bytes(b"[1, 2, 3, 4, 5]")
    return path


def saved(path: Path) -> Any:
    """What the position file says."""
    return json.loads(Path(f"{path}.position").read_bytes())


def test_each_item_is_a_message_numbered_from_one(path: Path) -> None:
    """The codec takes the document apart; a position counts its items."""
    with consumer(path, JsonCodec()) as source:
        batch = source.consume(2, 0)
        assert [(m.value, m.position) for m in batch] == [(1, 1), (2, 2)]
        assert [m.value for m in source.consume(10, 0)] == [3, 4, 5]


def test_a_feature_collection_gives_its_features(tmp_path: Path) -> None:
    """The suffix .geojson and the codec geojson mean one FeatureCollection."""
    path = tmp_path / "quakes.geojson"
    features = ",\n".join(POINT % i for i in range(3))
    path.write_text(f'{{"type":"FeatureCollection","features":[{features}]}}')
    with consumer(path, GeoJsonCodec()) as source:
        assert rest(source) == [(POINT % i).encode() for i in range(3)]


@pytest.mark.parametrize(
    ("name", "codec", "options", "expected"),
    [
        ("in.json", JsonCodec(), {}, [b"1", b"2"]),
        ("in.JSON", JsonCodec(), {}, [b"1", b"2"]),
        ("in.jsonl", JsonCodec(), {}, [b"[1,", b"2]"]),
        ("in.json", PlainCodec(), {}, [b"[1,", b"2]"]),
        ("in.json", JsonCodec(), {"framing": "lines"}, [b"[1,", b"2]"]),
        ("in.txt", JsonCodec(), {"framing": "document"}, [b"1", b"2"]),
        ("in.json", JsonCodec(), {"follow": True}, [b"[1,", b"2]"]),
    ],
)
def test_suffix_and_codec_decide_unless_framing_does(
    tmp_path: Path, name: str, codec: Any, options: dict[str, Any], expected: list[bytes]
) -> None:
    """A document is a .json or .geojson file of a codec that has documents, not followed."""
    path = tmp_path / name
    path.write_bytes(b"[1,\n2]\n")
    with consumer(path, codec, **options) as source:
        assert data(source.consume(10, 0)) == expected


def test_a_restart_goes_on_with_the_next_item(path: Path) -> None:
    """Settled items do not come again, in order or not."""
    with consumer(path, JsonCodec()) as source:
        a, b, _, d = source.consume(4, 0)
        source.ack([d, a, b])
    assert saved(path)["items"] == 2
    with consumer(path, JsonCodec()) as source:
        assert rest(source) == [b"3", b"4", b"5"]
    with consumer(path, JsonCodec()) as source:
        assert source.consume(10, 5) == []
        assert source.exhausted


def test_a_changed_document_starts_over(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Items have no identity: if any byte is another, all of them come again, with a warning."""
    with consumer(path, JsonCodec()) as source:
        source.ack(source.consume(4, 0))
    path.write_bytes(b"[1, 2, 3, 4, 6]")
    with consumer(path, JsonCodec()) as source:
        assert rest(source) == [b"1", b"2", b"3", b"4", b"6"]
    assert "changed since 4 of its items were settled" in caplog.text


def consume_twice(source: Consumer) -> None:
    """The first may bring what stands before the damage."""
    for _ in range(2):
        source.consume(10, 0)


@pytest.mark.parametrize("content", [b"", b"[1, 2", b"\xef\xbb\xbf[1]", b'{"a":1}\n{"a":2}\n'])
def test_what_is_no_document_stops_with_its_name(path: Path, content: bytes) -> None:
    """The error names the file, keeps the codec's reason as its cause, and comes again."""
    path.write_bytes(content)
    with consumer(path, JsonCodec()) as source:
        for _ in range(2):
            with pytest.raises(PermanentError, match=r"not a document.*in\.json.*lines") as caught:
                consume_twice(source)
            assert isinstance(caught.value.__cause__, DecodeError)
        assert not source.exhausted


def test_a_document_too_large_is_refused_before_it_is_read(path: Path) -> None:
    """The limit holds for the file, whatever is in it."""
    with pytest.raises(PermanentError, match=r"max_document = 14 bytes.*Raise max_document"):
        consumer(path, JsonCodec(), max_document=14).open()
    with consumer(path, JsonCodec(), max_document=15) as source:
        assert len(rest(source)) == 5


def test_a_position_of_lines_does_not_fit_a_document(path: Path) -> None:
    """A changed framing is said, not guessed."""
    with consumer(path, JsonCodec(), framing="lines") as source:
        source.ack(source.consume(1, 0))
    with pytest.raises(PermanentError, match=r"belongs to another framing.*Delete it"):
        consumer(path, JsonCodec()).open()
