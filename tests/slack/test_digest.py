"""A digest says how many, the worst, where; and names each message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_slack.alert import Alert
from geowatch_slack.area import Box, box_around, positions
from geowatch_slack.digest import Digest
from geowatch_slack.limits import size
from geowatch_slack.options import SlackProducerOptions
from tools.slack import markup

OPTIONS = SlackProducerOptions.read({"token": "xoxb-1", "topic": "#quakes"})
DIGEST = Digest.of(OPTIONS.digest_id, OPTIONS.digest_worst, OPTIONS.digest_map)


def quake(number: int, mag: float, at: tuple[float, float], place: str = "sea") -> Alert:
    """One earthquake, rendered."""
    value = {
        "type": "Feature",
        "id": f"us{number}",
        "properties": {"mag": mag, "place": place},
        "geometry": {"type": "Point", "coordinates": list(at)},
    }
    return Alert(f"M {mag} {place}", None, msgspec.json.encode(value))


def rendered(*alerts: Alert, digest: Digest = DIGEST) -> str:
    """The text of one digest of these."""
    return digest.render([digest.item(alert) for alert in alerts]).text


def test_a_digest_says_how_many_the_worst_and_where() -> None:
    """Three earthquakes: count, the greatest magnitude with its text, box, map and ids."""
    text = rendered(
        quake(1, 4.5, (121.5, 23.9)),
        quake(2, 6.4, (121.7, 24.1), "Hualien"),
        quake(3, 5.0, (120.0, 23.0)),
    )
    assert text.splitlines() == [
        "*3 messages in one*, as more came than the pace of a channel allows",
        "Greatest mag: 6.4 (M 6.4 Hualien)",
        "Area: 23.00°N 120.00°E to 24.10°N 121.70°E "
        "<https://www.openstreetmap.org/?minlon=120.0000&amp;minlat=23.0000&amp;maxlon=121.7000"
        "&amp;maxlat=24.1000&amp;box=yes|map>",
        "us1, us2, us3",
    ]


def test_of_equals_the_first_is_the_worst() -> None:
    """The same messages always make the same digest."""
    alerts = [quake(1, 6.0, (0, 0), "first"), quake(2, 6.0, (0, 0), "second")]
    assert "(M 6.0 first)" in rendered(*alerts)
    assert rendered(*alerts) == rendered(*alerts)


def test_messages_without_number_place_or_id_are_named_by_their_text() -> None:
    """What lacks everything is there with its text, shortened in plain sight."""
    text = rendered(Alert("plain one"), Alert("x" * 500), Alert("two\nlines"))
    assert text.splitlines()[1:] == [
        "• plain one",
        f"• {'x' * 120}… (500 characters)",
        "• two lines",
    ]


@pytest.mark.parametrize("data", ["<!channel>", "<@U1>", "https://evil.example", "a&b", "@here"])
def test_data_in_a_digest_forms_no_mention(data: str) -> None:
    """An id that looks like a mention is shown as it is."""
    value = msgspec.json.encode({"id": data, "properties": {"mag": 1}})
    text = rendered(Alert("x", None, value), Alert("y", None, value))
    assert markup({"text": text, "parse": "none"}) == []


def test_shortening_never_tears_a_link_or_an_entity() -> None:
    """What is cut from a name leaves no half of a link that would take in what follows."""
    for shift in range(30):
        name = "x" * (119 - shift) + "<https://example.org/|page>" + "&amp;" * 40
        text = rendered(Alert(name), Alert("other"))
        assert text.count("<") == text.count(">")
        assert "&am…" not in text
        assert "&…" not in text


def test_a_map_can_be_left_out() -> None:
    """Without a link the area is words only."""
    plain = Digest.of("id", "depth", "")
    text = rendered(quake(1, 1, (-70, -33)), quake(2, 1, (-71, -34)), digest=plain)
    assert text.splitlines()[1:] == ["Area: 34.00°S 71.00°W to 33.00°S 70.00°W", "us1, us2"]


def test_messages_are_cut_into_digests_that_fit() -> None:
    """Two thousand ids make several digests, in order, each of them of a bearable length."""
    items = [DIGEST.item(quake(n, 5, (0, 0))) for n in range(2_000)]
    groups = list(DIGEST.groups(items))
    assert [item for group in groups for item in group] == items
    assert len(groups) == 2
    assert all(size(DIGEST.render(group).text) <= 12_000 for group in groups)


@pytest.mark.parametrize(
    ("points", "box"),
    [
        ([(10.0, 1.0)], Box(10.0, 1.0, 10.0, 1.0)),
        ([(10.0, 1.0), (20.0, -1.0)], Box(10.0, -1.0, 20.0, 1.0)),
        ([(179.0, 0.0), (-179.0, 5.0)], Box(179.0, 0.0, -179.0, 5.0)),
        ([(-170.0, 0.0), (170.0, 0.0), (175.0, 0.0)], Box(170.0, 0.0, -170.0, 0.0)),
        ([], None),
    ],
)
def test_a_box_is_the_smallest_across_the_antimeridian_too(
    points: list[tuple[float, float]], box: Box | None
) -> None:
    """RFC 7946, section 5.2: west may be east of east."""
    assert box_around(points) == box


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=12))
def test_every_position_is_in_the_box(points: list[tuple[float, float]]) -> None:
    """Nothing lies outside of what is said to hold it all."""
    box = box_around(points)
    assert box is not None
    for longitude, latitude in points:
        assert box.south <= latitude <= box.north
        if box.west <= box.east:
            assert box.west <= longitude <= box.east
        else:
            assert longitude >= box.west or longitude <= box.east


def test_a_map_gets_an_east_that_is_not_less_than_its_west() -> None:
    """Across the antimeridian the map is told to go on beyond 180."""
    assert Box(170.0, -1.0, -170.0, 1.0).fields() == {
        "west": "170.0000",
        "south": "-1.0000",
        "east": "190.0000",
        "north": "1.0000",
    }


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"type": "Point", "coordinates": [1, 2, 3]}, [(1.0, 2.0)]),
        ({"geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}, 2),
        ({"geometry": None}, []),
        ({"geometry": {"geometries": [{"coordinates": [5, 6]}]}}, [(5.0, 6.0)]),
        ({"coordinates": [200, 0]}, []),
        ({"coordinates": ["x", 0]}, []),
        ("text", []),
        (None, []),
    ],
)
def test_positions_are_found_in_any_geometry(value: Any, found: Any) -> None:
    """Points, lines and collections; and what is none gives none."""
    got = list(positions(value))
    assert (len(got) if isinstance(found, int) else got) == found
