"""What the dead letter keeps, and what happens when it does not."""

import base64
import json
from pathlib import Path

import pytest

from geowatch_core import Broker, provision
from geowatch_core.errors import BrokerStoppedError, ConfigurationError
from geowatch_core.memory.consumer import MemoryConsumer
from geowatch_core.memory.options import MemoryConsumerOptions, MemoryProducerOptions
from geowatch_core.memory.producer import MemoryProducer
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED
from geowatch_core.secret import Secret
from tests.flow.channel import AT_ONCE, LATER, NEVER, Given, Kept, data
from tests.flow.codec import JSON


def letters_of(items, answer=lambda _data, _tries: NEVER, **options):
    """What the dead letter gets when the only destination answers so."""
    letters, source = Kept(name="letters"), Given(items, name="quakes")
    report = Broker(
        consumers=[source], producers=[Kept(answer)], dead_letter=letters, **options
    ).run()
    assert source.acked == list(range(len(items)))
    assert report.conserved
    assert report.dead_lettered == len(letters.got)
    return letters.values


def test_letter_has_all_that_is_needed_to_repair_and_replay():
    """Original bytes, key, headers, time, position, source, attempts, error class and reason."""
    bad = Message(b'{ "n": 1 }', b"key", (("h", b"v"), ("h", b"w")), 12.5)
    (letter,) = letters_of([bad])
    failed_at = letter.pop("failed_at")
    assert failed_at > 1_600_000_000
    assert letter == {
        "error": "PermanentError",
        "reason": "Refused. Give up.",
        "where": "kept",
        "attempts": 1,
        "source": "quakes",
        "position": 0,
        "time": 12.5,
        "headers": [["h", "v"], ["h", "w"]],
        "key": "key",
        "data": '{ "n": 1 }',
    }


def test_letter_keeps_bytes_that_are_no_text():
    """Bytes that are not UTF-8 are kept in base64."""
    (letter,) = letters_of([Message(b"\xff\x00", b"\xfe")])
    assert base64.b64decode(letter["data_base64"]) == b"\xff\x00"
    assert base64.b64decode(letter["key_base64"]) == b"\xfe"


def test_letter_keeps_the_bytes_that_came_where_the_value_was_changed():
    """What a transform made of a message is not what the dead letter keeps."""
    (letter,) = letters_of(data({"n": 1}), transform=lambda value: {"n": value["n"] + 1})
    assert letter["data"] == '{"n":1}'


def test_letter_keeps_key_and_headers_of_the_message():
    """The letter itself carries the key and headers, so that channels keep it together."""
    letters = Kept(name="letters")
    Broker(
        consumers=[Given([Message(b"1", b"key", (("h", b"v"),))])],
        producers=[Kept(lambda _data, _tries: NEVER)],
        dead_letter=letters,
    ).run()
    (message,) = letters.messages
    assert (message.key, message.headers) == (b"key", (("h", b"v"),))


def test_letter_counts_a_message_that_two_destinations_refused_once():
    """One message, one letter, however many destinations refused it."""
    letters = Kept(name="letters")
    report = Broker(
        consumers=[Given(data(1))],
        producers=[Kept(lambda _data, _tries: NEVER, name=name) for name in "ab"],
        dead_letter=letters,
    ).run()
    assert len(letters.got) == report.dead_lettered == 1


def test_letter_has_no_secret():
    """Nothing of a configuration is in a letter."""

    class Guarded(Kept):
        def __init__(self):
            super().__init__(lambda _data, _tries: NEVER, name="guarded")
            self.options = {"token": Secret("hunter2")}

    letters = Kept(name="letters")
    Broker(consumers=[Given(data(1))], producers=[Guarded()], dead_letter=letters).run()
    assert b"hunter2" not in letters.got[0]
    assert "hunter2" not in repr(letters.messages)


def test_dead_letter_that_is_busy_is_retried():
    """The dead letter is retried like any destination."""
    letters = Kept(lambda _data, tries: CONFIRMED if tries else LATER, name="letters")
    report = Broker(
        consumers=[Given(data(1))],
        producers=[Kept(lambda _data, _tries: NEVER)],
        dead_letter=letters,
        retry=AT_ONCE,
    ).run()
    assert (report.dead_lettered, report.retries) == (1, 1)


def test_dead_letter_that_fails_stops_the_broker_with_nothing_acked():
    """When the dead letter does not take a message either, nothing is acked."""
    source, dead = Given(data(1, 2)), Kept(lambda _data, _tries: NEVER, name="letters")
    sink = Kept(lambda item, _tries: NEVER if item == b"1" else CONFIRMED)
    broker = Broker(consumers=[source], producers=[sink], dead_letter=dead)
    with pytest.raises(BrokerStoppedError, match="The dead letter failed: Refused"):
        broker.run()
    assert (source.acked, source.nacked) == ([], [0, 1])
    assert broker.report.conserved
    assert broker.report.dead_lettered == 0


def test_dead_letter_may_be_a_topic_of_a_real_backend():
    """A topic in memory serves as a dead letter and can be consumed again."""
    dead = MemoryProducer(MemoryProducerOptions(topic="dead"), name="dead", codec=JSON)
    Broker(consumers=[Given([b"nonsense"])], producers=[Kept()], dead_letter=dead).run()
    with MemoryConsumer(MemoryConsumerOptions(topic="dead"), name="dead", codec=JSON) as after:
        (message,) = after.consume()
    assert json.loads(message.data)["data"] == "nonsense"


def test_store_that_replaces_is_refused_as_a_dead_letter() -> None:
    """Its next write would replace the letters of the last: say so before anything runs."""
    letters = provision("memory", "store", key="letters", codec="json")
    with letters, pytest.raises(ConfigurationError, match="only its latest letters"):
        Broker("alerts", dead_letter=letters)


def test_store_that_adds_is_taken_as_a_dead_letter(tmp_path: Path) -> None:
    """A file store keeps every letter where it appends."""
    letters = provision("file", "store", path=tmp_path / "letters.jsonl", append=True)
    with Broker("alerts", dead_letter=letters) as broker:
        assert broker.dead_letter is not None
