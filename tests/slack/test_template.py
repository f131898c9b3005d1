"""Templates fill in data, and data stays data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core import ConfigurationError, EncodeError, OptionsError, Path
from geowatch_core.provision import make_codec
from geowatch_slack.alert import Alert, unpacked
from geowatch_slack.template import Template, escaped
from tools.slack import markup

QUAKE: dict[str, Any] = {
    "type": "Feature",
    "id": "ci37868143",
    "properties": {"mag": 4.6, "place": "4km W of Castaic, CA", "tsunami": 0, "felt": None},
    "geometry": {"type": "Point", "coordinates": [-118.667, 34.4945, 26.49]},
}

HOSTILE = [
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<@U024BE7LH>",
    "<#C024BE7LR|general>",
    "<!subteam^SAZ94GDB8>",
    "<!date^1392734382^{date}|x>",
    "<https://evil.example|bank>",
    "<mailto:a@evil.example|you>",
    "https://evil.example/login",
    "evil.example",
    "@channel @here @everyone",
    "#general",
    "&lt;!channel&gt;",
    "&amp;lt;!here&amp;gt;",
    "a|b>c<d&e",
    "> quoted\n>>> all",
    "*bold* _it_ ~no~ `code` ```block```",
    "\x00\x07\x1b[31mred\x1b[0m\x9b2J",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "{properties.mag} {0} {__class__} {m.__init__.__globals__}",
    "{:>99999999}",
    "%s %(x)s $HOME ${HOME}",
    "|https://evil.example>",
    "x>|<!channel>",
    "' \" \\ \n\r\t",
    "!channel",
    "@U024BE7LH",
    "javascript:alert(1)",
    "//evil.example/",
    "?q=1&r=2#f",
    "",
    " ",
]


def rendered(value: Any, **options: Any) -> Alert:
    """What the codec makes of a value."""
    alert = unpacked(make_codec({"name": "slack", **options}).encode(value))
    assert alert is not None
    return alert


def message(alert: Alert) -> dict[str, Any]:
    """The same as a post without any option that keeps Slack from linking."""
    return {"text": alert.text, "blocks": alert.blocks or [], "parse": "none", "link_names": False}


def test_a_template_is_filled_from_a_feature_and_its_properties() -> None:
    """A place without a path of its own is looked up among the properties of a Feature."""
    assert rendered(QUAKE, template="M {mag} {place}").text == "M 4.6 4km W of Castaic, CA"
    assert rendered(QUAKE, template="{properties.mag} at {geometry.coordinates.1}").text == (
        "4.6 at 34.4945"
    )
    assert rendered({"mag": 1, "properties": {"mag": 2}}, template="{mag}").text == "1"


def test_the_whole_value_is_rendered_without_a_template() -> None:
    """A text is shown as it is, and anything else as JSON on one line."""
    assert rendered("two\nlines").text == "two\nlines"
    assert rendered({"a": [1, None]}).text == '{"a":[1,null]}'


def test_braces_that_are_meant_are_written_twice() -> None:
    """Two braces are one, and no place."""
    assert rendered(QUAKE, template="{{mag}} {mag} }}{{").text == "{mag} 4.6 }{"


def test_a_json_pointer_reaches_names_with_dots() -> None:
    """A place may be written as a JSON Pointer."""
    assert rendered({"a.b": {"c": 1}}, template="{/a.b/c}").text == "1"


def test_what_is_missing_is_shown_as_missing() -> None:
    """A place without a value, or with null, shows the text of the option."""
    assert rendered(QUAKE, template="{depth}/{felt}").text == "?/?"
    assert rendered(QUAKE, template="{depth}", missing="<none>").text == "&lt;none&gt;"


def test_what_is_missing_can_be_refused() -> None:
    """With refuse_missing a message that lacks something is an EncodeError that names it."""
    codec = make_codec({"name": "slack", "template": "{depth}", "refuse_missing": True})
    with pytest.raises(EncodeError, match="nothing at depth"):
        codec.encode(QUAKE)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("M {mag", "brace without its other half"),
        ("M mag}", "brace without its other half"),
        ("{a..b}", "empty step"),
        ("<{url}|page>", "target of a link"),
        ("<https://{host}/|page>", "target of a link"),
        ("<https://example.org{path}|page>", "target of a link"),
        ("<@{user}>", "target of a link"),
        ("<!{who}>", "target of a link"),
        ("<#{channel}|x>", "target of a link"),
        ("<https://example.org/{id}", "not closed"),
        ("{mag} < 5", "not closed"),
    ],
)
def test_a_template_that_is_wrong_or_unsafe_is_refused_at_once(template: str, says: str) -> None:
    """A wrong template is a mistake of the configuration, found before any message."""
    with pytest.raises(OptionsError, match=says):
        make_codec({"name": "slack", "template": template})
    with pytest.raises(ConfigurationError, match=says):
        Template.parse(template)


def test_data_in_a_link_of_the_template_is_encoded() -> None:
    """Behind the host a place is a part of the address, whatever it holds."""
    value = {"id": "a/b|c>d <!channel>", "label": "x|y>z"}
    text = rendered(value, template="<https://example.org/e/{id}?q={id}|{label}>").text
    coded = "a%2Fb%7Cc%3Ed%20%3C%21channel%3E"
    assert text == f"<https://example.org/e/{coded}?q={coded}|x|y&gt;z>"


@pytest.mark.parametrize("data", HOSTILE)
def test_hostile_data_forms_no_mention_and_no_link(data: str) -> None:
    """Whatever stands in a message, only the template's own link is one."""
    value = {"type": "Feature", "id": data, "properties": {"place": data, data: data}}
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "{place}"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "{place} {id} {}"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "{place}"}]},
        {"type": "image", "image_url": "https://example.org/{id}.png", "alt_text": "{place}"},
    ]
    template = "{place} <https://example.org/{id}|{place}> {}"
    alert = rendered(value, template=template, blocks=blocks)
    found = markup(message(alert))
    mine = [one for one in found if one.startswith("https://example.org/")]
    assert len(found) == len(mine) == 2
    assert not set("<> \n\x00\x1b\u202e") & set(mine[0].partition("|")[0])
    for text in (alert.text, str(alert.blocks)):
        assert not {"\x00", "\x1b", "\x9b", "\u202e", "\u2066"} & set(text)


@given(st.text(max_size=60))
def test_no_text_at_all_forms_a_mention_or_a_link(data: str) -> None:
    """Random text through every kind of place leaves exactly the template's link."""
    text = Template.parse("{} <https://example.org/{}|{}>").render(data, "?")
    found = markup({"text": text, "parse": "none"})
    assert len(found) == 1
    assert found[0].startswith("https://example.org/")


@given(st.text(max_size=60))
def test_escaping_changes_three_characters_and_controls_only(data: str) -> None:
    """What Slack shows is the data, but for characters that nobody sees."""
    shown = escaped(data).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert len(shown) == len(data)
    for before, after in zip(data, shown, strict=True):
        assert after == before or (after == "\ufffd" and not before.isprintable())


def test_templates_look_up_and_call_nothing() -> None:
    """Attributes, indexes of Python and format fields are plain names that are not there."""
    for place in ("{__class__}", "{properties.__class__.__mro__}", "{mag!r}", "{mag:>9}"):
        assert rendered(QUAKE, template=place).text == "?"


def test_blocks_are_filled_in_where_people_read_and_nowhere_else() -> None:
    """Texts are filled in; a place in an action, a style or a user is a mistake."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "*M {mag}*"}}
    (block,) = rendered(QUAKE, template="x", blocks=[section]).blocks or []
    assert block == {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "*M 4.6*", "verbatim": True},
    }
    for wrong in (
        {"type": "actions", "elements": [{"type": "button", "action_id": "{id}"}]},
        {"type": "markdown", "text": "[x]({url})"},
        {"type": "image", "image_url": "{url}", "alt_text": "x"},
        {"type": "rich_text", "elements": [{"type": "user", "user_id": "{user}"}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "{a}", "verbatim": False}},
    ):
        with pytest.raises(OptionsError, match=r"blocks\[0\]|verbatim|target of a link"):
            make_codec({"name": "slack", "template": "x", "blocks": [wrong]})


def test_blocks_are_taken_as_json_too() -> None:
    """A configuration may hold blocks as Block Kit Builder gives them."""
    given_ = '[{"type": "section", "text": {"type": "plain_text", "text": "M {mag}"}}]'
    (block,) = rendered(QUAKE, template="x", blocks=given_).blocks or []
    assert block["text"]["text"] == "M 4.6"
    for wrong, says in (("{", "not JSON"), ("{}", "list of blocks"), ("[]", "1 to 50 blocks")):
        with pytest.raises(OptionsError, match=says):
            make_codec({"name": "slack", "template": "x", "blocks": wrong})


TEMPLATES = [
    {
        "when": {"actiontype": ["create", "update"], "targettype": "layer"},
        "template": "layer {name}",
    },
    {"filter": {"path": "properties.mag", "ge": 6}, "template": "STRONG {mag}"},
    {"when": {"actiontype": "delete"}, "template": "gone"},
]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"metadata": {"actiontype": "update", "targettype": "layer"}, "name": "n"}, "layer n"),
        ({"metadata": {"actiontype": "update", "targettype": "map"}, "name": "n"}, "other"),
        ({"metadata": {"actiontype": "delete"}}, "gone"),
        ({"properties": {"mag": 6.1}, "type": "Feature"}, "STRONG 6.1"),
        ({"properties": {"mag": 5.9}, "type": "Feature"}, "other"),
        ({"metadata": None}, "other"),
        ("text", "other"),
    ],
)
def test_the_first_template_that_fits_is_taken(value: Any, text: str) -> None:
    """Metadata or a filter chooses among templates, in the order they are written."""
    assert rendered(value, template="other", templates=TEMPLATES).text == text


def test_mistakes_in_templates_are_all_named_with_their_place() -> None:
    """Every mistake in a list of templates is found at once."""
    wrong = [{"template": "{"}, {"when": 3, "template": "x"}, {"filter": {"ge": 1}}, 7]
    with pytest.raises(OptionsError) as caught:
        make_codec({"name": "slack", "templates": wrong})
    places = [mistake.place for mistake in caught.value.mistakes]
    assert places[0] == "codec.templates.0.template"
    assert {place.split(".")[2] for place in places} == {"0", "1", "2", "3"}


def test_the_value_comes_back_from_what_was_rendered() -> None:
    """A codec gives back what it was given, though people see a template."""
    codec = make_codec({"name": "slack", "template": "M {mag}"})
    assert codec.decode(codec.encode(QUAKE)) == QUAKE
    assert codec.decode(b'{"type":"message","text":"hi"}') == {"type": "message", "text": "hi"}


def test_a_path_is_found_by_its_name_in_properties_only_for_features() -> None:
    """Plain objects have no second place to look."""
    assert Path.parse("mag").find(QUAKE) is not None
    assert rendered({"properties": {"mag": 2}}, template="{mag}").text == "?"
