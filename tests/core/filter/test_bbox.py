import math

import pytest

from geowatch_core.errors import ConfigurationError
from geowatch_core.filter import BBox
from tests.core.filter.run import verdicts

CALIFORNIA = BBox([-125, 32, -114, 42])
FIJI = BBox([177, -20, -178, -16])  # the example of RFC 7946 §5.2


def of(box, *geometries):
    """The verdicts of a box on geometries."""
    return verdicts(box, [{"geometry": geometry} for geometry in geometries])


def points(box, *positions):
    """The verdicts of a box on points."""
    return of(box, *({"type": "Point", "coordinates": list(position)} for position in positions))


def test_a_point_is_kept_inside_and_on_the_border():
    """San Francisco and all four corners are in; a ten-thousandth of a degree further is out."""
    corners = [(-125, 32), (-125, 42), (-114, 32), (-114, 42)]
    assert points(CALIFORNIA, (-122.42, 37.77), *corners) == [True] * 5
    beyond = [(-125.0001, 37), (-113.9999, 37), (-120, 31.9999), (-120, 42.0001)]
    assert points(CALIFORNIA, *beyond) == [False] * 4


def test_a_third_number_does_not_matter_to_a_box_of_four():
    """Depth and height are not looked at."""
    assert points(CALIFORNIA, (-120, 37, -9e9), (-120, 37, 9e9, 1)) == [True, True]


def test_a_box_with_heights_looks_at_the_third_number():
    """The border belongs to it; a position without a height is unknown."""
    box = BBox([-125, 32, 0, -114, 42, 10])
    at = [(-120, 37, z) for z in (-0.1, 0, 5, 10, 10.1)]
    assert points(box, *at) == [False, True, True, True, False]
    assert points(box, (-120, 37, 5), (-120, 37), (0, 0)) == [True, None, None]
    line = {"type": "LineString", "coordinates": [[-120, 37, -5], [-119, 37, -1]]}
    assert of(box, line) == [False]


def test_a_box_may_cross_the_antimeridian():
    """West greater than east means the way round by 180 degrees, both of its sides included."""
    inside = [(177, -18), (179.9, -18), (180, -18), (-180, -18), (-178, -18)]
    outside = [(176.9, -18), (-177.9, -18), (0, -18), (179, -15)]
    assert points(FIJI, *inside) == [True] * 5
    assert points(FIJI, *outside) == [False] * 4


@pytest.mark.parametrize("box", [[170, 0, 180, 10], [-180, 0, -170, 10]])
def test_180_and_minus_180_are_one_meridian(box):
    """A box that ends at one of them has a point that is written with the other."""
    assert points(BBox(box), (180, 5), (-180, 5), (0, 5)) == [True, True, False]


def test_longitudes_beyond_180_are_taken_as_written():
    """190 is not read as -170, neither by a box that crosses nor by the whole world."""
    assert points(BBox([170, -30, -170, 30]), (190, 0), (-190, 0)) == [False, False]
    assert points(BBox([-180, -90, 180, 90]), (190, 0), (180, 90)) == [False, True]


# The box of the table below is 0..10 in both axes.
GEOMETRIES = [
    ("LineString", [[-5, 5], [15, 5]], True),  # crosses, with no position inside
    ("LineString", [[10, 10], [20, 20]], True),  # touches a corner
    ("LineString", [[11, 0], [20, 10]], False),
    ("LineString", [[-1, 9], [1, 20]], True),
    ("LineString", [[-3, 8], [2, 13]], True),  # misses a corner; its bounding box does not
    ("MultiPoint", [[-5, -5], [-6, -6]], False),
    ("MultiPoint", [[-5, 5], [20, 5]], True),
    ("Polygon", [[[-1, -1], [11, -1], [11, 11], [-1, 11], [-1, -1]]], True),  # all around it
    ("Polygon", [[[20, 20], [21, 20], [21, 21], [20, 20]]], False),
    ("MultiLineString", [[[20, 20], [21, 21]], [[5, 5], [6, 6]]], True),
    ("MultiPolygon", [[[[20, 5], [21, 5], [21, 6], [20, 5]]]], False),
    ("MultiPolygon", [[[[9, 9], [21, 5], [21, 16], [9, 9]]]], True),
]


@pytest.mark.parametrize(("kind", "coordinates", "expected"), GEOMETRIES)
def test_other_geometries_are_kept_by_their_own_bounding_box(kind, coordinates, expected):
    """What decides is the least and greatest of all positions; nothing that is inside is lost."""
    geometry = {"type": kind, "coordinates": coordinates}
    collection = {"type": "GeometryCollection", "geometries": [geometry]}
    nested = {"type": "GeometryCollection", "geometries": [collection, collection]}
    box = BBox([0, 0, 10, 10])
    assert of(box, geometry, collection, nested) == [expected] * 3
    beside = {"type": "Point", "coordinates": [5, 5]}
    assert of(box, beside, geometry, beside) == [True, expected, True]


def test_a_collection_is_taken_as_a_whole():
    """Its bounding box goes around all of its members, empty ones aside."""
    west = {"type": "Point", "coordinates": [-5, 5]}
    east = {"type": "Point", "coordinates": [15, 5]}
    empty = {"type": "MultiPoint", "coordinates": []}
    collection = {"type": "GeometryCollection", "geometries": [west, empty, east]}
    assert of(BBox([0, 0, 10, 10]), west, east, collection) == [False, False, True]


def test_a_crossing_box_meets_what_lies_on_either_side():
    """A line that ends at 179 meets the west half, one that begins at -179 the east half."""
    lines = [[[170, -18], [179, -18]], [[-179, -18], [-170, -18]], [[-170, -18], [170, -18]]]
    geometries = [{"type": "LineString", "coordinates": line} for line in lines]
    assert of(FIJI, *geometries) == [True, True, False]


ODD = [
    None,
    "Point",
    5,
    [1, 2],
    {},
    {"type": "Point"},
    {"coordinates": None},
    {"coordinates": []},
    {"coordinates": [[]]},
    {"coordinates": [5]},
    {"coordinates": ["5", "5"]},
    {"coordinates": "55"},
    {"coordinates": b"55"},
    {"coordinates": {"0": 5, "1": 5}},
    {"coordinates": 5},
    {"coordinates": [True, True]},
    {"coordinates": [5, None]},
    {"coordinates": [5, [5]]},
    {"coordinates": [math.nan, 5]},
    {"coordinates": [5, math.inf]},
    {"coordinates": [[5, 5], [5]]},
    {"coordinates": [[5, 5], 5]},
    {"coordinates": [[5, 5], None]},
    {"geometries": None},
    {"geometries": []},
    {"geometries": [None]},
    {"geometries": {"coordinates": [5, 5]}},
    {"geometries": [{"type": "Point"}]},
    {"geometries": [{"coordinates": [5, 5]}, {"coordinates": "x"}]},
]


@pytest.mark.parametrize("geometry", ODD, ids=ascii)
def test_what_is_no_geometry_is_unknown(geometry):
    """Null, empty and odd geometries are kept neither by a box nor by its not, in any company."""
    box = BBox([0, 0, 10, 10])
    inside = {"type": "Point", "coordinates": [5, 5]}
    outside = {"type": "Point", "coordinates": [50, 50]}
    assert of(box, geometry) == [None]
    assert of(box, inside, geometry, outside) == [True, None, False]


def test_a_feature_without_geometry_is_unknown():
    """So is a value that is no feature at all."""
    assert verdicts(CALIFORNIA, [{}, None, [], "x", 5]) == [None] * 5


def test_numbers_beyond_every_float_are_numbers():
    """They are outside of every box, alone and in company."""
    huge, least = 10**400, -(10**400)
    assert points(CALIFORNIA, (huge, 0)) == [False]
    assert points(CALIFORNIA, (huge, 0.5), (-120, 37), (least, 0)) == [False, True, False]
    assert points(CALIFORNIA, (1e308, 1e308), (1e308, 1e308)) == [False, False]


def test_deep_nesting_is_walked_and_not_recursed_into():
    """10,000 lists within lists end in an answer."""
    coordinates = [5, 5]
    for _ in range(10_000):
        coordinates = [coordinates]
    assert of(BBox([0, 0, 10, 10]), {"coordinates": coordinates}) == [True]


def test_the_geometry_may_be_elsewhere():
    """`path` says where; the empty path is a value that is a geometry itself."""
    here = {"type": "Point", "coordinates": [-120, 37]}
    box = [-125, 32, -114, 42]
    assert verdicts(BBox(box, path="where.exactly"), [{"where": {"exactly": here}}]) == [True]
    assert verdicts(BBox(box, path=""), [here]) == [True]


def test_it_asks_for_the_two_members_with_positions():
    """The rest of a geometry need not be decoded."""
    assert [str(path) for path in CALIFORNIA.paths] == [
        "geometry.coordinates",
        "geometry.geometries",
    ]


def test_boxes_are_values():
    """A list and a tuple make the same box; another path is another filter."""
    assert len({CALIFORNIA, BBox((-125.0, 32, -114, 42)), BBox(CALIFORNIA.box, path="g")}) == 2
    assert repr(FIJI) == "BBox(box=(177, -20, -178, -16), path=Path.parse('geometry'))"


def test_a_run_may_be_empty():
    """No messages, no answers."""
    assert points(CALIFORNIA) == []
    assert points(BBox([0, 0, 0, 1, 1, 1])) == []


FORM = (
    "RFC 7946 §5: [west, south, east, north] in degrees, longitude before latitude, or "
    "[west, south, lowest, east, north, highest]."
)
CROSSING = (
    "RFC 7946 §5.2: a box across the antimeridian has its west greater than its east: "
    "[177, -20, -178, -16]."
)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, 1], f"A bbox is a list of 4 or 6 numbers (got [0, 0, 1]). {FORM}"),
        ("0,0,1,1", f"A bbox is a list of 4 or 6 numbers (got '0,0,1,1'). {FORM}"),
        ([0, 0, 1, "1"], f"A bbox has finite numbers only (got [0, 0, 1, '1']). {FORM}"),
        ([0, 0, 1, True], f"A bbox has finite numbers only (got [0, 0, 1, True]). {FORM}"),
        ([0, 0, 1, math.nan], f"A bbox has finite numbers only (got [0, 0, 1, nan]). {FORM}"),
        (
            [32, -125, 42, -114],
            f"A latitude of the bbox is beyond 90 degrees (got [32, -125, 42, -114]). {FORM}",
        ),
        (
            [177, -20, 182, -16],
            f"A longitude of the bbox is beyond 180 degrees (got [177, -20, 182, -16]). {CROSSING}",
        ),
        (
            [0, 10, 10, 0],
            f"The south of the bbox is greater than its north (got [0, 10, 10, 0]). {FORM}",
        ),
        (
            [0, 0, 5, 1, 1, 4],
            f"The lowest of the bbox is greater than its highest (got [0, 0, 5, 1, 1, 4]). {FORM}",
        ),
        (
            [0, 0, 10**400, 1],
            "A longitude of the bbox is beyond 180 degrees",
        ),
    ],
)
def test_what_is_no_box_is_refused(box, message):
    """The error cites the section of RFC 7946 that says how a box is written."""
    with pytest.raises(ConfigurationError) as caught:
        BBox(box)
    assert str(caught.value).startswith(message)
