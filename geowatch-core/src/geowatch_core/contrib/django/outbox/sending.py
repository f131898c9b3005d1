"""Leaves messages in the outbox, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from geowatch_core.codec import Codec
from geowatch_core.errors import ConfigurationError, EncodeError
from geowatch_core.message import Headers, Message
from geowatch_core.options import nearest
from geowatch_core.registry import REGISTRY

if TYPE_CHECKING:
    from geowatch_core.contrib.django.models import OutboxMessage

__all__ = ["pack_headers", "send", "send_many", "unpack_headers"]

_LONGEST_TOPIC = 255


def send(
    value: Any,
    *,
    topic: str,
    codec: str | Codec = "json",
    key: bytes | str | None = None,
    headers: Headers = (),
    time: float | None = None,
    using: str | None = None,
) -> int:
    """Leave a message in the outbox: it is delivered if and only if the transaction commits.

    Outside of a transaction it is one by itself, committed when this returns.

    Args:
        value: what the codec encodes; bytes and text as they are, for ``codec="plain"``.
        topic: which consumers of ``django-outbox`` it is for.
        codec: its name, or a codec; the consumer must be given the same.
        key: what keeps messages together where they go; text as UTF-8.
        headers: name and value pairs beside the value.
        time: event time in seconds since 1970-01-01T00:00:00Z.
        using: the database; where the router has the outbox written, if not given.

    Returns:
        The id of the row.

    Raises:
        EncodeError: the codec refuses the value; nothing was written.
        ConfigurationError: a transaction is open on another database than the outbox's, which
            could not keep the promise.
    """
    key = key.encode() if isinstance(key, str) else key
    message = Message.of(value, key=key, headers=headers, time=time)
    (row,) = _written([message], topic, codec, using)
    found: int = row.pk
    return found


def send_many(
    values: Iterable[Any],
    *,
    topic: str,
    codec: str | Codec = "json",
    using: str | None = None,
) -> int:
    """Leave many messages at once, all of them or none.

    Args:
        values: values, or messages (``Message.of(value, key=…)``).
        topic: as for `send`.
        codec: as for `send`.
        using: as for `send`.

    Returns:
        How many.

    Raises:
        EncodeError, ConfigurationError: as `send`.
    """
    messages = [value if isinstance(value, Message) else Message.of(value) for value in values]
    return len(_written(messages, topic, codec, using))


def pack_headers(headers: Headers) -> bytes | None:
    """Headers as the column has them: a JSON array of pairs, values in base64.

    Raises:
        EncodeError: a name is no text in UTF-8, or a value is not bytes.
    """
    try:
        checked = msgspec.convert(headers, Headers, builtin_types=(bytes,))
        return msgspec.json.encode(checked) if checked else None
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        fix = "Give pairs of text and bytes."
        raise EncodeError("These headers cannot be kept", got=headers, fix=fix) from error


def unpack_headers(packed: bytes | None) -> Headers:
    """The headers of a row."""
    return msgspec.json.decode(packed, type=Headers) if packed else ()


def _written(
    messages: list[Message], topic: str, codec: str | Codec, using: str | None
) -> list[OutboxMessage]:
    # Django's models exist only once the project is set up, which may be after this was imported.
    from geowatch_core.contrib.django.models import OutboxMessage

    if not topic or len(topic) > _LONGEST_TOPIC or "\0" in topic:
        fix = f"Give a name of 1 to {_LONGEST_TOPIC} characters, none of them NUL."
        raise ConfigurationError("This cannot be the topic of a message", got=topic, fix=fix)
    codec = codec if isinstance(codec, Codec) else _codec(codec)
    rows = [
        OutboxMessage(
            topic=topic,
            key=message.key,
            headers=pack_headers(message.headers),
            time=message.time,
            data=_encoded(message, codec),
        )
        for message in messages
    ]
    alias = _database(using)
    if len(rows) == 1:
        rows[0].save(using=alias, force_insert=True)
    else:
        OutboxMessage.objects.using(alias).bulk_create(rows, batch_size=500)
    return rows


def _encoded(message: Message, codec: Codec) -> bytes:
    if message.origin is not None and not message.touched and message.origin.codec == codec:
        return message.data
    encoded = codec.encode(message.peek())
    if not isinstance(encoded, bytes):
        raise EncodeError("A codec returned no bytes", got=encoded, fix="Use another codec.")
    return encoded


@lru_cache(maxsize=32)
def _codec(name: str) -> Codec:
    return REGISTRY.codec(name)()


def _database(using: str | None) -> str:
    """The database to write to: never one beside the transaction that the caller is in."""
    from django.db import connections, router

    from geowatch_core.contrib.django.models import OutboxMessage

    if using is not None and using not in connections:
        fix = nearest(using, list(connections))
        raise ConfigurationError("No database of this name is in DATABASES", got=using, fix=fix)
    alias: str = using or router.db_for_write(OutboxMessage)
    if not connections[alias].in_atomic_block:
        opened = [
            connection.alias
            for connection in connections.all(initialized_only=True)
            if connection.in_atomic_block
        ]
        if opened:
            fix = f"Send with using={opened[0]!r}, or open the transaction on {alias!r}."
            what = f"A transaction is open, but not on {alias!r}, where the outbox is"
            raise ConfigurationError(what, got=opened, fix=fix)
    return alias
