"""Replaces ``${NAME}`` in the texts of a configuration by environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from geowatch_core.config.collector import inside
from geowatch_core.errors import Mistake
from geowatch_core.options import Untyped

__all__ = ["Environment"]

_MARK: Final = re.compile(r"\$(?:\$|\{([^}]*)(\}?))")
_BODY: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:-)(.*))?", re.DOTALL)
_FORM: Final = "Write ${NAME} or ${NAME:-text}, or $${ for the two characters themselves."
_LEAK: Final = 4
"""Characters of a secret in a row that make a sentence unfit to be shown."""


@attrs.frozen
class Environment:
    """The variables that a configuration may take texts from, and what it took from where.

    Attributes:
        variables: the environment.
        taken: by place, the names and the texts of the variables that were put in there.
        mistakes: what could not be replaced.
    """

    variables: Mapping[str, str]
    taken: dict[str, list[tuple[str, str]]] = attrs.field(factory=dict, repr=False)
    mistakes: list[Mistake] = attrs.field(factory=list)

    def replaced(self, value: Any, place: str = "") -> Any:
        """A copy of `value` with the variables in its texts replaced, those of keys excepted."""
        if isinstance(value, Mapping):
            return {
                key: self.replaced(item, f"{place}.{key}" if place else str(key))
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.replaced(item, f"{place}[{i}]") for i, item in enumerate(value)]
        if isinstance(value, str) and "$" in value:
            return self._text(value, place)
        return value

    def discreet(self, mistakes: Iterable[Mistake]) -> list[Mistake]:
        """The mistakes, without what came from the environment or follows from its absence."""
        absent = {mistake.place for mistake in self.mistakes}
        return [self._discreet(mistake) for mistake in mistakes if mistake.place not in absent]

    def _text(self, text: str, place: str) -> str:
        before = len(self.mistakes)

        def replacement(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            return self._variable(match, place)

        replaced = _MARK.sub(replacement, text)
        if len(self.mistakes) > before:
            return text
        return Untyped(replaced) if place in self.taken else replaced

    def _variable(self, match: re.Match[str], place: str) -> str:
        body = _BODY.fullmatch(match[1])
        if body is None or not match[2]:
            self.mistakes.append(Mistake(place, f"{match[0]} is not a variable", _FORM))
            return ""
        name, has_default, default = body.groups()
        found = self.variables.get(name)
        if has_default and not found:
            found = default
        if found is None:
            fix = f"Set it, or write ${{{name}:-text}} to go on without it."
            what = f"the environment variable {name} is not set"
            self.mistakes.append(Mistake(place, what, fix))
            return ""
        self.taken.setdefault(place, []).append((name, found))
        return found

    def _discreet(self, mistake: Mistake) -> Mistake:
        names: list[str] = []
        for place, taken in self.taken.items():
            if inside(place, mistake.place) or inside(mistake.place, place):
                said = f"{mistake.what} {mistake.fix}"
                names += [name for name, text in taken if _leaks(text, said)]
        if not names:
            return mistake
        variables = " and ".join(f"${{{name}}}" for name in dict.fromkeys(names))
        return Mistake(
            mistake.place,
            f"what {variables} holds cannot be used here",
            "What it is, is not shown, as it may be a secret: look at the variable.",
        )


def _leaks(text: str, said: str) -> bool:
    """Whether a sentence shows some of a text, however it was cut, quoted or escaped."""
    size = min(len(text), _LEAK)
    return size > 0 and any(text[i : i + size] in said for i in range(len(text) - size + 1))
