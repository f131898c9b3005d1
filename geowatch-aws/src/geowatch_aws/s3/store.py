"""Keeps messages in objects of S3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from geowatch_aws.s3._driver import Bucket, is_refused_condition
from geowatch_aws.s3._memory import Memory
from geowatch_aws.s3._packing import packed, require, unpacked
from geowatch_aws.s3._template import Template
from geowatch_aws.s3.backend import STORE
from geowatch_aws.s3.options import Compression, Overwrite, S3StoreOptions
from geowatch_core.codec import Codec
from geowatch_core.errors import PermanentError
from geowatch_core.message import Message
from geowatch_core.store import Store

__all__ = ["S3Store"]


class S3Store(Store):
    """One object for each write: always the same one, or one for each batch.

    A batch that is written again has the same key and the same bytes, so that it replaces what an
    earlier try wrote, and is not there twice.
    """

    capabilities = STORE

    def __init__(self, options: S3StoreOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(
            name=name, codec=codec, which=options.which, which_index=options.which_index
        )
        self._options = options
        self._template = Template.parse(options.key)
        self._fixed = not self._template.fields
        self.capabilities = attrs.evolve(STORE, replaces=self._fixed)
        self._etags: dict[str, str] = {}

    def _open(self) -> None:
        require(self._options.compression)
        self._bucket = Bucket(self._options)
        self._memory = Memory(self._bucket, self._options.remember)

    def _write(self, messages: Sequence[Message]) -> None:
        if self._options.key.endswith("/"):
            fix = "Write to a key, such as one that ends in {uuid}."
            raise PermanentError("A prefix can be read only", got=self._options.key, fix=fix)
        options = self._options
        key = self._template.key(self.codec, options.time, messages)
        content = packed(self.document(messages), options.compression)
        given = {"ContentType": self.codec.content_type}
        if options.compression is not Compression.NONE:
            given["ContentEncoding"] = options.compression.value
        condition = self._condition(key)
        try:
            etag = self._bucket.put(key, content, given, condition)
        except PermanentError as error:
            if not (condition and is_refused_condition(error)):
                raise
            etag = self._as_it_is(key, content, error)
        if self._fixed:
            self._etags[key] = etag

    def _condition(self, key: str) -> str:
        match self._options.overwrite:
            case Overwrite.ALWAYS:
                return ""
            case Overwrite.NEVER:
                return "*"
            case Overwrite.UNCHANGED:
                return self._etags.get(key, "*")

    def _as_it_is(self, key: str, content: bytes, error: PermanentError) -> str:
        """The ETag of what is there, if it is what was to be written: by a try that was not heard.

        Raises:
            PermanentError: it is something else.
        """
        found = self._bucket.get(key)
        if found is not None and found.content == content:
            return found.etag
        what = "The object is there already" if found else "The object is gone"
        raise PermanentError(
            f"{what}, and not what this store wrote or read",
            got=key,
            fix="Read it before it is written, write to a key of a batch's own, or set "
            "overwrite = always.",
        ) from error.__cause__

    def _read(self) -> Iterator[bytes]:
        if self._fixed and not self._options.key.endswith("/"):
            yield from self._documents([self._options.key])
            return
        keys = self._memory.fresh(self._template.prefix, self._options.max_objects)
        yield from self._documents(keys)

    def _settle(self) -> None:
        self._memory.save()

    def _documents(self, keys: Sequence[str]) -> Iterator[bytes]:
        for key in keys:
            found = self._bucket.get(key)
            if found is None:
                self._etags.pop(key, None)
                continue
            if self._fixed:
                self._etags[key] = found.etag
            yield unpacked(found.content, found.encoding, self._options.max_document, key)

    def _close(self) -> None:
        self._bucket.close()
