"""Declarative filters: which messages go on, said in a configuration or in code.

.. code-block:: toml

    filter = [
        { bbox = [-125, 32, -114, 42] },
        { path = "properties.mag", ge = 4.5 },
    ]

.. code-block:: python

    BBox([-125, 32, -114, 42]) & (where("properties.mag") >= 4.5)
"""

from typing import TYPE_CHECKING

from geowatch_core.filter.base import Columns, Filter
from geowatch_core.filter.comparison import Comparison, Property, where
from geowatch_core.filter.kind import FILTER_REF, Kind, Parser, as_path

if TYPE_CHECKING:
    from geowatch_core.filter.bbox import BBox
    from geowatch_core.filter.builtin import BUILTIN_KINDS, parse, schema
    from geowatch_core.filter.compose import All, Any, Not

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

_LATER = {
    "BBox": "bbox",
    "All": "compose",
    "Any": "compose",
    "Not": "compose",
    "BUILTIN_KINDS": "builtin",
    "parse": "builtin",
    "schema": "builtin",
}

if not TYPE_CHECKING:  # a type checker would take __getattr__ as leave to import any name

    def __getattr__(name: str) -> object:
        # Imported on first use: making these classes is a good part of what importing core costs,
        # and many a broker has no filter.
        from importlib import import_module

        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
