"""A real week of earthquakes: the 1,707 features of the USGS feed in examples/quakes."""

import json
from itertools import compress
from pathlib import Path as File

import pytest

from geowatch_core.filter import parse
from tests.core.filter.run import columns

WEEK = File(__file__).parents[3] / "examples" / "quakes" / "usgs-earthquakes-week.geojson"
CALIFORNIA = [-125, 32, -114, 42]
CALIFORNIAN = 1014  # counted with jq


@pytest.fixture(scope="module")
def week():
    """The features of the week."""
    return json.loads(WEEK.read_text("utf-8"))["features"]


def kept(config, features):
    """The features that a filter keeps, in runs of 100."""
    found, filter_ = [], parse(config)
    for start in range(0, len(features), 100):
        run = features[start : start + 100]
        found += compress(run, filter_.mask(columns(filter_, run)))
    return found


def test_85_earthquakes_of_the_week_are_strong(week):
    """Of 1,707 features 85 have a magnitude of at least 4.5."""
    assert len(week) == 1707
    assert len(kept({"path": "properties.mag", "ge": 4.5}, week)) == 85


def test_a_magnitude_that_is_not_known_is_kept_neither_way(week):
    """What is strong, what is not, and what has no magnitude make up the week."""
    strong = {"path": "properties.mag", "ge": 4.5}
    unknown = [f for f in week if f["properties"]["mag"] is None]
    assert len(kept(strong, week)) + len(kept({"not": strong}, week)) + len(unknown) == 1707
    assert kept({"path": "properties.mag", "exists": False}, week) == unknown


def test_the_earthquakes_of_california(week):
    """The box keeps just what a loop over the coordinates does, and its not keeps the rest."""
    west, south, east, north = CALIFORNIA
    expected = []
    for feature in week:
        longitude, latitude, _ = feature["geometry"]["coordinates"]
        if not (longitude < west or longitude > east or latitude < south or latitude > north):
            expected.append(feature)
    assert len(expected) == CALIFORNIAN
    assert kept({"bbox": CALIFORNIA}, week) == expected
    assert len(kept({"not": {"bbox": CALIFORNIA}}, week)) == 1707 - CALIFORNIAN


def test_a_box_across_the_antimeridian_is_its_two_halves(week):
    """Around the Aleutian Islands: 1 earthquake west of 180 degrees and 10 east of it."""
    west, east = {"bbox": [170, 48, 180, 60]}, {"bbox": [-180, 48, -160, 60]}
    assert [len(kept(half, week)) for half in (west, east)] == [1, 10]
    whole = kept({"bbox": [170, 48, -160, 60]}, week)
    assert len(whole) == 11
    assert whole == kept({"any": [west, east]}, week)
