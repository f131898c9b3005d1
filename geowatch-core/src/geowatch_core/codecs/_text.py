"""What the codecs whose documents are lines of text have in common."""

from collections.abc import Iterator

from geowatch_core.errors import DecodeError, EncodeError


def decoded(data: bytes) -> str:
    """`data` as text; a byte order mark is kept, so that the text encodes to the same bytes.

    Raises:
        DecodeError: not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"Not UTF-8: byte {error.start} cannot stand there",
            got=data[max(error.start - 10, 0) : error.start + 10],
            fix="Write the source in UTF-8 (iconv -t UTF-8).",
        ) from error


def encoded(text: str) -> bytes:
    """`text` in UTF-8.

    Raises:
        EncodeError: half of a surrogate pair, which UTF-8 cannot write.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodeError(
            "A text has half of a surrogate pair in it, which UTF-8 cannot write",
            got=text[max(error.start - 10, 0) : error.start + 10],
            fix="Take it out, or replace it by U+FFFD.",
        ) from error


def checked_line(item: bytes) -> bytes:
    r"""`item`, if it can stand on a line of its own and be read back the same.

    A carriage return is refused too: readers that take ``\r\n`` for the end of a line would lose
    it, as they would lose an empty line.

    Raises:
        EncodeError: it cannot.
    """
    if b"\n" in item or b"\r" in item:
        raise EncodeError(
            "A text with a line break in it cannot be one line",
            got=item,
            fix="Replace its line breaks, or use codec='json', which escapes them.",
        )
    if not item:
        raise EncodeError(
            "An empty text cannot be one line: readers skip empty lines",
            fix="Filter empty messages out, or use codec='json'.",
        )
    return item


def lines(document: bytes) -> Iterator[bytes]:
    r"""The lines of a document that are not empty, without their ends (``\n`` or ``\r\n``)."""
    for line in document.split(b"\n"):
        if text := line.removesuffix(b"\r"):
            yield text
