"""A text that must never be seen."""

from __future__ import annotations

__all__ = ["Secret"]


class Secret:
    """A password, token or webhook URL. Shows as ``***`` wherever it is printed.

    ``reveal()`` gives the text; call it only where the text is handed to a client.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Secret) -> None:
        if not isinstance(text, str | Secret):
            raise TypeError(f"Expected `str`, got `{type(text).__name__}`")
        self._text: str = text._text if isinstance(text, Secret) else text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A Secret is not pickled or copied. Hand over the text with reveal().")
