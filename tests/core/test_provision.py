import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import importlib_metadata
import pytest

from geowatch_core import (
    API_VERSION,
    Backend,
    BrokenBackendError,
    Capabilities,
    Consumer,
    Duplex,
    Message,
    OptionsError,
    PermanentError,
    Producer,
    RetryableError,
    RoleSpec,
    Store,
    TopicOptions,
    UnknownNameError,
    provision,
    provision_consumer,
    provision_duplex,
    provision_producer,
    provision_store,
    registry,
)
from geowatch_core.memory import _driver
from geowatch_core.options import at_least, option
from tests.core.installed import Site, good, site
from tests.core.sample import TEXT, Given, Taking, data, messages

__all__ = ["site"]


class Service:
    """A service that fails as often as it is told, and remembers who asked for what."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.opened: list[TopicOptions] = []
        self.closed = 0

    def answer(self, options: TopicOptions) -> None:
        """Open, or the next failure."""
        self.opened.append(options)
        if self.failures:
            raise self.failures.pop(0)


service = Service()


@attrs.frozen(kw_only=True)
class ConsumerOptions(TopicOptions):
    """What only the consumer takes."""

    group: str | None = option(None, doc="A group.")


@attrs.frozen(kw_only=True)
class ProducerOptions(TopicOptions):
    """What only the producer takes."""

    acks: int = option(1, doc="How many.", validator=at_least(0))


class FlakyConsumer(Given):
    """Opens when the service says so."""

    def __init__(self, options: ConsumerOptions, /, *, name: str, codec: Any) -> None:
        super().__init__("a", name=name, codec=codec)
        self.options = options

    def _open(self) -> None:
        service.answer(self.options)

    def _close(self) -> None:
        service.closed += 1


class FlakyProducer(Taking):
    """Opens when the service says so."""

    def __init__(self, options: ProducerOptions, /, *, name: str, codec: Any) -> None:
        super().__init__(codec=codec)
        self.name = name
        self.options = options

    def _open(self) -> None:
        service.answer(self.options)


def spec(factory: str, options: type[TopicOptions]) -> RoleSpec:
    """A role whose class is in this module."""
    place = f"{__name__}:{factory}"
    return RoleSpec(factory=place, options=options, capabilities=Capabilities())


FLAKY = Backend(
    name="flaky",
    api_version=API_VERSION,
    summary="Fails as told",
    consumer=spec("FlakyConsumer", ConsumerOptions),
    producer=spec("FlakyProducer", ProducerOptions),
)


@pytest.fixture(autouse=True)
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The backend ``flaky`` beside those that are installed, and empty topics."""
    monkeypatch.setitem(registry.REGISTRY._backends, "flaky", FLAKY)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    service.__init__()  # type: ignore[misc]
    _driver.clear()
    yield
    _driver.clear()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it slept each time; no time passes."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    return naps


def down(times: int) -> list[Exception]:
    """So many times no answer."""
    return [RetryableError("No answer", fix="Wait.") for _ in range(times)]


@pytest.mark.parametrize(("failures", "max_tries"), [(0, 1), (0, 3), (1, 2), (2, 3), (2, 12)])
def test_opening_is_tried_until_the_service_answers(
    slept: list[float], failures: int, max_tries: int
) -> None:
    """Between two tries it sleeps for sleep_period; after the one that succeeds it does not."""
    service.failures = down(failures)
    with provision(
        "flaky", "consumer", topic="t", codec=TEXT, max_tries=max_tries, sleep_period=7.5
    ) as consumer:
        assert data(consumer.consume()) == [b"a"]
    assert len(service.opened) == failures + 1
    assert slept == [7.5] * failures


@pytest.mark.parametrize("max_tries", [1, 2, 5])
def test_opening_is_given_up_after_max_tries(slept: list[float], max_tries: int) -> None:
    """Not one try more, no sleep after the last, and the service's own error is raised."""
    service.failures = down(max_tries)
    with pytest.raises(RetryableError, match="No answer"):
        provision("flaky", "consumer", topic="t", codec=TEXT, max_tries=max_tries, sleep_period=2)
    assert len(service.opened) == max_tries
    assert slept == [2.0] * (max_tries - 1)


def test_it_takes_as_long_as_its_options_say() -> None:
    """Three tries, a tenth of a second apart, take two tenths."""
    service.failures = down(3)
    started = time.monotonic()
    with pytest.raises(RetryableError):
        provision("flaky", "consumer", topic="t", codec=TEXT, max_tries=3, sleep_period=0.1)
    assert 0.2 <= time.monotonic() - started < 5


def test_a_permanent_refusal_is_not_tried_again(slept: list[float]) -> None:
    """Wrong credentials stay wrong: the first refusal ends it."""
    service.failures = [*down(1), PermanentError("Refused", fix="Mend the token.")]
    with pytest.raises(PermanentError, match="Refused"):
        provision("flaky", "consumer", topic="t", codec=TEXT, max_tries=5, sleep_period=1)
    assert len(service.opened) == 2
    assert slept == [1.0]


def test_the_options_of_provisioning_reach_the_backend() -> None:
    """Timeout, topic_check, topic_prefix and the backend's own are its to honour."""
    options = {"topic": "t", "topic_prefix": "p-", "topic_check": True, "timeout": 3, "group": "g"}
    provision("flaky", "consumer", codec=TEXT, **options).close()
    (seen,) = service.opened
    assert isinstance(seen, ConsumerOptions)
    assert (seen.timeout, seen.topic_check, seen.full_topic) == (3.0, True, "p-t")
    assert seen.group == "g"


def test_a_prefix_keeps_topics_apart() -> None:
    """What is delivered under one prefix is not consumed under another."""
    with provision("memory", "producer", topic="t", topic_prefix="a-", codec=TEXT) as producer:
        producer.deliver(messages("x"))
    for prefix, brought in [("", []), ("b-", []), ("a-", [b"x"])]:
        options = {"topic": "t", "topic_prefix": prefix, "codec": TEXT}
        with provision("memory", "consumer", **options) as consumer:
            assert data(consumer.consume(1, 0)) == brought


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"topic": "t"}, "memory:t"),
        ({"topic": "t", "topic_prefix": "p-"}, "memory:p-t"),
        ({"topic": "t", "name": "mine"}, "mine"),
    ],
)
def test_a_role_is_called_after_its_channel_unless_named(
    options: dict[str, str], name: str
) -> None:
    """Reports and errors can tell channels apart without anybody naming them."""
    with provision("memory", "consumer", codec=TEXT, **options) as consumer:
        assert consumer.name == name


def test_each_role_has_a_form_of_its_own() -> None:
    """The short forms give open roles of the right kind."""
    with (
        provision_consumer("memory", topic="t", codec=TEXT) as consumer,
        provision_producer("memory", topic="t", codec=TEXT) as producer,
        provision_store("memory", key="k", codec=TEXT) as store,
    ):
        assert isinstance(consumer, Consumer)
        assert isinstance(producer, Producer)
        assert isinstance(store, Store)
        producer.deliver([Message.of("x")])
        assert [message.value for message in consumer.consume()] == ["x"]


def test_a_duplex_node_is_a_consumer_and_a_producer_of_one_channel() -> None:
    """Each half gets the options that it has."""
    node = provision("flaky", "duplex", topic="t", codec=TEXT, group="g", acks=2)
    assert isinstance(node, Duplex)
    consumer, producer = service.opened
    assert isinstance(consumer, ConsumerOptions)
    assert isinstance(producer, ProducerOptions)
    assert (consumer.topic, consumer.group) == ("t", "g")
    assert (producer.topic, producer.acks) == ("t", 2)
    node.consumer.close()
    node.producer.close()


def test_a_duplex_node_that_fails_halfway_leaves_nothing_open() -> None:
    """When the producer does not open, the consumer is closed."""

    def refuse_second(options: TopicOptions) -> None:
        if service.opened:
            raise PermanentError("Refused", fix="")
        service.opened.append(options)

    service.answer = refuse_second  # type: ignore[method-assign]
    try:
        with pytest.raises(PermanentError):
            provision_duplex("flaky", topic="t", codec=TEXT)
    finally:
        del service.answer  # type: ignore[method-assign]
    assert service.closed == 1


def test_an_option_of_neither_half_is_refused() -> None:
    """A slip in a duplex node is found like any other."""
    with pytest.raises(OptionsError, match=r"gruop: is not an option here\. Did you mean group\?"):
        provision_duplex("flaky", topic="t", codec=TEXT, gruop="g")
    assert service.opened == []


def test_wrong_options_are_all_said_before_anything_is_opened() -> None:
    """No service is asked while the options are wrong."""
    with pytest.raises(OptionsError) as raised:
        provision("flaky", "consumer", tpoic="t", max_tries=0)
    said = [mistake.place for mistake in raised.value.mistakes]
    assert said == ["tpoic", "max_tries", "topic"]
    assert service.opened == []


def test_provisioning_again_does_not_look_again_at_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One scan of the metadata in the life of a process, whatever is provisioned and how often."""
    scans: list[object] = []
    real = importlib_metadata.Distribution.discover

    def counted(**given: Any) -> Any:
        scans.append(given)
        return real(**given)

    monkeypatch.setattr(importlib_metadata.Distribution, "discover", counted)
    for name, empty in [("_entries", None), ("_backends", {}), ("_codecs", {})]:
        monkeypatch.setattr(registry.REGISTRY, name, empty)
    for topic in ("a", "b", "c"):
        provision("memory", "duplex", topic=topic, codec="json").consumer.close()
        provision("memory", "store", key=topic, codec="plain").close()
    assert len(scans) == 1


def unknown(call: Callable[[], object]) -> str:
    """What the error of a wrong name says."""
    with pytest.raises(UnknownNameError) as raised:
        call()
    return str(raised.value)


def test_an_unknown_backend_is_named_with_the_nearest() -> None:
    """The whole answer is in the message."""
    text = unknown(lambda: provision("memroy", "consumer", topic="t"))
    assert "No backend of this name is installed (got 'memroy')" in text
    assert "Did you mean memory?" in text
    assert "pip install geowatch-memroy" in text


def test_an_unknown_codec_is_named_with_the_nearest() -> None:
    """Whether it is a name or a table with one."""
    for codec in ("geojsn", {"name": "geojsn"}):
        text = unknown(lambda codec=codec: provision("memory", "consumer", topic="t", codec=codec))  # type: ignore[misc]
        assert "No codec of this name is installed (got 'geojsn'). Did you mean geojson?" in text


def test_an_unknown_role_is_named_with_the_nearest() -> None:
    """A slip in the role says which was meant."""
    role: Any = "consumr"
    text = unknown(lambda: provision("memory", role, topic="t"))
    assert text == "No such role (got 'consumr'). Did you mean consumer?"


def test_a_role_that_a_backend_does_not_play_says_which_it_does() -> None:
    """The backend is known, so its roles are."""
    text = unknown(lambda: provision("flaky", "store", topic="t"))
    assert text == (
        "The backend flaky plays no such role (got 'store'). It can be a consumer or producer."
    )


@pytest.mark.parametrize("codec", [5, None, {}, {"name": 5}, {"separator": ","}, ["json"]])
def test_what_is_no_codec_says_how_to_write_one(codec: object) -> None:
    """A mistake has its place and a way to mend it."""
    with pytest.raises(OptionsError, match=r'codec: is not a codec\. Write codec = "json"'):
        provision("memory", "consumer", topic="t", codec=codec)


def test_a_codec_can_have_options() -> None:
    """A table with its name and options, whose mistakes have their place."""
    table = {"name": "list", "separator": ";"}
    with provision("memory", "consumer", topic="t", codec=table) as consumer:
        assert consumer.codec.name == "list"
    with pytest.raises(OptionsError, match=r"codec\.separatr: .*Did you mean separator\?"):
        provision("memory", "consumer", topic="t", codec={"name": "list", "separatr": ";"})


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_client", "ModuleNotFoundError: No module named 'no_such_client'"),
        ("raise OSError('libclient.so: cannot open shared object file')", "OSError: libclient.so"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("x = 1", "AttributeError: module 'mod_half_role' has no attribute 'Role'"),
    ],
)
def test_a_client_that_does_not_import_names_its_distribution(
    site: Site, monkeypatch: pytest.MonkeyPatch, source: str, cause: str
) -> None:
    """Metadata is fine and the registration too, but the role cannot be made: whose fault it is."""
    monkeypatch.setattr(registry.REGISTRY, "_entries", None)
    monkeypatch.setattr(registry.REGISTRY, "_backends", {})
    site.install(
        "geowatch-half", "1.5", backends={"half": "mod_half"},
        mod_half=good("half", "mod_half"), mod_half_role=source,
    )  # fmt: skip
    with pytest.raises(BrokenBackendError) as raised:
        provision("half", "consumer")
    text = str(raised.value)
    assert f"The consumer of half failed to import: {cause}" in text
    assert "Reinstall geowatch-half 1.5." in text
    monkeypatch.undo()
    assert "half" not in registry.REGISTRY.backend_names()


def test_verbose_tells_each_try_on_the_log(
    slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """Which role, which try of how many, and why it failed; then that it is open."""
    service.failures = down(1)
    with caplog.at_level(logging.INFO, "geowatch_core.provision"):
        provision("flaky", "consumer", topic="t", codec=TEXT, max_tries=3, verbose=True).close()
    assert [record.getMessage() for record in caplog.records] == [
        "flaky:t: try 1 of 3 failed: No answer. Wait.",
        "flaky:t: open",
    ]


def test_verbose_is_never_told_to_nowhere(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the log leaves such messages out, they go to standard error."""
    with caplog.at_level(logging.WARNING, "geowatch_core.provision"):
        provision("flaky", "consumer", topic="t", codec=TEXT, verbose=True).close()
    assert capsys.readouterr().err == "flaky:t: open\n"


def test_verbose_without_any_logging_goes_to_standard_error() -> None:
    """In a program that never heard of logging it is seen all the same, and nothing twice."""
    program = """
from geowatch_core import provision
provision("memory", "consumer", topic="t", verbose=True).close()
provision("memory", "consumer", topic="quiet").close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "memory:t: open\n")


def test_without_verbose_only_a_failed_try_is_said_to_who_listens(
    slept: list[float], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """At INFO, so that a library is quiet until a program asks for what it logs."""
    service.failures = down(1)
    with caplog.at_level(logging.INFO, "geowatch_core.provision"):
        provision("flaky", "consumer", topic="t", codec=TEXT, max_tries=2).close()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "flaky:t: try 1 of 2 failed: No answer. Wait.")
    ]
    assert capsys.readouterr() == ("", "")
