"""Run by cron: takes what is new of a stream of earthquakes into MongoDB, once.

    MONGO_URL=mongodb://localhost python examples/mongo-cron/quakes_to_mongo.py

A crontab line, every five minutes: ``*/5 * * * * cd …; MONGO_URL=… python …/quakes_to_mongo.py``
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pymongo import GEOSPHERE, MongoClient, UpdateOne, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from geowatch_core import Broker, Message, provision_broker

HERE = Path(__file__).parent
DUPLICATE_KEY = 11000


class QuakesToMongo(Broker):
    """Parses earthquakes and upserts them; an older report never replaces a newer one.

    The source is acked after ``process`` has returned. What was upserted and not acked, because the
    process died in between, comes again, and the same upsert changes nothing.
    """

    def __init__(self, *arguments: Any, quakes: Collection[dict[str, Any]], **given: Any) -> None:
        super().__init__(*arguments, **given)
        # By default MongoDB confirms what is not on a disk yet: killed then, it had lost 44 of 500.
        self._quakes = quakes.with_options(write_concern=WriteConcern("majority", j=True))

    def before_cycle(self) -> None:
        """Have the index that ``$near`` and ``$geoWithin`` need; a second time changes nothing."""
        self._quakes.create_index([("location", GEOSPHERE)])

    def process(self, messages: list[Message]) -> Iterable[Message]:
        """Upsert all of them at once. Nothing is left to deliver."""
        if messages:
            self._upsert([upsert(message.value) for message in messages])
        return ()

    def _upsert(self, changes: list[UpdateOne]) -> None:
        try:
            self._quakes.bulk_write(changes, ordered=False)
        except BulkWriteError as error:
            # A newer report is there: it does not match, and a second of its id cannot be inserted.
            others = [e for e in error.details["writeErrors"] if e["code"] != DUPLICATE_KEY]
            if others or error.details["writeConcernErrors"]:
                raise


def upsert(quake: dict[str, Any]) -> UpdateOne:
    """What is to be in the database of a GeoJSON feature of the USGS."""
    properties = quake["properties"]
    longitude, latitude, depth = quake["geometry"]["coordinates"]
    updated = moment(properties["updated"])
    document = {
        "magnitude": properties["mag"],
        "place": properties["place"],
        "time": moment(properties["time"]),
        "updated": updated,
        "depth_km": depth,  # MongoDB's points are flat
        "location": {"type": "Point", "coordinates": [longitude, latitude]},
    }
    older = {"_id": quake["id"], "updated": {"$not": {"$gt": updated}}}
    return UpdateOne(older, {"$set": document}, upsert=True)


def moment(milliseconds: int) -> datetime:
    """A time of the USGS."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def main() -> None:
    """One tick of cron."""
    with MongoClient[dict[str, Any]](os.environ["MONGO_URL"], tz_aware=True) as client:
        factory = partial(QuakesToMongo, quakes=client.geowatch.quakes)
        broker = provision_broker(HERE / "quakes.toml", factory=factory)
        print(broker.run(max_cycle=1))


if __name__ == "__main__":
    main()
