"""GeoWatch moves geospatial messages between any two channels without losing one."""

import geowatch_core._interrupt  # noqa: F401 - first, so that an interrupt is no traceback
from geowatch_core.backend import API_VERSION, Backend, RoleSpec
from geowatch_core.broker import Broker
from geowatch_core.capabilities import Capabilities, Order, Settlement
from geowatch_core.codec import Codec, Reader, Reading
from geowatch_core.config import provision_broker, provision_brokers
from geowatch_core.consumer import Consumer
from geowatch_core.duplex import Duplex
from geowatch_core.errors import (
    AckError,
    AlreadySettledError,
    BrokenBackendError,
    BrokerStoppedError,
    ClosedError,
    CodecError,
    ConfigurationError,
    DecodeError,
    DuplicateNameError,
    EncodeError,
    FilterError,
    GeoWatchError,
    IncompatibleBackendError,
    Mistake,
    OptionsError,
    PermanentError,
    RetryableError,
    ServiceError,
    TooLargeError,
    TransformError,
    UnknownNameError,
)
from geowatch_core.filter import Filter, where
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.flow.report import Report
from geowatch_core.flow.retry import Retry
from geowatch_core.hookspec import hookimpl
from geowatch_core.message import Headers, Message
from geowatch_core.options import (
    KeyedTopicOptions,
    Options,
    TopicOptions,
    at_least,
    option,
    to_path,
)
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.path import MISSING, Path
from geowatch_core.producer import Producer
from geowatch_core.provision import (
    provision,
    provision_consumer,
    provision_duplex,
    provision_producer,
    provision_store,
)
from geowatch_core.secret import Secret
from geowatch_core.settlement import SettledPrefix
from geowatch_core.store import Store, Which
from geowatch_core.window import Window

__all__ = [
    "API_VERSION",
    "CONFIRMED",
    "MISSING",
    "AckError",
    "AlreadySettledError",
    "Backend",
    "BrokenBackendError",
    "Broker",
    "BrokerStoppedError",
    "Capabilities",
    "ClosedError",
    "Codec",
    "CodecError",
    "ConfigurationError",
    "Consumer",
    "DecodeError",
    "Deduplicate",
    "Duplex",
    "DuplicateNameError",
    "EncodeError",
    "Filter",
    "FilterError",
    "GeoWatchError",
    "Headers",
    "IncompatibleBackendError",
    "KeyedTopicOptions",
    "Message",
    "Mistake",
    "Options",
    "OptionsError",
    "Order",
    "Outcome",
    "Path",
    "PermanentError",
    "Producer",
    "Reader",
    "Reading",
    "Report",
    "Retry",
    "RetryableError",
    "RoleSpec",
    "Secret",
    "ServiceError",
    "SettledPrefix",
    "Settlement",
    "Store",
    "TooLargeError",
    "TopicOptions",
    "TransformError",
    "UnknownNameError",
    "Which",
    "Window",
    "at_least",
    "hookimpl",
    "option",
    "provision",
    "provision_broker",
    "provision_brokers",
    "provision_consumer",
    "provision_duplex",
    "provision_producer",
    "provision_store",
    "to_path",
    "where",
]
