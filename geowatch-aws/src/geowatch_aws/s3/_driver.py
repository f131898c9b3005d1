"""One bucket of S3: the calls of boto3 that we make, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs

from geowatch_aws._errors import code_of, status_of, translated
from geowatch_aws._session import Session
from geowatch_aws.s3.options import S3StoreOptions
from geowatch_core.errors import PermanentError, ServiceError

__all__ = ["Bucket", "Stored", "is_refused_condition"]

_ABSENT = ("NoSuchKey", "404", "NoSuchUpload")


@attrs.frozen
class Stored:
    """An object that was read."""

    content: bytes
    encoding: str
    etag: str


class Bucket:
    """An open bucket.

    Args:
        options: of the store.
    """

    def __init__(self, options: S3StoreOptions) -> None:
        self._options = options
        self._name = options.aws_bucket
        self._session = Session("s3", options, calls=options.parallel)
        self._client = self._session.client
        if options.check:
            try:
                with translated("find the bucket", self._name):
                    self._client.head_bucket(Bucket=self._name)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def get(self, key: str) -> Stored | None:
        """An object; None if there is none."""
        try:
            with translated("read the object", key):
                answer = self._client.get_object(Bucket=self._name, Key=key)
                with contextlib.closing(answer["Body"]) as body:
                    content = body.read(self._options.max_document + 1)
        except PermanentError as error:
            if code_of(error.__cause__) in _ABSENT:
                return None
            raise
        return Stored(content, answer.get("ContentEncoding", ""), answer["ETag"])

    def put(self, key: str, content: bytes, given: Mapping[str, str], condition: str) -> str:
        """Write an object, in one call or in parts; its ETag.

        Args:
            key: of the object.
            content: of the object.
            given: what else is said of it, such as its content type.
            condition: ``"*"`` if there must be none, an ETag that it must have, or empty.
        """
        conditions: dict[str, str] = {}
        if condition:
            conditions = {"IfNoneMatch" if condition == "*" else "IfMatch": condition}
        if len(content) > self._options.part_size:
            return self._in_parts(key, content, given, conditions)
        with translated("write the object", key):
            answer = self._client.put_object(
                Bucket=self._name, Key=key, Body=content, **given, **conditions
            )
        return str(answer["ETag"])

    def _in_parts(
        self, key: str, content: bytes, given: Mapping[str, str], conditions: Mapping[str, str]
    ) -> str:
        place = {"Bucket": self._name, "Key": key}
        with translated("begin to upload the object", key):
            upload = self._client.create_multipart_upload(**place, **given)["UploadId"]
        try:
            with translated("upload the object", key):
                parts = self._uploaded(place, upload, content)
                answer = self._client.complete_multipart_upload(
                    **place, UploadId=upload, MultipartUpload={"Parts": parts}, **conditions
                )
        except BaseException:
            # Parts that nobody completes are paid for until they are aborted.
            with contextlib.suppress(ServiceError), translated("abort the upload", key):
                self._client.abort_multipart_upload(**place, UploadId=upload)
            raise
        return str(answer["ETag"])

    def _uploaded(
        self, place: Mapping[str, str], upload: str, content: bytes
    ) -> list[dict[str, Any]]:
        size = self._options.part_size
        view = memoryview(content)

        def send(start: int) -> dict[str, Any]:
            number = start // size + 1
            answer = self._client.upload_part(
                **place, UploadId=upload, PartNumber=number, Body=bytes(view[start : start + size])
            )
            return {"PartNumber": number, "ETag": answer["ETag"]}

        with ThreadPoolExecutor(self._options.parallel, "geowatch upload") as threads:
            return list(threads.map(send, range(0, len(content), size)))

    def listed(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Key and ETag of each object below a prefix, in the order of their keys."""
        with translated("list the objects", prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._name, Prefix=prefix):
                for each in page.get("Contents") or ():
                    yield each["Key"], each["ETag"]


def is_refused_condition(error: ServiceError) -> bool:
    """Whether a write was refused because of what is there: something else, or nothing."""
    return status_of(error.__cause__) in (404, 412) and code_of(error.__cause__) != "NoSuchBucket"
