"""The Python blocks of the page, as they stand there."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("getting-started.rst")


def blocks() -> list[str]:
    """The text of each ``.. code-block:: python``, in order."""
    found: list[list[str]] = []
    inside = False
    for line in PAGE.read_text().splitlines():
        if line.strip() == ".. code-block:: python":
            found.append([])
            inside = True
        elif line and not line.startswith(" "):
            inside = False
        elif inside:
            found[-1].append(line)
    return [textwrap.dedent("\n".join(lines)).strip() + "\n" for lines in found]


def with_values(block: str, **values: str) -> str:
    """A block that shows a bare signature as a call: its defaults, but for these values.

    ``f(a=None):`` with ``a="'x'"`` becomes ``f(a='x')``; a name without a default, such as
    ``backend``, is an argument that must be given. A value that the page does not name is added.

    Args:
        block: imports, and one call that the page writes like the head of a ``def``.
        **values: Python expressions by the name of the parameter.
    """
    tree = ast.parse(block.rstrip().removesuffix(":"))
    (call,) = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    assert isinstance(call, ast.Call)
    named = {keyword.arg: keyword for keyword in call.keywords}
    call.args = [_expression(values.pop(ast.unparse(arg), ast.unparse(arg))) for arg in call.args]
    for name, text in values.items():
        if name in named:
            named[name].value = _expression(text)
        else:
            call.keywords.append(ast.keyword(name, _expression(text)))
    return ast.unparse(tree)


def signature(block: str) -> tuple[str, list[tuple[str, Any]]]:
    """What a block that shows a bare signature says: the function, its parameters and defaults."""
    tree = ast.parse(block.rstrip().removesuffix(":"))
    (call,) = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    assert isinstance(call, ast.Call)
    without: list[tuple[str, Any]] = [
        (ast.unparse(arg), inspect.Parameter.empty) for arg in call.args
    ]
    return ast.unparse(call.func), without + [
        (str(keyword.arg), ast.literal_eval(keyword.value)) for keyword in call.keywords
    ]


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The parameters of a function and their defaults, without those behind ``**``."""
    return [
        (name, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
