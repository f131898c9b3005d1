"""What mypy must refuse: each line is an error, and an ignore that is not needed is one too."""

from collections.abc import Sequence

from geowatch_core import (
    CONFIRMED,
    Backend,
    Broker,
    Capabilities,
    Codec,
    Consumer,
    Deduplicate,
    Message,
    Outcome,
    Path,
    Producer,
    Retry,
    RetryableError,
    Secret,
    SettledPrefix,
    Settlement,
    Store,
    provision,
    provision_consumer,
)


def channels(role: str) -> None:
    provision("kafka", "consumr", topic="t")  # type: ignore[call-overload]
    provision("kafka", role, topic="t")  # type: ignore[call-overload]
    provision("kafka")  # type: ignore[call-overload]
    provision(5, "consumer")  # type: ignore[call-overload]
    provision_consumer("kafka", "quakes")  # type: ignore[call-arg]
    producer: Producer = provision("kafka", "consumer")  # type: ignore[assignment]
    producer.consume(1)  # type: ignore[attr-defined]


def messages(consumer: Consumer, producer: Producer, store: Store) -> None:
    consumer.ack(Message.of(1))  # type: ignore[arg-type]
    consumer.ack([b"data"])  # type: ignore[list-item]
    consumer.consume("all")  # type: ignore[arg-type]
    producer.deliver([{"mag": 5}])  # type: ignore[list-item]
    producer.deliver([])[0].retry_after  # type: ignore[union-attr]
    store.read("key")  # type: ignore[call-arg]
    Message("text")  # type: ignore[arg-type]
    Message.of(1, key="k")  # type: ignore[arg-type]
    Message.of(1, headers={"h": b"v"})  # type: ignore[arg-type]
    Message.of(1).touched = False  # type: ignore[misc]
    Message.of(1).settled = "acked"  # type: ignore[misc]


def broker(consumer: Consumer, producer: Producer) -> None:
    Broker(consumer)  # type: ignore[arg-type]
    Broker(consumers=[producer])  # type: ignore[list-item]
    Broker(producers=[consumer])  # type: ignore[list-item]
    Broker(filter="mag > 5")  # type: ignore[arg-type]
    Broker(deduplicate="id")  # type: ignore[arg-type]
    Broker(retries=3)  # type: ignore[call-arg]
    Broker().run("once")  # type: ignore[arg-type]
    Retry(3)  # type: ignore[call-arg]
    Deduplicate(keys=Path(("id",)))  # type: ignore[call-arg]
    Capabilities(settles="each")  # type: ignore[arg-type]
    Capabilities().settles = Settlement.EACH  # type: ignore[misc]
    Backend(name="theirs", summary="Theirs")  # type: ignore[call-arg]
    Path.parse(("a", "b"))  # type: ignore[arg-type]
    Secret(5)  # type: ignore[arg-type]
    RetryableError("Throttled", "a value")  # type: ignore[call-arg]
    SettledPrefix[int]().settle(["a"])  # type: ignore[list-item]
    outcome: Outcome = True  # type: ignore[assignment]
    if outcome is CONFIRMED:
        return


class Half(Consumer):
    """Without ``_nack``."""

    def _consume(self, count: int, timeout: float) -> list[Message]: ...  # type: ignore[empty-body]

    def _ack(self, messages: Sequence[Message]) -> None: ...


class Careless(Producer):
    """Says nothing of its messages."""

    def _deliver(self, messages: Sequence[Message]) -> None: ...  # type: ignore[override]


class Vague(Codec):
    """Encodes to text."""

    def encode(self, value: object) -> str: ...  # type: ignore[override, empty-body]

    def decode(self, data: bytes) -> object: ...


def instances(codec: Codec) -> None:
    Half(name="half", codec=codec)  # type: ignore[abstract]
    Consumer(name="none", codec=codec)  # type: ignore[abstract]
