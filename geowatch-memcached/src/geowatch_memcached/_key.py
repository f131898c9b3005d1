"""From any text to a key that memcached takes, and that is no other text's key."""

from __future__ import annotations

import hashlib
import re

LONGEST = 250
"""Bytes of the longest key (memcached's protocol.txt, "Keys")."""
_SAFE = re.compile(rf"[!-~]{{1,{LONGEST}}}")
_HASHED = re.compile(r".*~[0-9a-f]{64}", re.DOTALL)
_UNSAFE = re.compile(r"[^!-~]")
_READABLE = 100


def safe_key(text: str) -> str:
    """A key for `text`: itself where it can be one, else a readable beginning and its SHA-256.

    memcached reads a key up to the next white space, so a blank, a line break or another control
    character in it would be read as the next word of the command, or as the next command. What
    already looks like a hashed key is hashed, too: no text can be made to share another's key.
    """
    if _SAFE.fullmatch(text) and not _HASHED.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_UNSAFE.sub('_', text[:_READABLE])}~{digest}"


def safe_beginning(text: str) -> str:
    """As `safe_key`, with room for 50 characters more behind it."""
    return safe_key(text) if len(text) <= LONGEST - 50 else safe_key(text + " ")
