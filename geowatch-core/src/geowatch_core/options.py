"""The options of a role: read from keyword arguments, a TOML table or a JSON object alike."""

import enum
import math
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

import attrs
import msgspec

from geowatch_core.errors import GeoWatchError, Mistake, OptionsError
from geowatch_core.path import Path
from geowatch_core.secret import Secret

__all__ = [
    "KeyedTopicOptions",
    "Options",
    "TopicOptions",
    "Untyped",
    "at_least",
    "fields",
    "guess",
    "mistake",
    "nearest",
    "option",
    "read",
    "schema",
    "to_path",
    "within",
]

T = TypeVar("T")


class Untyped(str):
    """Text from where there is nothing but text, such as an environment variable.

    It is read as the type that its option has: ``"5"`` where a number is expected is 5.
    """

    __slots__ = ()


def option(
    default: Any = attrs.NOTHING,
    *,
    doc: str,
    validator: Any = None,
    converter: Any = None,
) -> Any:
    """A field of an options class.

    Args:
        default: its value when absent; without one the option is required.
        doc: one sentence for the reader of a configuration, with the unit.
        validator: an attrs validator; what it raises is shown beside the option's name.
        converter: an attrs converter, for a type that JSON does not have.
    """
    return attrs.field(
        default=default, validator=validator, converter=converter, metadata={"doc": doc}
    )


class _AtLeast(msgspec.Struct, frozen=True):
    bound: float

    def __call__(self, _: Any, attribute: "attrs.Attribute[Any]", value: float | None) -> None:
        # Asked this way round, NaN fails too; and nothing here can wait or count for ever.
        if value is not None and not self.bound <= value < math.inf:
            raise ValueError(f"must be at least {self.bound}, and finite")


def at_least(bound: float) -> Any:
    """A validator: a finite number not below `bound`."""
    return _AtLeast(bound)


@attrs.frozen(kw_only=True)
class Options:
    """What every role of every backend takes."""

    name: str | None = option(None, doc="What reports and errors call it.")
    codec: Any = option("plain", doc="A codec's name, or a table with its name and options.")
    max_tries: int = option(12, doc="How often opening is tried.", validator=at_least(1))
    sleep_period: float = option(5.0, doc="Seconds between two tries.", validator=at_least(0))
    timeout: float = option(
        5.0, doc="Seconds that one call of the service may take.", validator=at_least(0)
    )
    verbose: bool = option(False, doc="Say on standard error what provisioning does.")

    @classmethod
    def read(cls, values: Mapping[str, Any], place: str = "") -> Self:
        """Options from plain values.

        Raises:
            OptionsError: lists every unknown, missing and ill-typed option with its place.
        """
        return read(cls, values, place)

    @property
    def label(self) -> str:
        """What it is called when it was not given a name: what tells channels apart."""
        return ""

    @property
    def loop(self) -> str | None:
        """What a broker cannot consume from and deliver to at once; None where it can."""
        return None


@attrs.frozen(kw_only=True)
class TopicOptions(Options):
    """What every role that speaks of topics takes."""

    topic: str = option(doc="The topic, stream, queue or channel.")
    topic_prefix: str = option("", doc="Put before the topic, to keep tenants or stages apart.")
    topic_check: bool = option(False, doc="Create the topic if it is not there.")

    @property
    def full_topic(self) -> str:
        """The topic with its prefix: the name at the service."""
        return self.topic_prefix + self.topic

    @property
    def label(self) -> str:
        """The name at the service."""
        return self.full_topic


def to_path(given: Path | str | None) -> Path | None:
    """A converter: a path as text, as it is written in a configuration.

    Raises:
        ConfigurationError: not a path.
        TypeError: not even a text.
    """
    if isinstance(given, str):
        return Path.parse(given)
    if given is not None and not isinstance(given, Path):
        raise TypeError(f"Expected a path such as properties.vehicle, got `{type(given).__name__}`")
    return given


@attrs.frozen(kw_only=True)
class KeyedTopicOptions(TopicOptions):
    """What producers take whose channel keeps messages of one key together and in order."""

    key: Path | None = option(
        None,
        doc="The path of the value that is a message's key, such as id or properties.vehicle.",
        converter=to_path,
    )


def fields(cls: type[Any]) -> dict[str, "attrs.Attribute[Any]"]:
    """The options of a class by name, their types resolved."""
    return {field.name: field for field in attrs.fields(attrs.resolve_types(cls))}


def guess(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest known name, and a blank; empty if none is near."""
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {close[0]}? " if close else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known name, or all of them."""
    return guess(name, known).strip() or f"Known are: {', '.join(sorted(known)) or 'none'}."


def read(cls: type[T], values: Mapping[str, Any], place: str = "") -> T:
    """An instance of any attrs class, from plain values, with every mistake found at once.

    Raises:
        OptionsError: lists every unknown, missing and ill-typed option with its place.
    """
    known = fields(cls)
    mistakes = [
        Mistake(_at(place, name), "is not an option here", nearest(str(name), known))
        for name in values
        if name not in known
    ]
    taken: dict[str, Any] = {}
    for name, field in known.items():
        if name in values:
            try:
                taken[name] = _converted(field, values[name])
            except OptionsError as error:  # a value that has options of its own
                mistakes += within(_at(place, name), error.mistakes)
            except (TypeError, ValueError) as error:
                mistakes.append(_field_mistake(_at(place, name), field, error))
        elif field.default is attrs.NOTHING:
            mistakes.append(Mistake(_at(place, name), "is required", field.metadata.get("doc", "")))
    if not mistakes:
        try:
            return cls(**taken)
        except OptionsError as error:
            mistakes += within(place, error.mistakes)
        except (TypeError, ValueError) as error:  # options that are wrong together
            mistakes.append(mistake(place, error))
    raise OptionsError("These options cannot be used", mistakes)


def within(place: str, mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes of something that stands at a place of the configuration."""
    return [msgspec.structs.replace(found, place=_at(place, found.place)) for found in mistakes]


def mistake(place: str, error: Exception) -> Mistake:
    """What an error says, as a mistake at a place of the configuration."""
    fix = error.fix if isinstance(error, GeoWatchError) else ""
    what = str(error).removesuffix(f" {fix}") if fix else str(error)
    return Mistake(place, what.rstrip("."), fix)


def schema(cls: type[Any]) -> dict[str, Any]:
    """The JSON Schema of an options class."""
    known = fields(cls)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in known.items() if field.default is attrs.NOTHING],
        "properties": {name: _field_schema(field) for name, field in known.items()},
    }


def _at(place: str, name: object) -> str:
    return f"{place}.{name}" if place and name != "" else f"{place}{name}"


def _field_mistake(place: str, field: "attrs.Attribute[Any]", error: Exception) -> Mistake:
    """The mistake in one option; the sentence about the option says what it should be."""
    found = mistake(place, error)
    what, _, inside = found.what.partition(" - at `$")  # how msgspec points into a value
    words = _words(field.type)
    if words and what.startswith("Invalid enum value"):
        given = what.removeprefix("Invalid enum value ")
        fix = guess(given.strip("'"), words).strip() or field.metadata.get("doc", "")
        return Mistake(place, f"Expected one of {', '.join(words)}, got {given}", fix)
    inner = inside.removesuffix("`").replace("[...]", "")
    return Mistake(place + inner, what, found.fix or field.metadata.get("doc", ""))


def _words(kind: Any) -> list[str]:
    """The words that an option may have, where it may have only certain ones."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(member.value) for member in kind]
    if typing.get_origin(kind) is typing.Literal:
        return [str(word) for word in typing.get_args(kind)]
    return [word for one in typing.get_args(kind) for word in _words(one)]


def _converted(field: "attrs.Attribute[Any]", value: Any) -> Any:
    """`value` as the field's type, checked by the field's validator before the class is made."""
    if field.converter is not None:
        value = field.converter(value)  # type: ignore[operator]  # attrs types it as Converter too
    elif field.type is not None:
        value = msgspec.convert(value, field.type, strict=not isinstance(value, Untyped))
    if field.validator is not None:
        field.validator(None, field, value)
    return value


def _field_schema(field: "attrs.Attribute[Any]") -> dict[str, Any]:
    described: dict[str, Any]
    if field.type is Secret:
        described = {"type": "string", "writeOnly": True}
    elif Secret in typing.get_args(field.type):
        described = {"anyOf": [{"type": "string"}, {"type": "null"}], "writeOnly": True}
    elif field.converter is not None and str not in (field.type, *typing.get_args(field.type)):
        described = {}  # what it converts from is not known, unless it only tidies a text
    else:
        described = msgspec.json.schema(field.type)
        described = _inlined(described, described.pop("$defs", {}))
    if isinstance(field.validator, _AtLeast):
        described["minimum"] = field.validator.bound
    described["description"] = field.metadata.get("doc", "")
    if field.default not in (attrs.NOTHING, None) and not isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]  # attrs types it as a function
        described["default"] = field.default
    return described


def _inlined(part: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references: it is to stand inside another one, where they lead nowhere."""
    if isinstance(part, list):
        return [_inlined(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(item, definitions) for key, item in part.items()}
