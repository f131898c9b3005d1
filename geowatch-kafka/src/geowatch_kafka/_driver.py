"""The only file that imports the client, and the one place that turns its exceptions into ours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_STORED,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented all the same
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from geowatch_core import PermanentError, RetryableError, TooLargeError
from geowatch_kafka.config import Config

__all__ = [
    "OFFSET_BEGINNING",
    "OFFSET_END",
    "OFFSET_STORED",
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Producer",
    "TopicPartition",
    "create_topic",
    "delete_topic",
    "error_of",
    "largest_batch",
    "made",
    "partitions_of",
    "translated",
]


class _Log:
    """Takes the log lines of clients to the logger ``geowatch_kafka``.

    A connection that fails is no error there: it is made again, and if that does not help, a call
    says so. A client that cannot connect says it many times a second.
    """

    _logger: Final = logging.getLogger("geowatch_kafka")

    def log(self, level: int, text: str, facility: str, *more: object) -> None:
        """One line. Called by clients, in a thread that calls them."""
        if facility in ("FAIL", "GETPID"):
            level = logging.DEBUG
        self._logger.log(level, text, facility, *more)


_ADVICE: Final[Mapping[int, str]] = {
    KafkaError._ALL_BROKERS_DOWN: "See that the servers run and that host names them.",
    KafkaError._TRANSPORT: "See that the servers run and that host names them.",
    KafkaError._RESOLVE: "See that host is spelt right.",
    KafkaError._AUTHENTICATION: "Look at sasl.* and security.protocol in config.",
    KafkaError._SSL: "Look at ssl.* in config.",
    KafkaError._INVALID_ARG: "Look at config: librdkafka's CONFIGURATION.md lists its settings.",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Have the topic's access list allow this user.",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Have the group's access list allow this user.",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "Create the topic, or set topic_check = true.",
    KafkaError._UNKNOWN_TOPIC: "Create the topic, or set topic_check = true.",
    KafkaError._UNKNOWN_PARTITION: "Name partitions that the topic has.",
    KafkaError.FENCED_INSTANCE_ID: "Give each process a group.instance.id of its own.",
}
_PERMANENT: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError._INVALID_ARG,
        KafkaError._UNSUPPORTED_FEATURE,
        KafkaError._NOT_IMPLEMENTED,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_REQUEST,
        KafkaError.INVALID_REQUIRED_ACKS,
        KafkaError.OFFSET_METADATA_TOO_LARGE,
        KafkaError.INVALID_COMMIT_OFFSET_SIZE,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.INVALID_SESSION_TIMEOUT,
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
        KafkaError.GROUP_MAX_SIZE_REACHED,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.SECURITY_DISABLED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        KafkaError.POLICY_VIOLATION,
    }
)
"""Codes that no later try can turn into a success. Every other one may pass: a timeout, an
election, a coordinator on the move, an unknown code of a newer server."""


def error_of(
    error: KafkaError, what: str, config: Config, *, got: object = None
) -> RetryableError | PermanentError:
    """Our error for one of the client's: can trying again help, or not?"""
    said = config.hidden(error.str() or error.name())
    text = f"{what}: {said} [{error.name()}]"
    code = error.code()
    ours: RetryableError | PermanentError
    if code == KafkaError.MSG_SIZE_TOO_LARGE:
        fix = "Make it smaller, or raise max.message.bytes of the topic."
        ours = TooLargeError(text, got=got, fix=fix)
    elif code in _PERMANENT:
        ours = PermanentError(text, got=got, fix=_ADVICE.get(code, "See what the servers log."))
    else:
        fix = "It is tried again; see what the servers log if it stays so."
        ours = RetryableError(text, got=got, fix=_ADVICE.get(code, fix))
    ours.__cause__ = KafkaException(error) if config.hidden(error.str()) == error.str() else None
    return ours


@contextmanager
def translated(what: str, config: Config, *, got: object = None) -> Iterator[None]:
    """Turn what the client raises into our errors."""
    try:
        yield
    except KafkaException as error:
        found = error.args[0]
        if not isinstance(found, KafkaError):
            fix = "See what the servers log."
            raise RetryableError(f"{what}: {error}", got=got, fix=fix) from error
        raise error_of(found, what, config, got=got) from _clean(error, config)
    except (TypeError, ValueError) as error:  # a setting of the wrong type
        text = config.hidden(str(error))
        fix = "Look at config: librdkafka's CONFIGURATION.md lists its settings."
        raise PermanentError(f"{what}: {text}", got=got, fix=fix) from None


def _clean(error: KafkaException, config: Config) -> Exception:
    """The exception itself, unless it repeats a secret: one that was misspelt comes back."""
    text = str(error)
    return error if config.hidden(text) == text else KafkaException(config.hidden(text))


def made(kind: Callable[..., Any], settings: Mapping[str, Any], config: Config, what: str) -> Any:
    """A client, whose log lines go to the logger ``geowatch_kafka``."""
    with translated(what, config):
        return kind(dict(settings), logger=_Log())


def partitions_of(client: Any, topic: str, timeout: float, config: Config) -> list[int]:
    """The partitions of a topic; none if the topic is not there.

    Raises:
        RetryableError: the servers did not answer.
        PermanentError: they refused.
    """
    what = f"Kafka did not tell of the topic {topic}"
    with translated(what, config, got=topic):
        found = client.list_topics(topic, timeout=timeout).topics[topic]
    if found.error is None:
        led = [number for number, each in found.partitions.items() if each.error is None]
        return sorted(led)
    if found.error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE):
        return []
    raise error_of(found.error, what, config, got=topic)


def create_topic(
    settings: Mapping[str, Any],
    config: Config,
    topic: str,
    partitions: int,
    replication: int | None,
    timeout: float,
) -> None:
    """Create a topic; that somebody else was quicker is fine.

    Raises:
        RetryableError: the servers did not answer.
        PermanentError: they refused.
    """
    what = f"Kafka did not create the topic {topic}"
    admin = made(AdminClient, _for_admin(settings), config, what)
    new = NewTopic(topic, num_partitions=partitions, replication_factor=replication or -1)
    with translated(what, config, got=topic):
        try:
            admin.create_topics([new], request_timeout=timeout)[topic].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def delete_topic(settings: Mapping[str, Any], config: Config, topic: str, timeout: float) -> None:
    """Delete a topic.

    Raises:
        RetryableError: the servers did not answer.
        PermanentError: they refused.
    """
    what = f"Kafka did not delete the topic {topic}"
    admin = made(AdminClient, _for_admin(settings), config, what)
    with translated(what, config, got=topic):
        admin.delete_topics([topic], request_timeout=timeout)[topic].result()


def largest_batch(
    settings: Mapping[str, Any], config: Config, topic: str, timeout: float
) -> int | None:
    """Bytes of the largest batch that a topic takes; None if its server does not say.

    A user who may write to a topic need not be allowed to look at its settings.
    """
    admin = made(AdminClient, _for_admin(settings), config, "Kafka did not take the settings")
    resource = ConfigResource(ResourceType.TOPIC, topic)
    with suppress(KafkaException, KeyError, ValueError):
        found = admin.describe_configs([resource], request_timeout=timeout)[resource].result()
        return int(found["max.message.bytes"].value)
    return None


_SHARED_BY_ALL: Final = (
    "bootstrap.",
    "broker.",
    "client.",
    "debug",
    "enable.ssl",
    "enable.sasl",
    "https.",
    "oauthbearer",
    "reconnect.",
    "sasl.",
    "security.",
    "socket.",
    "ssl.",
)


def _for_admin(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is not for consumers or producers only, which other clients warn of."""
    return {name: value for name, value in settings.items() if name.startswith(_SHARED_BY_ALL)}


def positions(
    client: Any, topic: str, partitions: Sequence[int], at: float, timeout: float, config: Config
) -> list[TopicPartition]:
    """Where the first message not older than a moment is; the end, where there is none."""
    asked = [TopicPartition(topic, number, int(at * 1000)) for number in partitions]
    with translated(f"Kafka did not find that time in {topic}", config, got=at):
        found = client.offsets_for_times(asked, timeout=timeout)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
    return list(found)
