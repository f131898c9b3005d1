"""Declarative filters: which messages go on, said in a configuration or in code.

.. code-block:: toml

    filter = [
        { bbox = [-125, 32, -114, 42] },
        { path = "properties.mag", ge = 4.5 },
    ]

.. code-block:: python

    BBox([-125, 32, -114, 42]) & (where("properties.mag") >= 4.5)
"""

from geowatch_core.filter.base import Columns, Filter
from geowatch_core.filter.bbox import BBox
from geowatch_core.filter.comparison import Comparison, Property, where
from geowatch_core.filter.compose import All, Any, Not
from geowatch_core.filter.kind import FILTER_REF, Kind, Parser, as_path
from geowatch_core.filter.parse import BUILTIN_KINDS, parse, schema

__all__ = [
    "BUILTIN_KINDS",
    "FILTER_REF",
    "All",
    "Any",
    "BBox",
    "Columns",
    "Comparison",
    "Filter",
    "Kind",
    "Not",
    "Parser",
    "Property",
    "as_path",
    "parse",
    "schema",
    "where",
]
