"""librdkafka's own imitation of a Kafka cluster, and how to have it fail."""

from __future__ import annotations

import ctypes
import enum
from pathlib import Path
from typing import Any, Self

import confluent_kafka
from confluent_kafka import Producer


class Api(enum.IntEnum):
    """Kinds of requests, by the numbers that Kafka's protocol gives them."""

    PRODUCE = 0
    FETCH = 1
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    SYNC_GROUP = 14
    INIT_PRODUCER_ID = 22


class MockKafka:
    """A cluster in this process, which other processes can reach, too.

    It is made by the client itself (``test.mock.num.brokers``); the functions that have it fail are
    not offered to Python, so they are looked up in the client's shared library.
    """

    def __init__(self, brokers: int = 1) -> None:
        self._settings = {"test.mock.num.brokers": brokers, "bootstrap.servers": "mock"}

    def __enter__(self) -> Self:
        self._library = _library()
        self._owner = Producer({**self._settings, "log_level": 2})
        brokers = self._owner.list_topics(timeout=10).brokers.values()
        self.host = ",".join(f"{each.host}:{each.port}" for each in brokers)
        self._cluster = self._handle()
        at_once = self._library.rd_kafka_mock_group_initial_rebalance_delay_ms
        at_once.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        at_once(self._cluster, 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._owner.flush(1)
        del self._owner

    def fail(self, api: Api, *codes: int) -> None:
        """Have the next requests of a kind be answered with these errors, one each."""
        push = self._library.rd_kafka_mock_push_request_errors_array
        push.argtypes = [
            ctypes.c_void_p,
            ctypes.c_int16,
            ctypes.c_size_t,
            ctypes.POINTER(ctypes.c_int),
        ]
        push(self._cluster, int(api), len(codes), (ctypes.c_int * len(codes))(*codes))

    def forgive(self, api: Api) -> None:
        """Take back the failures that have not happened yet."""
        clear = self._library.rd_kafka_mock_clear_request_errors
        clear.argtypes = [ctypes.c_void_p, ctypes.c_int16]
        clear(self._cluster, int(api))

    def create(self, topic: str, partitions: int = 1) -> str:
        """Make a topic; its name."""
        make = self._library.rd_kafka_mock_topic_create
        make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
        assert make(self._cluster, topic.encode(), partitions, 1) == 0
        return topic

    def down(self, broker: int = 1) -> None:
        """Have a broker refuse connections."""
        self._broker("rd_kafka_mock_broker_set_down", broker)

    def up(self, broker: int = 1) -> None:
        """Have a broker accept connections again."""
        self._broker("rd_kafka_mock_broker_set_up", broker)

    def _broker(self, function: str, broker: int) -> None:
        act = getattr(self._library, function)
        act.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        assert act(self._cluster, broker) == 0

    def _handle(self) -> Any:
        """The cluster that the owner has made, by way of the client's handle."""
        find = self._library.rd_kafka_handle_mock_cluster
        find.argtypes, find.restype = [ctypes.c_void_p], ctypes.c_void_p
        return find(_client_handle(self._owner))


def _library() -> Any:
    """The shared library that the client was installed with."""
    package = Path(confluent_kafka.__file__).parent
    folders = (package.parent / "confluent_kafka.libs", package)
    found = [path for folder in folders for path in folder.glob("*rdkafka*") if ".so" in path.name]
    return ctypes.CDLL(str(found[0])) if found else ctypes.CDLL(confluent_kafka.cimpl.__file__)


def _client_handle(client: Any) -> int:
    """The ``rd_kafka_t *`` of a client: the first field after the head of its object."""
    head = object.__basicsize__
    return ctypes.c_void_p.from_address(id(client) + head).value or 0
