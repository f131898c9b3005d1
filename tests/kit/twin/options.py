"""The options of the twin."""

import attrs

from geowatch_core.memory.options import (
    MemoryConsumerOptions,
    MemoryProducerOptions,
    MemoryStoreOptions,
)
from geowatch_core.options import option
from geowatch_core.secret import Secret


@attrs.frozen(kw_only=True)
class TwinConsumerOptions(MemoryConsumerOptions):
    """Those of memory, and a secret."""

    token: Secret = option(doc="What the service wants to see.", converter=Secret)


@attrs.frozen(kw_only=True)
class TwinProducerOptions(MemoryProducerOptions):
    """Those of memory, and a secret."""

    token: Secret = option(doc="What the service wants to see.", converter=Secret)


@attrs.frozen(kw_only=True)
class TwinStoreOptions(MemoryStoreOptions):
    """Those of memory, and a secret that may be absent."""

    password: Secret | None = option(
        None, doc="What the service wants to see.", converter=attrs.converters.optional(Secret)
    )
