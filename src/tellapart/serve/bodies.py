"""What comes in with a request: bytes within their limits, and the pictures among them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from tellapart.data.formats import JPEG_START
from tellapart.data.jpeg import read_jpeg_header
from tellapart.data.pillow import open_picture
from tellapart.errors import PictureError, one_line
from tellapart.serve.limits import Limits
from tellapart.serve.refusal import RefusalError
from tellapart.text import shortened

LONGEST_NAME: Final = 200  # characters of a file's name that are repeated
QUICK_BYTES: Final = 1_000_000  # of a JPEG whose header is read at once
MOST_FIELDS: Final = 16  # of a form beside its pictures


async def read_body(request: Any, limits: Limits) -> bytes:  # noqa: ANN401 - starlette's
    """The whole body.

    Raises:
        RefusalError: it is too large, or arrives too slowly.
    """
    from starlette.requests import ClientDisconnect

    stated = request.headers.get("content-length", "0")
    if not stated.isdigit() or len(stated) > 15 or int(stated) > limits.body:
        raise RefusalError("too_many_bytes", detail=f"at most {limits.body:,} bytes")
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.body:
                    raise RefusalError("too_many_bytes", detail=f"at most {limits.body:,} bytes")
                parts.append(part)
    except TimeoutError as error:
        raise RefusalError("slow_body") from error
    except ClientDisconnect as error:
        raise RefusalError("malformed", detail="the body ended too soon") from error
    return b"".join(parts)


async def pictures_in_body(request: Any, limits: Limits) -> list[tuple[str, bytes]]:  # noqa: ANN401 - starlette's
    """Name and bytes of each picture in a request: its files where it is a form, else its body.

    Raises:
        RefusalError: there is none, or more than may be, or one has more pixels than it may.
    """
    body = await read_body(request, limits)
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        pictures = await files_of(request.headers, body, limits)
    else:
        pictures = [("picture", body)] if body else []
    if not pictures:
        raise RefusalError("no_picture")
    for name, content in pictures:
        known = quick_megapixels(content)
        if (await asyncio.to_thread(megapixels, content) if known is None else known) > limits.megapixels:
            raise RefusalError("too_many_pixels", detail=f"{name}: at most {limits.megapixels:g} megapixels")
    return pictures


async def files_of(headers: Any, body: bytes, limits: Limits) -> list[tuple[str, bytes]]:  # noqa: ANN401 - starlette's
    """The files of a form, in their order; other fields are passed over."""
    from starlette.datastructures import UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, stream(), max_files=limits.pictures, max_fields=MOST_FIELDS)
    parser.spool_max_size = limits.body  # so that no picture goes to the disk
    try:
        form = await parser.parse()
        found = [each for _, each in form.multi_items() if isinstance(each, UploadFile)]
        return [(plain_name(each.filename, place), await each.read()) for place, each in enumerate(found, start=1)]
    except MultiPartException as error:
        raise RefusalError("too_many_pictures" if "Too many" in error.message else "malformed") from error
    except (ValueError, KeyError, LookupError, RuntimeError, AssertionError) as error:
        raise RefusalError("malformed") from error
    finally:
        for file in getattr(parser, "_files_to_close_on_error", ()):  # all of them, also one that never came to its end
            file.close()


def plain_name(name: str | None, place: int) -> str:
    """What a file of a form is called in the answer: never a path, and never endless."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return shortened(one_line(last), LONGEST_NAME) or f"picture {place}"


def quick_megapixels(content: bytes) -> float | None:
    """The same of a JPEG of usual size, which is found at once; to ask a thread costs more than to look.

    None where it must be opened, which may take long.
    """
    if len(content) > QUICK_BYTES or not content.startswith(JPEG_START):
        return None
    try:
        height, width = read_jpeg_header(content).size
    except PictureError:
        return None
    return height * width / 1e6 or None


def megapixels(content: bytes) -> float:
    """What a file's header says that it has; 0 where it says nothing that is understood, which decoding will tell."""
    try:
        with open_picture(content) as image:
            return image.width * image.height / 1e6
    except PictureError:
        return 0.0
    except Exception:  # noqa: BLE001  Pillow raises nearly anything for bytes that are no picture
        return 0.0
