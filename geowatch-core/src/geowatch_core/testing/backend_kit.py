"""The conformance kit of a backend's registration: imports, options, names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
import pytest

from geowatch_core.backend import API_VERSION, Backend, RoleName, RoleSpec
from geowatch_core.capabilities import Order
from geowatch_core.errors import OptionsError
from geowatch_core.message import Message
from geowatch_core.options import Options, fields, schema
from geowatch_core.registry import BACKENDS, REGISTRY
from geowatch_core.testing import child
from geowatch_core.testing.consumer_base import datas, gather
from geowatch_core.testing.harness import Harness, unfilled
from geowatch_core.testing.kit import Kit
from geowatch_core.testing.producer_base import failed_at
from geowatch_core.testing.role_secret import is_secret
from geowatch_core.testing.verdict import ConformanceError, ensure, ensure_same, not_proven

__all__ = ["BackendKit"]

_SECRET_WORDS = ("password", "passphrase", "secret", "token", "webhook", "private_key", "api_key")

_IMPORTED = """
import json, sys
from geowatch_core.registry import REGISTRY
REGISTRY.backend_names()
listed = sorted(sys.modules)
REGISTRY.backend(json.load(sys.stdin))
json.dump([listed, sorted(sys.modules)], sys.stdout)
"""


class BackendKit(Kit, kit=True):
    """What every backend must pass as a whole. Subclass it and give it a harness.

    .. code-block:: python

        class TestKafka(BackendKit):
            harness = KafkaHarness

    ``options`` must be filled in for each role that the backend plays, and ``driver_modules``
    for the proof that registering imports no client.
    """

    harness: ClassVar[type[Harness]]
    fills = frozenset({"harness"})
    channel: Harness

    @pytest.fixture(autouse=True)
    def _fresh_channel(self, request: pytest.FixtureRequest) -> Iterator[None]:
        if not hasattr(self, "harness"):
            unfilled(type(self).__name__, "harness")
        self.channel = self.harness(request)
        self.channel.start()
        try:
            yield
        finally:
            self.channel.stop()

    @classmethod
    def about(cls) -> tuple[str, str]:
        """The backend."""
        return "backend", cls.harness.backend

    @property
    def registered(self) -> Backend:
        """What the backend registered."""
        return REGISTRY.backend(self.channel.backend)

    def test_it_is_registered(self) -> None:
        """The backend is found by its name, plays a role, and says in a few words what it is."""
        backend = self.registered
        ensure(
            bool(backend.roles) and bool(backend.summary.strip()),
            f"{backend.name} registers roles {list(backend.roles)} and summary {backend.summary!r}",
            expected="at least one role, and a summary",
            fix="Fill in Backend(...) in backend.py.",
        )
        ensure(
            backend.api_version == API_VERSION,
            f"{backend.name} is written for version {backend.api_version} of the backend API",
            expected=str(API_VERSION),
            fix="Write the version as a literal number that you tested with.",
        )

    def test_registering_imports_no_driver(self) -> None:
        """In a fresh process, listing imports no backend, and asking for this one no client."""
        backend = self.registered
        listed, asked = child.python(["-c", _IMPORTED], json.dumps(backend.name), backend.name)
        home = next(iter(REGISTRY._scanned()[BACKENDS][backend.name])).module  # the entry point's
        ensure(
            home not in listed,
            f"Listing the names of backends imported {home}",
            expected="that only metadata is read",
            fix="Look for what imports it at start-up, such as a .pth file.",
        )
        package = home.rpartition(".")[0]
        roles = {spec.factory.partition(":")[0] for spec in backend.roles.values()}
        drivers = set(self.channel.driver_modules or ()) | roles | {f"{package}._driver"}
        eager = sorted(drivers.intersection(asked))
        ensure(
            not eager,
            f"Registering {backend.name} imported {', '.join(eager)}",
            expected="only backend.py and the options",
            fix='Name classes as text, RoleSpec(factory="package.consumer:Class"), and import the '
            "client in _driver.py only.",
        )
        if self.channel.driver_modules is None:
            not_proven(
                "that registering imports no client: "
                f"{type(self.channel).__name__}.driver_modules names none (write () if there is "
                "none)"
            )

    def test_options_of_the_harness_are_read(self) -> None:
        """The options of each role are read, also after a round trip through JSON."""
        for role, spec, given in self._roles():
            options = _read(spec, given, f"the harness's options of the {role}")
            try:
                plain = json.loads(json.dumps(given))
            except TypeError:
                continue  # such as a path; TOML and JSON users write text
            ensure(
                _read(spec, plain, f"options of the {role} from JSON") == options,
                f"Options of the {role} differ when they are read from JSON",
                expected="the same options from keyword arguments, TOML and JSON",
                fix="Give the option a converter that takes what JSON has.",
            )

    def test_unknown_options_are_refused_with_the_nearest(self) -> None:
        """An option with a slip of the pen is refused, and the right one named."""
        for _, spec, given in self._roles():
            for name in given:
                wrong = f"{name}x"
                error = self._refused(spec, {**given, wrong: 1}, wrong)
                ensure(
                    name in str(error).replace(wrong, ""),
                    f"The error about {wrong} does not name {name}: {error}",
                    expected="the nearest known option",
                    fix="Derive options from geowatch_core.Options and read them as core does.",
                )

    def test_wrong_types_are_refused(self) -> None:
        """A value of another type is refused beside the option's name."""
        for role, spec, given in self._roles():
            for name in fields(spec.options):
                if name != "codec":
                    self._refuses_type(role, spec, given, name)

    def test_missing_options_are_named(self) -> None:
        """All required options that are missing are named at once."""
        for role, spec, _ in self._roles():
            required = [n for n, f in fields(spec.options).items() if f.default is attrs.NOTHING]
            if not required:
                continue
            error = self._refused(spec, {}, required[0])
            missing = [name for name in required if name not in str(error)]
            ensure(
                not missing,
                f"The {role} without options does not say that it needs {', '.join(missing)}",
                expected="every missing option",
                fix="Derive options from geowatch_core.Options and read them as core does.",
            )

    def test_options_are_described(self) -> None:
        """Every option has a sentence, options are frozen, and they give a JSON Schema."""
        for role, spec, given in self._roles():
            silent = [n for n, f in fields(spec.options).items() if not f.metadata.get("doc")]
            ensure(
                not silent,
                f"Options of the {role} without a sentence: {', '.join(silent)}",
                expected="option(doc=...) for each",
                fix="Say in one sentence what it is, with the unit.",
            )
            json.dumps(schema(spec.options), default=str)
            options = _read(spec, given, f"options of the {role}")
            try:
                options.name = "changed"  # type: ignore[misc]  # that this fails is the point
            except attrs.exceptions.FrozenInstanceError:
                continue
            raise ConformanceError(
                f"The options of the {role} can be changed",
                expected="frozen options, which may be shared",
                fix="Write @attrs.frozen(kw_only=True) above the class.",
            )

    def test_secret_options_are_marked(self) -> None:
        """An option that is named like a secret, or that the harness calls one, is a Secret."""
        planted = self.channel.secrets()
        for role, spec, _ in self._roles():
            known = fields(spec.options)
            named = {name for name in known if any(word in name for word in _SECRET_WORDS)}
            plain = [
                name
                for name in sorted(named | planted.keys() & known.keys())
                if known[name].type not in (bool, int, float) and not is_secret(known[name])
            ]
            ensure(
                not plain,
                f"Options of the {role} that are secret and are not marked so: {', '.join(plain)}",
                expected="a value that shows as ***",
                fix="Write option(..., converter=Secret), or attrs.converters.optional(Secret).",
            )

    def test_a_producer_and_a_consumer_meet(self) -> None:
        """What the producer delivers the consumer brings, with all that both claim to carry."""
        roles = self.registered.roles
        if "producer" not in roles or "consumer" not in roles:
            pytest.skip("does not apply: it is not both a producer and a consumer")
        both = (roles["producer"].capabilities, roles["consumer"].capabilities)
        key = b"one" if all(c.keys for c in both) else None
        sent = [Message(self.channel.payload(f"message {i:02}"), key) for i in range(20)]
        with self.channel.make_consumer() as consumer, self.channel.make_producer() as producer:
            outcomes = producer.deliver(sent)
            ensure(
                not failed_at(outcomes),
                f"A healthy service did not take messages: {outcomes}",
                expected="CONFIRMED for each",
                fix="See what the checks of ProducerKit say.",
            )
            got = gather(consumer, len(sent), self.channel.patience)
            if consumer.capabilities.settles != "none":
                consumer.ack(got)
        ensure_same(
            datas(got),
            datas(sent),
            "The consumer did not bring what the producer delivered",
            fix="Have both speak of the same channel where their options are the same.",
            ordered=all(c.order is Order.ALL for c in both),
        )
        ensure(
            all(message.key == key for message in got),
            f"Keys changed between producer and consumer: {[m.key for m in got]}",
            expected=f"{key!r} for each",
            fix="Write and read the key in the same place.",
        )

    def _roles(self) -> Iterator[tuple[RoleName, RoleSpec, dict[str, Any]]]:
        for role, spec in self.registered.roles.items():
            yield role, spec, dict(self.channel.options(role))

    def _refuses_type(
        self, role: RoleName, spec: RoleSpec, given: Mapping[str, Any], name: str
    ) -> None:
        for wrong in (object(), [{"no": "such"}]):
            try:
                spec.options.read({**given, name: wrong})
            except OptionsError as error:
                if any(mistake.place.startswith(name) for mistake in error.mistakes):
                    continue
                said = str(error)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            else:
                said = "it was taken"
            raise ConformanceError(
                f"The option {name} of the {role} was given {type(wrong).__name__}: {said}",
                expected=f"an OptionsError that names {name}",
                fix="Give the option its type; have its converter raise TypeError or ValueError "
                "for what it cannot use.",
            )

    def _refused(self, spec: RoleSpec, given: Mapping[str, Any], name: str) -> OptionsError:
        __tracebackhide__ = True
        fix = "Derive options from geowatch_core.Options and read them as core does."
        try:
            options = spec.options.read(given)
        except OptionsError as error:
            ensure(
                any(mistake.place == name for mistake in error.mistakes),
                f"The mistake in {name} is not named: {error}",
                expected=f"a Mistake whose place is {name}",
                fix=fix,
            )
            return error
        raise ConformanceError(f"{options} was read", expected=f"no to {name}", fix=fix)


def _read(spec: RoleSpec, given: Mapping[str, Any], what: str) -> Options:
    __tracebackhide__ = True
    try:
        return spec.options.read(given)
    except OptionsError as error:
        raise ConformanceError(
            f"{what} were refused: {error}",
            expected="options that provision() takes",
            fix="Mend the harness's options(), or the options class.",
        ) from error
