"""Objects of a store, such as those of a bucket, by their addresses: read through fsspec, in memory, with a bound.

Nothing is asked of the network unless a table of the user's names an address of a scheme that is served. Who may read
is found out by the libraries themselves, in their own places; none of it is kept or told here, and what they say of a
failure is told in words of ours, since theirs may hold an address with a secret in it.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from tellapart.errors import DataError, TellapartError
from tellapart.extras import load_extra

HINT: Final = "Install it with: pip install 'tellapart[stores]'"
AGAIN: Final = (
    "Check the network, the endpoint and the credentials, with --on ray those of each machine; the same command goes "
    "on where this one stopped."
)
SECONDS: Final = 60.0  # for an object, with what is tried again on the way
CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 20, 2
ADDRESS: Final = re.compile(r"(?i)(s3|gs)://([^/@\s]+)/(.+)", re.DOTALL)
SECRET: Final = re.compile(r"(?i)\s*[a-z][a-z0-9+.\-]*://[^/]*@")
# Error codes of S3: of what is no fault of one object.
NO_BUCKET: Final = frozenset(("NoSuchBucket", "InvalidBucketName"))
UNKNOWN_USER: Final = frozenset(("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"))
NOTHING_THERE: Final = frozenset(("InvalidRange", "416"))  # the first byte is asked for, of an object without bytes


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object where a file might be, by its address such as s3://bucket/folder/1.jpg."""

    address: str

    def __str__(self) -> str:
        """The address."""
        return self.address

    @property
    def name(self) -> str:
        """The last part of the address, as of a path."""
        return self.address.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return os.path.splitext(self.name)[0]  # noqa: PTH122

    def absolute(self) -> StoredObject:
        """The same on every machine."""
        return self


Origin: TypeAlias = Path | StoredObject  # where the bytes of a picture are


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What serves a scheme: a class of fsspec's, and what it is told."""

    module: str
    made_by: str
    options: Mapping[str, Any] = field(default_factory=dict)


SERVED: Final[Mapping[str, Scheme]] = {
    "s3": Scheme(
        module="s3fs",
        made_by="S3FileSystem",
        options={
            "config_kwargs": {
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": READ_SECONDS,
                "retries": {"max_attempts": 1},
            }
        },
    ),
    "gs": Scheme(module="gcsfs", made_by="GCSFileSystem"),
}
_opened: dict[str, Any] = {}
_opening = threading.Lock()


def stored_at(address: str) -> StoredObject | None:
    """The object that an address means; None for a path, or an address of another scheme."""
    found = ADDRESS.fullmatch(address.strip())
    return None if found is None else StoredObject(f"{found[1].lower()}://{found[2]}/{found[3]}")


def holds_secret(address: str) -> bool:
    """Whether an address names a user: such a one is not to be written anywhere."""
    return SECRET.match(address) is not None


def read_stored(stored: StoredObject, *, most: int) -> bytes:
    """The first bytes of an object, so many at most.

    Raises:
        OSError: it is gone, or may not be read.
        DataError: the store does not answer, has no such bucket, or does not know who asks.
        MissingExtraError: what reads this scheme is not installed.
    """
    try:
        return bytes(_ask(stored, "_cat_file", "cat_file", start=0, end=most))
    except Exception as error:  # its libraries raise what they like
        if _code(error) in NOTHING_THERE:
            return b""
        raise _told(error, stored) from error


def size_of_stored(stored: StoredObject) -> int:
    """The bytes of an object.

    Raises:
        OSError, DataError, MissingExtraError: as `read_stored`.
    """
    try:
        return int(_ask(stored, "_info", "info")["size"] or 0)
    except Exception as error:
        raise _told(error, stored) from error


def _ask(stored: StoredObject, name: str, plain: str, **about: int) -> Any:  # noqa: ANN401 - as fsspec has it
    """What a method of the store gives for an object, within SECONDS where the store can be held to it."""
    store = _open_store(stored.address.partition("://")[0])
    if not store.async_impl:
        return getattr(store, plain)(stored.address, **about)
    sync = load_extra("fsspec.asyn", "fsspec", hint=HINT).sync
    return sync(store.loop, getattr(store, name), store._strip_protocol(stored.address), timeout=SECONDS, **about)  # noqa: SLF001


def _open_store(scheme: str) -> Any:  # noqa: ANN401 - a file system of fsspec
    """The one store of a scheme in this process; fsspec itself would make one for each thread."""
    with _opening:
        if scheme not in _opened:
            served = SERVED[scheme]
            module = load_extra(served.module, served.module, hint=HINT)
            made = getattr(module, served.made_by)(skip_instance_cache=True, use_listings_cache=False, **served.options)
            if scheme == "s3" and made.async_impl:
                made.retries = TRIES
                made.connect()  # here, since threads that ask at once would each make a client, some seconds of work
            _opened[scheme] = made
        return _opened[scheme]


def _told(error: Exception, stored: StoredObject) -> Exception:
    """What a failure means, in our words."""
    if isinstance(error, TellapartError):
        return error
    return _of_the_store(error, stored) or _of_the_object(error, stored)


def _of_the_store(error: Exception, stored: StoredObject) -> DataError | None:
    """What stops the work, since no other object fares better; None where it is of one object."""
    code, status, kind = _code(error), _status(error), type(error).__name__
    bucket = "/".join(stored.address.split("/")[:3])
    if code in NO_BUCKET or (isinstance(error, FileNotFoundError) and "bucket does not exist" in str(error)):
        return DataError("there is no such bucket", where=bucket, hint="Check its name, and the endpoint.")
    if kind == "NoCredentialsError":
        return DataError("no credentials for the store were found", where=bucket, hint=AGAIN)
    if code in UNKNOWN_USER:
        return DataError(f"the store does not know who asks ({code})", where=bucket, hint=AGAIN)
    if isinstance(error, FileNotFoundError | PermissionError) or (status is not None and 400 <= status < 500):
        return None
    return DataError(f"the store does not answer as it should ({code or kind})", where=bucket, hint=AGAIN)


def _of_the_object(error: Exception, stored: StoredObject) -> OSError:
    """Why one object cannot be read, as if it were a file."""
    code, status = _code(error), _status(error)
    if isinstance(error, FileNotFoundError) or status == 404:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), stored.address)
    if isinstance(error, PermissionError) or status in (401, 403):
        return PermissionError(errno.EACCES, os.strerror(errno.EACCES), stored.address)
    return OSError(errno.EINVAL, f"the store refuses it ({code or status})", stored.address)


def _code(error: BaseException) -> str:
    """The code that a store has given, as botocore and gcsfs keep it; "" where there is none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, Mapping):
            return str(response.get("Error", {}).get("Code", ""))
        if (code := getattr(one, "code", None)) is not None:
            return str(code)
    return ""


def _status(error: BaseException) -> int | None:
    """The status of HTTP that a store has answered with; None where it did not answer."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, Mapping):
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
    code = _code(error)
    return int(code) if code.isdecimal() and len(code) == 3 else None
