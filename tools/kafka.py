"""A real Apache Kafka for tests, examples and benchmarks: one node on loopback, from Maven."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.local import HOST, Server, Unavailable, free_ports, maven

__all__ = ["VERSION", "Kafka", "Unavailable"]

VERSION = "4.1.1"
_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    f"org.apache.kafka:kafka-server:{VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",
)
_CLUSTER = "AAAAAAAAQACAAAAAAAAAAQ"
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
"""A virtual machine that starts soon; one that is to be measured needs its best compiler."""
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.cleaner.enable": "false",
}


class Kafka(Server):
    """Apache Kafka in KRaft mode; it keeps its topics, also when it is killed and started again.

    Args:
        folder: an empty folder for its data.
        settings: for its ``server.properties``, beside what one node on loopback needs.
        quick: start soon, rather than run fast.

    Raises:
        Unavailable: there is no Java or no Maven here, or Maven could not fetch it.
    """

    def __init__(
        self, folder: Path, *, settings: Mapping[str, str] | None = None, quick: bool = True
    ) -> None:
        classes = maven("kafka", *_COORDINATES)
        broker, controller = free_ports(2)
        self.host = f"{HOST}:{broker}"
        java = [
            "java",
            "-Xmx384m",
            *(_QUICK if quick else ()),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            classes,
        ]
        properties = folder / "server.properties"
        written = {
            **_SETTINGS,
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "listeners": f"PLAINTEXT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{broker}",
            "log.dirs": str(folder / "data"),
            **(settings or {}),
        }
        properties.write_text("".join(f"{name}={value}\n" for name, value in written.items()))
        form = [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)]
        done = subprocess.run(form, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"Kafka cannot run here: {done.stderr[-1000:]}")
        super().__init__(
            [*java, "kafka.Kafka", str(properties)],
            ready=self._answers_clients,
            log=folder / "server.log",
        )

    def _answers_clients(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        quiet = {"bootstrap.servers": self.host, "log_level": 0, "socket.timeout.ms": 2000}
        try:
            return bool(AdminClient(quiet).list_topics(timeout=1).brokers)
        except KafkaException:
            return False


def java_version() -> str:
    """Which Java runs it."""
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'"([^"]+)"', done.stderr)
    return found[1] if found else "unknown"
