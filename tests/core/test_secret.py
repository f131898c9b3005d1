import copy
import json
import logging
import pickle
import traceback
from typing import Any

import attrs
import msgspec
import pytest

from geowatch_core import Options, OptionsError, Secret
from geowatch_core.errors import GeoWatchError
from geowatch_core.options import option, schema

HIDDEN = "xoxb-not-to-be-seen"


@attrs.frozen(kw_only=True)
class Tokens(Options):
    """Options with a secret that is required and one that is not."""

    token: Secret = option(doc="A token.", converter=Secret)
    password: Secret | None = option(
        None, doc="A password.", converter=attrs.converters.optional(Secret)
    )


def test_a_secret_shows_as_stars_wherever_it_is_printed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Repr, text, formats, containers, logs and errors show stars; only reveal gives the text."""
    secret = Secret(HIDDEN)
    logging.getLogger("test").warning("%s %r", secret, {"token": secret})
    shown = [
        repr(secret),
        str(secret),
        f"{secret}{secret!r}{secret!a}",
        f"{secret!s:>10}",
        "%s" % secret,  # noqa: UP031 - one of the ways to print
        repr([secret, Tokens(token=secret)]),
        str(GeoWatchError("Odd", got=secret)),
        caplog.text,
    ]
    assert not [text for text in shown if HIDDEN in text]
    assert all("***" in text for text in shown)
    assert secret.reveal() == HIDDEN


def test_a_secret_is_not_pickled_copied_or_encoded() -> None:
    """What would carry the text out of sight is refused."""
    secret = Secret(HIDDEN)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError) as raised:
            leak(secret)  # type: ignore[operator]
        assert HIDDEN not in str(raised.value)


def test_a_secret_has_no_attributes_to_print() -> None:
    """Tools that show every attribute of an object find none."""
    with pytest.raises(TypeError):
        vars(Secret(HIDDEN))


def test_secrets_compare_by_their_text() -> None:
    """Equal texts are equal secrets and one key; a text is not a secret."""
    assert Secret("a") == Secret("a") == Secret(Secret("a"))
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@pytest.mark.parametrize("value", [5, None, b"bytes", ["x"]])
def test_only_a_text_can_be_a_secret(value: Any) -> None:
    """Anything else is refused, without showing it: it may be the secret in another form."""
    with pytest.raises(TypeError, match="Expected `str`, got `") as raised:
        Secret(value)
    assert repr(value) not in str(raised.value).replace("NoneType", "")


def test_options_take_secrets_as_plain_texts() -> None:
    """Configuration gives a text; from then on it is a secret."""
    tokens = Tokens.read({"token": HIDDEN, "password": "p"})
    assert tokens.token == Secret(HIDDEN)
    assert tokens.password == Secret("p")
    assert HIDDEN not in repr(tokens)
    assert Tokens.read({"token": HIDDEN}).password is None


def test_a_wrong_secret_is_a_mistake_that_does_not_show_it() -> None:
    """Its type is named and its value is not, in the message nor in the traceback."""
    number = int("1234567")
    with pytest.raises(OptionsError) as raised:
        Tokens.read({"token": number})
    assert str(raised.value) == (
        "These options cannot be used. token: Expected `str`, got `int`. A token."
    )
    assert "1234567" not in "".join(traceback.format_exception(raised.value))


def test_the_schema_marks_secrets_as_write_only() -> None:
    """An editor knows that a secret is a text which is never read back, required or not."""
    properties = schema(Tokens)["properties"]
    assert properties["token"] == {"type": "string", "writeOnly": True, "description": "A token."}
    assert properties["password"]["writeOnly"] is True
    assert {one["type"] for one in properties["password"]["anyOf"]} == {"string", "null"}
