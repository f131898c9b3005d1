"""Memory stays flat: five million messages from memory to memory in bounded memory.

A feeder keeps the topic on the way in filled, a drain empties the topic on the way out, and the
broker between them filters, deduplicates and settles. Whatever it kept of each message would add
up: one byte a message is five megabytes. ``python benchmarks/memory_flat.py [MESSAGES]``
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from pathlib import Path

from geowatch_core import Broker, Message, provision, where
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.memory import _driver

MESSAGES = 5_000_000
SAMPLES = 20
CHUNK = 5_000
ALLOWED = 5 * 1024 * 1024
"""How much more memory than at a tenth of the way is still flat: about a byte a message."""


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def feed(broker: Broker, total: int, samples: list[int]) -> None:
    """Fill the topic as room comes, take samples on the way, and stop the broker at the end."""
    topic, every = _driver.topic("in"), total // SAMPLES
    for start in range(0, total, CHUNK):
        numbers = range(start, min(start + CHUNK, total))
        topic.put([Message(b'{"n":%d,"mag":%d}' % (n, n % 10)) for n in numbers], None)
        while len(topic) > 4 * CHUNK:
            time.sleep(0.002)
        if start % every == 0:
            samples.append(resident())
            print(f"{start:>10,} messages  {samples[-1] / 2**20:6.1f} MiB", flush=True)
    while len(topic):
        time.sleep(0.01)
    broker.stop()


def drain(done: threading.Event) -> None:
    """Take what was delivered, and forget it."""
    with provision(backend="memory", role="consumer", topic="out") as consumer:
        while not done.is_set():
            consumer.ack(consumer.consume(CHUNK, 0.1))


def main(total: int) -> int:
    """Run it, and say whether memory stayed flat."""
    broker = Broker(
        consumers=[provision(backend="memory", role="consumer", topic="in", codec="json")],
        producers=[provision(backend="memory", role="producer", topic="out", codec="json")],
        filter=where("mag") >= 2,
        deduplicate=Deduplicate(key="n", window=10_000),
    )
    samples: list[int] = []
    done = threading.Event()
    threads = [
        threading.Thread(target=feed, args=(broker, total, samples)),
        threading.Thread(target=drain, args=(done,)),
    ]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    report = broker.run()
    done.set()
    for thread in threads:
        thread.join()
    gc.collect()
    samples.append(resident())
    grown = max(samples[SAMPLES // 10 :]) - samples[SAMPLES // 10]
    flat = grown <= ALLOWED and report.conserved and report.consumed == total
    print(f"{report} in {time.monotonic() - began:.0f} s")
    print(
        f"{'FLAT' if flat else 'NOT FLAT'}: {samples[SAMPLES // 10] / 2**20:.1f} MiB at a tenth of "
        f"the way, {samples[-1] / 2**20:.1f} MiB at the end, never more than "
        f"{grown / 2**20:.1f} MiB above"
    )
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
