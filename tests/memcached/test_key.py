"""From any text to a key of memcached."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from geowatch_memcached._key import safe_key

KEY = re.compile(r"[\x21-\x7e]{1,250}")


def test_plain_key_stays_as_it_is() -> None:
    """What memcached takes is taken as it is, up to its last byte."""
    for text in ("stats_tilerequests", "tenant:quakes/2026", "~", "k" * 250):
        assert safe_key(text) == text


def test_other_key_begins_readable_and_ends_in_its_hash() -> None:
    """An operator can tell what a hashed key is of; the hash is SHA-256 of its UTF-8."""
    # printf 'strong quakes' | sha256sum
    digest = "40ead18768b683d75640ad1c0f3aa9468d485af47d53955612d17f91140cb033"
    assert safe_key("strong quakes") == f"strong_quakes~{digest}"


@given(st.text())
def test_every_key_is_safe(text: str) -> None:
    """No blank, no control character, nothing beyond ASCII, and at most 250 bytes."""
    assert KEY.fullmatch(safe_key(text))


@given(st.text(), st.text())
def test_two_texts_never_share_a_key(one: str, other: str) -> None:
    """Not even where one is written to look like the hash of the other."""
    keys = {safe_key(each) for each in (one, other, safe_key(one), safe_key(other))}
    assert len(keys) >= len({one, other})
    if safe_key(one) != one:
        assert safe_key(safe_key(one)) != safe_key(one)
