"""The user's own code between filter and delivery."""

import pytest

from geowatch_core import Broker, Message
from geowatch_core.errors import BrokerStoppedError, TransformError
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import NEVER, Given, Kept, data


def run(body, items=(1, 2, 3), **options):
    """Run a broker whose process is `body`; its sink, source and report."""
    made = type("Own", (Broker,), {"process": lambda self, messages: body(messages)})
    sink, source = Kept(), Given(data(*items))
    report = made(consumers=[source], producers=[sink], **options).run()
    assert report.conserved
    assert source.acked == list(range(len(items)))
    return sink.values, report


def test_none_delivers_all():
    """Returning nothing delivers every message."""
    values, report = run(lambda messages: None)
    assert (values, report.delivered) == ([1, 2, 3], 3)


def test_dropped_messages_are_filtered_and_acked():
    """What process leaves out is filtered."""
    values, report = run(lambda messages: messages[1:])
    assert (values, report.filtered, report.delivered) == ([2, 3], 1, 2)


def test_messages_removed_from_the_list_are_dropped():
    """Taking messages out of the list that was given drops them too."""
    values, report = run(lambda messages: messages.pop() and None)
    assert (values, report.filtered) == ([1, 2], 1)


def test_changed_values_are_delivered():
    """Setting the value of a message changes what is delivered."""

    def add(messages):
        for message in messages:
            message.value += 10

    assert run(add)[0] == [11, 12, 13]


def test_replaced_messages_are_delivered_and_settle_the_original():
    """A message made by replace stands for the one it replaced."""
    values, report = run(lambda messages: [m.replace(-m.value) for m in messages])
    assert values == [-1, -2, -3]
    assert (report.created, report.filtered) == (0, 0)


def test_created_messages_are_counted():
    """New messages are delivered, and counted as created."""
    values, report = run(lambda messages: [*messages, Message.of("new")])
    assert values == [1, 2, 3, "new"]
    assert (report.created, report.delivered) == (1, 4)


def test_one_message_may_become_many():
    """Splitting one message gives many; all but one count as created."""
    values, report = run(
        lambda messages: [m.replace([m.value, part]) for m in messages for part in range(2)],
        items=(1, 2),
    )
    assert values == [[1, 0], [1, 1], [2, 0], [2, 1]]
    assert (report.created, report.delivered) == (2, 4)


def test_many_messages_may_become_one():
    """A new message in place of many: the many are filtered, the one is created."""
    values, report = run(lambda messages: [Message.of(sum(m.value for m in messages))])
    assert values == [6]
    assert (report.created, report.filtered) == (1, 3)


def test_generator_is_taken():
    """What process yields is delivered."""
    values, _ = run(lambda messages: (m for m in messages if m.value != 2))
    assert values == [1, 3]


def test_same_message_twice_is_delivered_twice():
    """A message that is returned twice is delivered twice, and the report still adds up."""
    values, report = run(lambda messages: messages * 2, items=(1,))
    assert values == [1, 1]
    assert (report.created, report.delivered) == (1, 2)


def test_same_message_twice_that_fails_still_adds_up():
    """The report adds up where a message that is returned twice cannot be delivered."""

    class Twice(Broker):
        def process(self, messages):
            return messages * 2

    letters = Kept(name="letters")
    report = Twice(
        consumers=[Given(data(1))],
        producers=[Kept(lambda _data, _tries: NEVER)],
        dead_letter=letters,
    ).run()
    assert report.conserved
    assert (report.delivered, len(letters.got)) == (0, 1)


def test_process_sees_the_whole_batch_at_once():
    """Filters work in runs, process sees the whole batch."""
    seen = []
    run(lambda messages: seen.append(len(messages)), items=range(250))
    assert seen == [250]


def test_sources_are_acked_only_after_created_messages_were_confirmed():
    """A created message that a destination refuses keeps the sources of its batch unacked."""

    class Summing(Broker):
        def process(self, messages):
            return [Message.of("sum")]

    source = Given(data(1, 2))
    broker = Summing(consumers=[source], producers=[Kept(lambda _data, _tries: NEVER)])
    with pytest.raises(BrokerStoppedError):
        broker.run()
    assert source.acked == []
    assert broker.report.conserved


def test_created_message_that_fails_is_kept_by_the_dead_letter():
    """A created message never had bytes of its own: the dead letter keeps what was refused."""

    class Creating(Broker):
        def process(self, messages):
            return [*messages, Message.of({"new": True})]

    letters = Kept(name="letters")
    sink = Kept(lambda item, _tries: CONFIRMED if item == b"1" else NEVER)
    report = Creating(consumers=[Given(data(1))], producers=[sink], dead_letter=letters).run()
    assert [letter["data"] for letter in letters.values] == ['{"new":true}']
    assert report.conserved


def test_created_message_that_cannot_be_encoded_is_kept_by_the_dead_letter():
    """What no codec can write is kept as Python shows it, rather than as nothing."""

    class Creating(Broker):
        def process(self, messages):
            return [*messages, Message.of({1, 2})]

    letters = Kept(name="letters")
    Creating(consumers=[Given(data(1))], producers=[Kept()], dead_letter=letters).run()
    assert [letter["data"] for letter in letters.values] == ["{1, 2}"]


def test_raising_process_stops_the_broker_with_nothing_acked():
    """An error in process stops the broker; the error is its cause."""

    class Raising(Broker):
        def process(self, messages):
            raise ZeroDivisionError("mine")

    source = Given(data(1, 2))
    broker = Raising(consumers=[source], producers=[Kept()], dead_letter=Kept(name="letters"))
    with pytest.raises(TransformError, match=r"process raised ZeroDivisionError.*mine") as raised:
        broker.run()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert (source.acked, source.nacked) == ([], [0, 1])
    assert broker.report.conserved


def test_process_that_returns_a_bare_value_is_told_what_to_return():
    """Something that is no message is refused with advice."""

    class Bare(Broker):
        def process(self, messages):
            return [message.value for message in messages]

    with pytest.raises(TransformError, match=r"Message\.of"):
        Bare(consumers=[Given(data(1))], producers=[Kept()]).run()
