"""The public API as its users write it: checked by mypy, never run.

Each ``assert_type`` is what an editor shows. What must not be allowed is in `misuse`.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal, assert_never, assert_type

import attrs

from geowatch_core import (
    API_VERSION,
    CONFIRMED,
    MISSING,
    Backend,
    Broker,
    Capabilities,
    Codec,
    Consumer,
    Deduplicate,
    Duplex,
    EncodeError,
    Filter,
    GeoWatchError,
    Headers,
    Message,
    Mistake,
    Options,
    OptionsError,
    Order,
    Outcome,
    Path,
    PermanentError,
    Producer,
    Reader,
    Reading,
    Report,
    Retry,
    RetryableError,
    RoleSpec,
    Secret,
    SettledPrefix,
    Settlement,
    Store,
    TopicOptions,
    Which,
    Window,
    at_least,
    hookimpl,
    option,
    provision,
    provision_broker,
    provision_brokers,
    provision_consumer,
    provision_duplex,
    provision_producer,
    provision_store,
    where,
)

# --- provisioning -------------------------------------------------------------------------------


def channels() -> None:
    assert_type(provision("kafka", "consumer", topic="quakes"), Consumer)
    assert_type(provision(backend="slack", role="producer", topic="#quakes"), Producer)
    assert_type(provision("s3", "store", key="k"), Store)
    assert_type(provision("slack", "duplex", topic="#quakes"), Duplex)
    assert_type(provision_consumer("kafka", topic="t", codec={"name": "list"}), Consumer)
    assert_type(provision_producer("kafka", topic="t", max_tries=3), Producer)
    assert_type(provision_store("memory", key="k", which="first"), Store)
    node = assert_type(provision_duplex("slack", topic="t"), Duplex)
    assert_type(node.consumer, Consumer)
    assert_type(node.producer, Producer)


def brokers(path: os.PathLike[str]) -> None:
    assert_type(provision_broker("quakes.toml"), Broker)
    assert_type(provision_broker({"consumers": []}, "strong", factory=Mine), Broker)
    assert_type(provision_brokers(path, only=["a"]), list[Broker])


# --- messages -----------------------------------------------------------------------------------


def messages(consumer: Consumer, producer: Producer, store: Store) -> None:
    with consumer as source:
        assert_type(source, Consumer)
        batch = assert_type(source.consume(100, timeout=0.5), list[Message])
        source.ack(batch)
        source.nack(tuple(batch))
    for message in batch:
        assert_type(message.data, bytes)
        assert_type(message.key, bytes | None)
        assert_type(message.headers, Headers)
        assert_type(message.header("name"), bytes | None)
        assert_type(message.time, float | None)
        assert_type(message.touched, bool)
        assert_type(message.settled, str | None)
        assert_type(message.replace({"a": 1}), Message)
        message.value = {"any": "value"}
    assert_type(Message.of({"mag": 5}, key=b"k", headers=(("h", b"v"),), time=0), Message)
    with producer, store:
        outcomes = assert_type(producer.deliver([Message.of("x")]), list[Outcome])
        assert_type(store.write(batch), list[Outcome])
        assert_type(store.deliver(batch), list[Outcome])
        assert_type(store.read(), list[Message])
    for outcome in outcomes:
        assert_type(told(outcome), str)


def told(outcome: Outcome) -> str:
    if outcome is CONFIRMED:
        return "confirmed"
    if isinstance(outcome, RetryableError):
        assert_type(outcome.retry_after, float | None)
        return "again"
    assert_type(outcome.fix, str)
    return "never"


# --- a broker -----------------------------------------------------------------------------------


class Mine(Broker):
    """Each method that is made to be overridden."""

    def before_cycle(self) -> None:
        assert_type(self.report, Report)

    def process(self, messages: list[Message]) -> Iterable[Message]:
        for message in messages:
            yield message.replace(message.value["properties"])

    def after_cycle(self, messages: list[Message]) -> None:
        assert_type(messages, list[Message])


def strong(value: dict[str, Any]) -> bool:
    return bool(value["properties"]["mag"] >= 4.5)


def flow(source: Consumer, sink: Producer, archive: Store, node: Duplex) -> None:
    with Mine(
        "quakes",
        consumers=[source],
        producers=(sink,),
        duplex=[node],
        stores_in=[archive],
        stores_out=[archive],
        filter=[where("properties.mag") >= 4.5, strong],
        transform=lambda value: value,
        deduplicate=Deduplicate(key=Path.parse("id"), window=1_000),
        filter_metadata={"origin": ["a", "b"]},
        dead_letter=archive,
        retry=Retry(attempts=3, base=0.5),
        plugins=[Observer()],
    ) as broker:
        assert_type(broker, Mine)
        report = assert_type(broker.run(max_cycle=1), Report)
        assert_type(report.consumed, int)
        assert_type(report.destinations, dict[str, int])
        assert_type(report.conserved, bool)
        assert_type(broker.receive_messages([{"mag": 5}, Message.of(1)]), list[Message])
        broker.stop()
    Broker(filter=strong, deduplicate=True)
    Broker(filter=where("a") == 1)


class Remembering(Window):
    def reserve(self, identities: Sequence[bytes]) -> list[bool] | None:
        return [True] * len(identities)

    def confirm(self, identities: Sequence[bytes]) -> None: ...

    def release(self, identities: Sequence[bytes]) -> None: ...


def shared(store: Store) -> None:
    assert_type(store.window(lease=5), Window)
    Broker(deduplicate=Deduplicate(key=Path.parse("id"), shared=store, lease=5))
    Broker(deduplicate=True, window=Remembering())


def filters() -> None:
    either = (where("a") > 1) & ~(where("b").in_(["x"]) | where(Path.parse("/c.d")).exists())
    narrowed: Filter = either
    assert_type(narrowed.paths, tuple[Path, ...])


class Observer:
    """Hooks, in the types that they are called with."""

    @hookimpl
    def geowatch_delivered(self, destination: str, messages: Sequence[Message]) -> None:
        assert_type(messages[0], Message)

    @hookimpl
    def geowatch_stopped(self, report: Report) -> None:
        assert_type(report.seconds, float)


# --- a backend of one's own ---------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class TheirOptions(TopicOptions):
    """Options as a backend declares them."""

    host: str = option(doc="Where the service is.")
    port: int = option(80, doc="Its port.", validator=at_least(1))
    token: Secret | None = option(None, doc="A token.", converter=attrs.converters.optional(Secret))


def options() -> None:
    read = assert_type(TheirOptions.read({"topic": "t", "host": "h"}, "brokers[0]"), TheirOptions)
    assert_type(read.port, int)
    assert_type(read.full_topic, str)
    assert_type(read.max_tries, int)
    if read.token is not None:
        assert_type(read.token.reveal(), str)
    TheirOptions(topic="t", host="h", timeout=1)


class TheirConsumer(Consumer):
    """The four methods of a source."""

    capabilities = Capabilities(settles=Settlement.PREFIX, order=Order.KEY, max_batch=10)

    def __init__(self, options: TheirOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self._prefix: SettledPrefix[int] = SettledPrefix()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        self._prefix.deliver([1])
        return [Message(b"data", position=1)]

    def _ack(self, messages: Sequence[Message]) -> None:
        assert_type(self._prefix.settle([m.position for m in messages]), int | None)

    def _nack(self, messages: Sequence[Message]) -> None: ...


class TheirProducer(Producer):
    """Answers for each message."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        refused = PermanentError("Refused", got=len(messages), fix="Mend it.")
        throttled = RetryableError("Throttled", fix="Wait.", retry_after=1.5)
        mixed: list[Outcome] = [CONFIRMED, throttled, refused]
        return mixed if len(messages) > 1 else [CONFIRMED] * len(messages)


class TheirStore(Store):
    """Keeps one document."""

    def _write(self, messages: Sequence[Message]) -> None:
        assert_type(self.document(messages), bytes)
        assert_type(self.which, Which)

    def _read(self) -> Iterator[bytes]:
        yield b""


@hookimpl
def geowatch_backend() -> Backend:
    spec = RoleSpec(
        factory="theirs.consumer:TheirConsumer",
        options=TheirOptions,
        capabilities=TheirConsumer.capabilities,
    )
    backend = Backend(name="theirs", api_version=1, summary="Theirs", consumer=spec)
    assert_type(API_VERSION, Literal[1])
    assert_type(list(backend.roles), list[Literal["consumer", "producer", "store"]])
    made = spec.load()(TheirOptions(topic="t", host="h"), name="n", codec=Words())
    assert_type(made, Consumer | Producer | Store)
    return backend


# --- a codec of one's own -----------------------------------------------------------------------


@attrs.frozen
class Words(Codec):
    """Words of a line."""

    name: ClassVar[str] = "words"
    separator: str = option(" ", doc="What is between two words.")

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, list):
            raise EncodeError("Not a list", got=value, fix="Deliver lists.")
        return self.separator.join(value).encode()

    def decode(self, data: bytes) -> list[str]:
        return data.decode().split(self.separator)


def codecs() -> None:
    codec = Words(separator=",")
    assert_type(codec.encode(["a"]), bytes)
    assert_type(codec.decode(b"a"), list[str])
    assert_type(codec.pack([b"a", b"b"]), bytes)
    assert_type(list(codec.unpack(b"a\n")), list[bytes])
    reader: Reader = codec.reader([Path.parse("0")])
    found = assert_type(reader([b"a"]), Reading)
    assert_type(found.columns, tuple[list[Any], ...])
    assert_type(found.errors[0].what, str)
    if Path.parse("a.b").find({"a": None}) is MISSING:
        raise AssertionError


@hookimpl
def geowatch_codecs() -> Sequence[type[Codec]]:
    return [Words]


# --- errors -------------------------------------------------------------------------------------


def errors() -> None:
    try:
        provision("theirs", "consumer", topic="t")
    except OptionsError as error:
        assert_type(error.mistakes, tuple[Mistake, ...])
    except GeoWatchError as error:
        assert_type(error.what, str)


def words(which: Which, options: Options) -> str:
    assert_type(options.name, str | None)
    match which:
        case Which.ALL | Which.FIRST | Which.LAST:
            return which
        case Which.INDEX:
            return "index"
        case _:
            assert_never(which)
