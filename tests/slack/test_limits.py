"""Nothing is cut in silence: what is too long becomes several posts, or is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core import TooLargeError
from geowatch_slack.limits import MOST_TEXT, check_blocks, size, split


def test_a_text_of_the_limit_is_one_post_and_of_one_more_two() -> None:
    """40,000 characters are taken whole; the next one begins another post."""
    assert list(map(len, split("x" * 40_000))) == [40_000]
    assert list(map(len, split("x" * 40_001))) == [40_000, 1]


def test_characters_beyond_the_basic_plane_count_twice() -> None:
    """An emoji counts as UTF-16 has it, and is not torn."""
    text = "x" + "🌍" * 30_000
    parts = split(text)
    assert "".join(parts) == text
    assert [size(part) <= MOST_TEXT for part in parts] == [True, True]


def test_a_long_text_is_cut_at_a_line_break_or_a_blank() -> None:
    """Words and lines stay whole where they can."""
    lines = "\n".join(["word " * 20] * 600)
    first, second = split(lines)
    assert first.endswith("\n")
    assert first + second == lines
    words = "word " * 12_000
    assert all(part.startswith("word") for part in split(words))


def test_entities_and_links_are_never_torn() -> None:
    """A cut falls before an entity or a link, never inside one."""
    for piece in ("&amp;", "<https://example.org/x|label>"):
        for shift in range(len(piece)):
            text = "x" * (MOST_TEXT - shift) + piece + "y" * 10
            parts = split(text)
            assert "".join(parts) == text
            assert sum(piece in part for part in parts) == 1


@given(st.lists(st.sampled_from(["&lt;", "word ", "\n", "🌍", "<https://a.b/c|d>", "x" * 9_000])))
def test_parts_joined_are_the_text(pieces: list[str]) -> None:
    """Whatever a text is made of, its parts are that text and each of them fits."""
    text = "".join(pieces * 9)
    if size(text) > 10 * MOST_TEXT:
        return
    parts = split(text)
    assert "".join(parts) == (text if text.strip() else "")
    assert all(size(part) <= MOST_TEXT for part in parts)
    assert not any(re.search(r"&\w*$|<[^>]*$", part) for part in parts)


def test_a_text_of_more_than_ten_posts_is_refused() -> None:
    """A channel is for people: what would flood it is too large."""
    with pytest.raises(TooLargeError, match="more than 10 posts"):
        split("x" * 400_001)


def test_nothing_to_see_is_no_post() -> None:
    """Blanks alone make no post."""
    assert split(" \n ") == []


def section(text: str) -> dict[str, object]:
    """A section of that text."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        ([section("x")] * 51, "at most 50 blocks"),
        ([section("x" * 3_001)], "at most 3000"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "at most 150"),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2_001}]}], "2000"),
        ([section("x" * 2_900)] * 4, "11000 characters in all blocks"),
    ],
)
def test_blocks_that_slack_would_refuse_are_refused_before(
    blocks: list[dict[str, object]], says: str
) -> None:
    """Each limit of blocks is an error with the limit in it."""
    with pytest.raises(TooLargeError, match=says):
        check_blocks(blocks)


def test_blocks_at_their_limits_are_taken() -> None:
    """The largest that the documentation allows passes."""
    check_blocks([section("x" * 3_000)])
    check_blocks([section("x" * 220)] * 50)
    check_blocks([{"type": "header", "text": {"type": "plain_text", "text": "x" * 150}}])
