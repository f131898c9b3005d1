"""Backends of strangers, written into a folder as distributions that could have been installed."""

from pathlib import Path

CACHE = '''
import attrs
from geowatch_core import Backend, Capabilities, Options, RoleSpec, Secret, Store, hookimpl, option

@attrs.frozen(kw_only=True)
class CacheStoreOptions(Options):
    key: str = option(doc="The key.")
    token: Secret = option("", doc="The password.", converter=Secret)
    port: int = option(1, doc="The port.")

class CacheStore(Store):
    """Forgets when it likes."""
    capabilities = Capabilities(durable=False)
    def __init__(self, options, /, *, name, codec):
        super().__init__(name=name, codec=codec)
    def _write(self, messages):
        pass

@hookimpl
def geowatch_backend():
    return Backend(name="cache", api_version=1, summary="Forgets", store=RoleSpec(
        factory="geowatch_cache:CacheStore", options=CacheStoreOptions,
        capabilities=CacheStore.capabilities))
'''
"""A store that may forget what it confirmed, and cannot be read."""

FICKLE = '''
import attrs
from geowatch_core import (
    Backend, Capabilities, Consumer, Options, PermanentError, Producer, RetryableError, RoleSpec,
    hookimpl, option)

EVENTS = []

@attrs.frozen(kw_only=True)
class FickleConsumerOptions(Options):
    topic: str = option(doc="Where from.")
    only_in: int = option(0, doc="A consumer's own option.")

@attrs.frozen(kw_only=True)
class FickleProducerOptions(Options):
    topic: str = option(doc="Where to.")
    only_out: int = option(0, doc="A producer's own option.")

class Fickle:
    def __init__(self, options, /, *, name, codec):
        super().__init__(name=name, codec=codec)
        self.options = options
        if options.topic == "impossible":
            raise PermanentError("This topic cannot be", got=options.topic, fix="Take another.")
    def _open(self):
        if self.options.topic == "down":
            raise RetryableError("The service does not answer", got="fickle.example", fix="Wait.")
        EVENTS.append(f"open {self.name}")
    def _close(self):
        EVENTS.append(f"close {self.name}")

class FickleConsumer(Fickle, Consumer):
    """Remembers nothing."""
    exhausted = True
    def _consume(self, count, timeout):
        return []
    def _ack(self, messages):
        pass
    _nack = _ack

class FickleProducer(Fickle, Producer):
    def _deliver(self, messages):
        if self.options.topic == "bug":
            raise RuntimeError("a bug of the backend")
        return []

@hookimpl
def geowatch_backend():
    return Backend(name="fickle", api_version=1, summary="Opens when it likes", consumer=RoleSpec(
        factory="geowatch_fickle:FickleConsumer", options=FickleConsumerOptions,
        capabilities=Capabilities()), producer=RoleSpec(
        factory="geowatch_fickle:FickleProducer", options=FickleProducerOptions,
        capabilities=Capabilities()))
'''
"""A consumer and a producer that note when they are opened and closed."""

BROKEN = 'raise RuntimeError("broken on import")\n'

DRIVERLESS = """
from geowatch_core import Backend, Capabilities, Options, RoleSpec, hookimpl

@hookimpl
def geowatch_backend():
    return Backend(name="driverless", api_version=1, summary="Lacks its client", producer=RoleSpec(
        factory="no_such_client:Producer", options=Options, capabilities=Capabilities()))
"""
"""A backend whose client is not installed."""


def install(folder: Path, **sources: str) -> None:
    """Write each source as the distribution ``geowatch-<name>`` with a backend of that name."""
    for name, source in sources.items():
        (folder / f"geowatch_{name}.py").write_text(source)
        info = folder / f"geowatch_{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: geowatch-{name}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[geowatch.backends]\n{name} = geowatch_{name}\n")
