"""Lazy and eager give the same: what is decoded late, in part or never is delivered as if it were.

The reference decodes every message first, and encodes what it delivers.
"""

from __future__ import annotations

import copy
from typing import Any

import attrs
from hypothesis import event, given
from hypothesis import strategies as st

from geowatch_core import Broker, Message
from geowatch_core.codec import Codec
from geowatch_core.errors import CodecError
from geowatch_core.filter import Filter, where
from geowatch_core.flow.deduplicate import Deduplicate
from tests.flow.channel import Given, Kept
from tests.flow.codec import JSON, SPACED


def mutated(value: Any) -> Any:
    """A transform that changes the value it was given."""
    if value["n"] == 3:
        raise ValueError("three")
    value["tags"].append("seen")
    value["n"] += 10
    return value


def looked_at(value: Any) -> bool:
    """A predicate that is given the value, and leaves it as it is."""
    return bool(value["n"] != 4)


class Adding(Broker):
    def process(self, messages: list[Message]) -> list[Message]:
        """Drop the first, change the second, split the third, and create one."""
        kept = messages[1:]
        if kept:
            kept[0].value = {"n": -1, "tags": []}
        if len(kept) > 1:
            kept[1:2] = [kept[1].replace({"n": part, "tags": []}) for part in range(2)]
        return [*kept, Message.of({"n": 0, "tags": ["new"]})]


@attrs.frozen(kw_only=True)
class Route:
    """How a broker is put together."""

    source: Codec
    sinks: list[Codec]
    declared: Filter | None
    predicate: Any
    transform: Any
    deduplicate: Deduplicate | None
    last_one: bool
    own: type[Broker]
    count: int

    @property
    def touches(self) -> bool:
        """Whether any code that may change the value is given it."""
        return bool(self.transform or self.own is Adding)


def eager(route: Route, items: list[bytes]) -> tuple[list[list[Any]], list[bytes]]:
    """What every sink gets, decoded, and what the dead letter gets, of one batch after another."""
    delivered: list[Any] = []
    dead: list[bytes] = []
    seen: set[Any] = set()
    for start in range(0, len(items), route.count):
        kept: list[tuple[bytes, Any]] = []
        for data in items[start : start + route.count]:
            try:
                value = route.source.decode(data)
                original = copy.deepcopy(value)
                passes = route.declared is None or value["n"] > 1
                if passes and route.predicate:
                    passes = route.predicate(value)
                if passes and route.deduplicate:
                    same = original["n"] if route.deduplicate.key else data
                    passes = same not in seen
                    seen.add(same)
                if passes:
                    value = route.transform(value) if route.transform else value
                    kept.append((data, value))
            except (CodecError, ValueError):
                dead.append(data)
        messages = [Message(data, position=0, origin=Kept()) for data, _ in kept]
        for message, (_, value) in zip(messages, kept, strict=True):
            message.value = value
        messages = messages[-1:] if route.last_one else messages
        after = route.own.process(Broker(), messages)
        delivered += [message.value for message in (messages if after is None else after)]
    return [delivered for _ in route.sinks], dead


def lazy(route: Route, items: list[bytes]) -> tuple[list[Kept], Kept, Given, Any]:
    """The same by a broker."""
    sinks = [Kept(codec=codec, name=f"sink {n}") for n, codec in enumerate(route.sinks)]
    dead, source = Kept(name="dead"), Given(items, codec=route.source)
    report = route.own(
        consumers=[source],
        producers=sinks,
        dead_letter=dead,
        filter=[each for each in (route.declared, route.predicate) if each is not None],
        transform=route.transform,
        deduplicate=route.deduplicate or False,
        filter_last_one=route.last_one,
        count=route.count,
    ).run()
    return sinks, dead, source, report


codecs = st.sampled_from([JSON, SPACED])
routes = st.builds(
    Route,
    source=codecs,
    sinks=st.lists(codecs, min_size=1, max_size=3),
    declared=st.sampled_from([None, where("n") > 1]),
    predicate=st.sampled_from([None, looked_at]),
    transform=st.sampled_from([None, mutated]),
    deduplicate=st.sampled_from([None, Deduplicate(), Deduplicate(key="n")]),
    last_one=st.booleans(),
    own=st.sampled_from([Broker, Broker, Adding]),
    count=st.sampled_from([1, 3, 500]),
)
values = st.fixed_dictionaries({"n": st.integers(0, 5), "tags": st.lists(st.just("a"), max_size=2)})
bad = st.sampled_from([b"", b"{", b'{"n": 1', b"\xff"])
blanks = st.sampled_from(["", " ", "  "])


@st.composite
def good(draw: st.DrawFn) -> bytes:
    """A message written with blanks of its own, as no codec here would write it."""
    blank = draw(blanks)
    codec = attrs.evolve(JSON, separators=(blank + ",", ":" + blank))
    return codec.encode(draw(values))


@given(route=routes, items=st.lists(st.one_of(good(), good(), good(), bad), max_size=12))
def test_lazy_delivers_what_eager_would(route, items):
    """On every route, each destination gets the values that decoding everything first gives it."""
    expected, expected_dead = eager(route, items)
    sinks, dead, source, report = lazy(route, items)
    assert [sink.values for sink in sinks] == expected
    # Within a batch, stages fail one after another: the order of the letters is theirs.
    letters = [letter.get("data", "�").encode() for letter in dead.values]
    assert sorted(letters) == sorted(
        item.decode(errors="replace").encode() for item in expected_dead
    )
    assert source.acked == list(range(len(items)))
    assert report.conserved
    event(f"dead letters: {bool(letters)}")
    if not route.touches:
        for sink in sinks:
            if sink.codec == route.source:
                assert set(sink.got) <= set(items)
                event("untouched, same codec")


@given(items=st.lists(good(), min_size=1), mixed=st.lists(codecs, min_size=1, max_size=3))
def test_untouched_is_byte_identical_in_the_same_codec(items, mixed):
    """What no code touched arrives byte by byte as it came, whatever other sinks need of it."""
    sinks = [Kept(), *(Kept(codec=codec) for codec in mixed)]
    Broker(
        consumers=[Given(items)],
        producers=sinks,
        filter=where("n") >= 0,
        filter_metadata={},
        deduplicate=Deduplicate(key="nowhere"),
    ).run()
    for sink in sinks:
        if sink.codec == JSON:
            assert sink.got == items
        else:
            assert sink.got == [SPACED.encode(JSON.decode(item)) for item in items]
