"""Keys with places for what a batch has. No ``str.format``: the data comes from outside."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from geowatch_core.codec import Codec
from geowatch_core.errors import PermanentError
from geowatch_core.message import Message
from geowatch_core.path import MISSING, Path

__all__ = ["Template"]

_LONGEST: Final = 1024
"""Bytes of a key. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
_LONGEST_VALUE: Final = 100
_PART: Final = re.compile(r"\{([^{}]*)\}")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9!_.*'()-]")
"""What S3 does not call safe in a key, on that page; a slash would lead elsewhere."""
_NAMESPACE: Final = uuid.UUID("6a1c9a0e-6f0e-5a0c-9e0b-3f5d2f0a7c11")
_MILLISECONDS: Final = 1e11
"""Seconds beyond the year 5138: what is more is meant in milliseconds."""


@attrs.frozen
class Template:
    """A key, cut at its fields.

    Attributes:
        texts: what stands before, between and after the fields.
        fields: their names.
    """

    texts: tuple[str, ...]
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, key: str) -> Template:
        """Read a key.

        Raises:
            ValueError: no key, or braces that enclose nothing.
        """
        pieces = _PART.split(key)
        texts, fields = tuple(pieces[::2]), tuple(pieces[1::2])
        if any("{" in text or "}" in text for text in texts) or "" in fields:
            raise ValueError("has a brace that encloses no name; write {date} or {properties.mag}")
        plain = "".join(texts)
        if not key or key.startswith("/") or len(plain.encode()) > _LONGEST or "\0" in key:
            raise ValueError("must be 1 to 1024 bytes, and not begin with a slash")
        if any(part in (".", "..") for part in plain.split("/")):
            raise ValueError("must not have . or .. between slashes")
        for field in fields:
            if field not in _OWN:
                Path.parse(field)
        return cls(texts, fields)

    @property
    def prefix(self) -> str:
        """What every key that it makes begins with."""
        return self.texts[0]

    def key(self, codec: Codec, time: Path | None, messages: Sequence[Message]) -> str:
        """The key for a batch: the same one whenever the same batch is written again.

        Raises:
            PermanentError: the batch has not what a field asks for, or the key is too long.
        """
        made = [self.texts[0]]
        for field, text in zip(self.fields, self.texts[1:], strict=True):
            made += [_value(field, codec, time, messages), text]
        key = "".join(made)
        if len(key.encode()) > _LONGEST:
            fix = "Use fewer or shorter fields."
            raise PermanentError("The key of an object is too long", got=key, fix=fix)
        return key


def _value(field: str, codec: Codec, time: Path | None, messages: Sequence[Message]) -> str:
    if field == "uuid":
        return str(_identity(messages))
    if field in ("date", "time"):
        at = _time(codec, time, messages[0])
        return at.strftime("%Y-%m-%d" if field == "date" else "%H%M%S")
    return _safe(field, _found(codec, Path.parse(field), messages[0]))


def _identity(messages: Sequence[Message]) -> uuid.UUID:
    """Of what the messages are and where they come from, so that a replay has the same one."""
    digest = hashlib.sha256()
    for message in messages:
        position = repr(message.position)
        where = "" if " at 0x" in position else position
        for part in (message.data, where.encode()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return uuid.uuid5(_NAMESPACE, digest.hexdigest())


def _time(codec: Codec, path: Path | None, message: Message) -> datetime:
    """When the first message happened. The clock would make another key at every try."""
    given = message.time if path is None else _found(codec, path, message)
    try:
        if isinstance(given, str):
            at = datetime.fromisoformat(given)
            return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
        if isinstance(given, int | float) and not isinstance(given, bool):
            return datetime.fromtimestamp(given / (1000 if given > _MILLISECONDS else 1), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise PermanentError(
        "The key has {date} or {time}, and the first message of the batch has no event time",
        got=None if given is MISSING else given,
        fix="Give the path of a time with the option time, or use {uuid}.",
    )


def _found(codec: Codec, path: Path, message: Message) -> Any:
    reading = codec.reader([path])([message.data])
    return MISSING if reading.errors else reading.columns[0][0]


def _safe(field: str, value: Any) -> str:
    """A value as a part of a key: what is unsafe is replaced, and a digest keeps values apart."""
    if value is MISSING or value is None or isinstance(value, list | dict):
        raise PermanentError(
            f"The key has {{{field}}}, and the first message of the batch has no such value",
            got=None if value is MISSING else value,
            fix="Name a path that every message has a text or a number at.",
        )
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    safe = _UNSAFE.sub("-", text)[:_LONGEST_VALUE]
    if safe == text and safe.strip("."):
        return safe
    return f"{safe.strip('.')}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:12]}"


_OWN: Final = ("date", "time", "uuid")
