"""Every kind of picture file that docs/formats.md has a row for: how to make one, and what must become of it.

A kind is named as in the first column there. Reasons are those of the ledger; a reason that ends in … is only a start.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from pictures import encode, make_pixels, orientation_exif

PICTURE = Image.fromarray(make_pixels(1))
GREY = PICTURE.convert("L")
LEVELS = np.asarray(GREY)
TURNED = PICTURE.rotate(180)

BLACK_AND_WHITE = GREY.convert("1")
FLAT_BLOCKS = b"\x28\xa2\x8a"  # four times: difference 0 from the block before, then "end of block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of file is made, what the ledger must say, and the picture that must come out (None: not looked at).

    Lossy formats are compared by their mean difference, the others exactly.
    """

    make: Callable[[], bytes]
    status: str = "used"
    reason: str = ""
    picture: Image.Image | None = field(default_factory=lambda: PICTURE)
    lossy: bool = False
    ending: str = "bin"


def with_alpha():
    image = PICTURE.convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 24, 40))
    return image


def on_white():
    image = PICTURE.copy()
    image.paste("white", (0, 0, 24, 40))
    return image


def damaged_text():
    content = encode(PICTURE, "PNG")
    text = b"tEXtComment\0taken by a friend"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text) ^ 1)
    return content[:33] + chunk + content[33:]


def preview_first():
    small = PICTURE.resize((24, 20))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    return encode(small, "TIFF", save_all=True, append_images=[PICTURE.copy()])


def two_colours():
    image = Image.new("P", (48, 40), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(0, (0, 0, 24, 40))
    return image


def white_and_colour():
    image = Image.new("RGB", (48, 40), (40, 50, 60))
    image.paste("white", (0, 0, 24, 40))
    return image


def png(values, *, bits, colour, chunks=()):
    """A PNG by hand, from rows of bytes, for what Pillow does not write. colour: 0 grey, 2 RGB, 3 palette."""
    width = len(values[0]) * 8 // (bits * (3 if colour == 2 else 1))
    rows = b"".join(b"\0" + row for row in values)
    header = struct.pack(">IIBBBBB", width, len(values), bits, colour, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def grey_png(bits):
    """Grey of 2 or 4 bit: the topmost bits of each level, packed."""
    high = LEVELS >> (8 - bits)
    places = np.arange(8 // bits)[::-1] * bits
    packed = (high.reshape(40, -1, 8 // bits) << places).sum(axis=2).astype(np.uint8)
    return png([row.tobytes() for row in packed], bits=bits, colour=0)


def few_levels(bits):
    largest = 2**bits - 1
    return Image.fromarray(((LEVELS >> (8 - bits)) * (255 // largest)).astype(np.uint8))


def deep_colour_png():
    values = (np.asarray(PICTURE).astype(np.uint16) * 256 + 99).astype(">u2")
    return png([row.tobytes() for row in values], bits=16, colour=2)


def adobe_jpeg(*, transform):
    """CMYK as Photoshop stores it, inverted; with transform 2 its first three channels are YCbCr (YCCK)."""
    inks = PICTURE.convert("CMYK")
    if transform == 2:  # Pillow writes what it is given and says CMYK; only the flag is set right then
        *colours, black = inks.split()
        channels = Image.merge("RGB", colours).convert("YCbCr").split()
        stored = [band.point(lambda level: 255 - level) for band in channels]
        inks = Image.merge("CMYK", [*stored, black])
    content = bytearray(encode(inks, "JPEG", quality=98))
    place = content.index(b"Adobe\0")
    content[place + 11] = transform
    return bytes(content)


def tiff(values, *, bits, kind=1, photometric=1, planes=1, order="<", more=()):
    """An uncompressed TIFF by hand. values: [H, W] or, one plane behind the other, [3, H, W].

    kind: 1 unsigned, 2 signed, 3 floating point. photometric: 0 white is zero, 1 black is zero, 2 RGB. more: pairs of a
    tag and its value.
    """
    height, width = values.shape[-2:]
    samples = 3 if photometric == 2 else 1
    data = values.tobytes()
    strips = samples if planes == 2 else 1
    size = len(data) // strips
    entries = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * samples),
        259: (3, [1]),
        262: (3, [photometric]),
    }
    entries |= {277: (3, [samples]), 278: (4, [height]), 279: (4, [size] * strips), 284: (3, [planes])}
    entries |= {339: (3, [kind] * samples), 273: (4, [0] * strips)}
    entries |= {tag: (4, [value]) for tag, value in more}
    start = 8 + 2 + 12 * len(entries) + 4
    offsets = start + 2 * 6 + 2 * 12  # behind the values that do not fit into an entry
    entries[273] = (4, [offsets + size * strip for strip in range(strips)])
    directory, outside = struct.pack(f"{order}H", len(entries)), b""
    for tag, (form, numbers) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(numbers)}{'H' if form == 3 else 'I'}", *numbers)
        if len(packed) > 4:
            packed, outside = struct.pack(f"{order}I", start + len(outside)), outside + packed
        directory += struct.pack(f"{order}HHI", tag, form, len(numbers)) + packed.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", 8) + directory + bytes(4) + outside
    return head.ljust(offsets, b"\0") + data


def deep_colour_tiff():
    """16-bit RGB, pixel by pixel: the same bytes as one plane three times as wide."""
    values = np.asarray(PICTURE).astype("<u2") * 256 + 99
    content = bytearray(tiff(values.reshape(40, 144), bits=16, photometric=2))
    place = content.index(struct.pack("<HHI", 256, 4, 1)) + 8
    content[place : place + 4] = struct.pack("<I", 48)
    return bytes(content)


def twelve_bit_tiff():
    twelve = (LEVELS.astype(np.uint32) * 4095 + 127) // 255
    first, second = twelve[:, 0::2], twelve[:, 1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=2).astype(np.uint8)
    content = bytearray(tiff(packed.reshape(40, 72), bits=12))
    place = content.index(struct.pack("<HHI", 256, 4, 1)) + 8
    content[place : place + 4] = struct.pack("<I", 48)
    return bytes(content)


def heic(image=PICTURE, *, more=(), **options):
    import pillow_heif

    file = pillow_heif.from_pillow(image)
    for extra in more:
        file.add_from_pillow(extra)
    content = io.BytesIO()
    file.save(content, **{"quality": 95, "chroma": 444, **options})
    return content.getvalue()


def huge_jpeg(side):
    """A flat grey JPEG of side x side pixels, its coded data written by hand, since no encoder is that fast."""
    small = encode(Image.new("L", (8, 8), 128), "JPEG")
    frame, scan = small.index(b"\xff\xc0"), small.index(b"\xff\xda")
    head = bytearray(small[: scan + 10])
    head[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    blocks = (-(-side // 8)) ** 2
    return bytes(head) + FLAT_BLOCKS * (blocks // 4 + 1) + b"\xff\xd9"


def huge_png(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 9) + b"IDAT" + bytes(9)


def jpeg(**options):
    return encode(PICTURE, "JPEG", quality=95, **options)


def kinds() -> dict[str, Kind]:
    """Every kind but the orientations, by the name it has in docs/formats.md."""
    return {**jpegs(), **pngs(), **tiffs(), **others(), **extremes()}


def jpegs():
    near = {"lossy": True, "ending": "jpg"}
    cmyk, ycck = adobe_jpeg(transform=0), adobe_jpeg(transform=2)
    inked = "CMYK converted to RGB"
    half = jpeg()[: len(jpeg()) // 2]
    several = encode(PICTURE, "MPO", save_all=True, append_images=[TURNED], quality=95)
    return {
        "JPEG": Kind(make=jpeg, **near),
        "JPEG, progressive": Kind(make=lambda: jpeg(progressive=True), **near),
        "JPEG, grey": Kind(make=lambda: encode(GREY, "JPEG", quality=95), picture=GREY, **near),
        "JPEG, CMYK": Kind(make=lambda: cmyk, status="converted", reason=inked, **near),
        "JPEG, YCCK": Kind(make=lambda: ycck, status="converted", reason=inked, **near),
        "JPEG with bytes after its end": Kind(make=lambda: jpeg() + b"more of something else" * 50, **near),
        "JPEG under another ending": Kind(make=jpeg, lossy=True, ending="png"),
        "JPEG, truncated": Kind(make=lambda: half, status="skipped", reason="truncated", ending="jpg"),
        "JPEG without its end marker": Kind(
            make=lambda: jpeg()[:-2], status="converted", reason="end marker added", **near
        ),
        "JPEG, damaged inside": Kind(
            make=lambda: jpeg().replace(b"\xff\xc0", b"\0\0\0\xff\xc0", 1),
            status="converted",
            reason="damaged JPEG data stepped over",
            **near,
        ),
        "MPO": Kind(make=lambda: several, lossy=True, ending="mpo"),
    }


def pngs():
    deep = {"status": "converted", "reason": "16 bit scaled to 8"}
    white = {"status": "converted", "reason": "transparency laid on white"}
    deep_grey = Image.fromarray(LEVELS.astype(np.uint16) * 257)
    keyed = Image.new("RGB", (48, 40), (40, 50, 60))
    keyed.paste((1, 2, 3), (0, 0, 24, 40))
    found = {
        "PNG, 8 bit": Kind(make=lambda: encode(PICTURE, "PNG")),
        "PNG, 1 bit": Kind(make=lambda: encode(BLACK_AND_WHITE, "PNG"), picture=BLACK_AND_WHITE),
        "PNG, 2 bit": Kind(make=lambda: grey_png(2), picture=few_levels(2)),
        "PNG, 4 bit": Kind(make=lambda: grey_png(4), picture=few_levels(4)),
        "PNG, grey": Kind(make=lambda: encode(GREY, "PNG"), picture=GREY),
        "PNG, 16 bit grey": Kind(make=lambda: encode(deep_grey, "PNG"), picture=GREY, **deep),
        "PNG, 16 bit colour": Kind(make=deep_colour_png, **deep),
        "PNG, palette": Kind(make=lambda: encode(PICTURE.quantize(16), "PNG"), picture=PICTURE.quantize(16)),
        "PNG, alpha": Kind(make=lambda: encode(with_alpha(), "PNG"), picture=on_white(), **white),
        "PNG, opaque alpha": Kind(make=lambda: encode(PICTURE.convert("RGBA"), "PNG")),
        "PNG, palette with a transparent entry": Kind(
            make=lambda: encode(two_colours(), "PNG", transparency=0), picture=white_and_colour(), **white
        ),
        "PNG, a transparent colour": Kind(
            make=lambda: encode(keyed, "PNG", transparency=(1, 2, 3)), picture=white_and_colour(), **white
        ),
        "APNG": Kind(
            make=lambda: encode(PICTURE, "PNG", save_all=True, append_images=[TURNED]),
            status="converted",
            reason="first frame of several",
        ),
        "PNG, truncated": Kind(make=lambda: encode(PICTURE, "PNG")[:900], status="skipped", reason="truncated"),
        "PNG with a damaged text": Kind(make=damaged_text, status="converted", reason="damaged text left out"),
        "PNG with bytes after its end": Kind(make=lambda: encode(PICTURE, "PNG") + b"more" * 99),
    }
    return {name: replace(kind, ending="png") for name, kind in found.items()}


def tiffs():
    deep = {"status": "converted", "reason": "16 bit scaled to 8"}
    own = {"status": "converted", "reason": "scaled by its own minimum and maximum"}
    wide = LEVELS.astype("<u2") * 257
    stretched = Image.fromarray(np.rint((LEVELS - float(LEVELS.min())) * 255 / np.ptp(LEVELS)).astype(np.uint8))
    planes = np.moveaxis(np.asarray(PICTURE), 2, 0)
    large = 2**31 + LEVELS.astype("<u4") * 1000
    found = {
        "TIFF, 8 bit": Kind(make=lambda: encode(PICTURE, "TIFF", compression="tiff_lzw")),
        "TIFF, 8 bit in separate planes": Kind(make=lambda: tiff(planes.copy(), bits=8, photometric=2, planes=2)),
        "TIFF, 12 bit": Kind(make=twelve_bit_tiff, picture=GREY, status="converted", reason="12 bit scaled to 8"),
        "TIFF, 16 bit grey": Kind(make=lambda: tiff(wide, bits=16), picture=GREY, **deep),
        "TIFF, 16 bit grey, 0 is white": Kind(
            make=lambda: tiff(65535 - wide, bits=16, photometric=0), picture=GREY, **deep
        ),
        "TIFF, 16 bit colour": Kind(make=deep_colour_tiff, **deep),
        "TIFF, 16 bit colour in separate planes": Kind(
            make=lambda: tiff(planes.astype("<u2") * 257, bits=16, photometric=2, planes=2),
            status="skipped",
            reason="TIFF with 16-bit colour in separate planes, which cannot be read here",
        ),
        "TIFF, 32-bit float": Kind(
            make=lambda: tiff(LEVELS.astype("<f4") / 7, bits=32, kind=3), picture=stretched, **own
        ),
        "TIFF, 32-bit integers": Kind(make=lambda: tiff(large, bits=32), picture=stretched, **own),
        "TIFF, signed 16 bit": Kind(
            make=lambda: tiff(LEVELS.astype("<i2") - 99, bits=16, kind=2), picture=stretched, **own
        ),
        "TIFF, signed bytes": Kind(
            make=lambda: tiff(LEVELS.astype(np.int8), bits=8, kind=2),
            status="skipped",
            reason="TIFF with signed bytes, which cannot be read here",
        ),
        "camera raw (DNG, NEF, CR2, ARW)": Kind(
            make=lambda: tiff(LEVELS.copy(), bits=8, more=[(254, 1)]),
            status="skipped",
            reason="camera raw, of which only a preview can be read here; save it as JPEG or PNG",
        ),
        "TIFF, 64-bit float": Kind(
            make=lambda: tiff(LEVELS.astype("<f8"), bits=64, kind=3),
            status="skipped",
            reason="a kind of TIFF that cannot be read here; save it with 8 or 16 bit",
        ),
        "TIFF, several pages": Kind(
            # Copies, since a picture that was once saved as JPEG keeps settings that the writer of TIFF trips over.
            make=lambda: encode(PICTURE.copy(), "TIFF", save_all=True, append_images=[TURNED.copy()]),
            status="converted",
            reason="first frame of several",
        ),
        "TIFF, a preview first": Kind(
            make=preview_first, status="converted", reason="page 2, of which the first is a preview"
        ),
        "TIFF, CMYK": Kind(
            make=lambda: encode(PICTURE.convert("CMYK"), "TIFF"), status="converted", reason="CMYK converted to RGB"
        ),
    }
    return {name: replace(kind, ending="tif") for name, kind in found.items()}


def others():
    first = {"status": "converted", "reason": "first frame of several"}
    white = {"status": "converted", "reason": "transparency laid on white"}
    frames = {"save_all": True, "append_images": [TURNED]}
    indexed = PICTURE.quantize(32)
    small = PICTURE.resize((16, 16))
    moving = encode(PICTURE, "WEBP", lossless=True, **frames)
    return {
        "WebP": Kind(make=lambda: encode(PICTURE, "WEBP", lossless=True), ending="webp"),
        "WebP, alpha": Kind(
            make=lambda: encode(with_alpha(), "WEBP", lossless=True, exact=True),
            picture=on_white(),
            ending="webp",
            **white,
        ),
        "WebP, animated": Kind(make=lambda: moving, ending="webp", **first),
        "BMP": Kind(make=lambda: encode(PICTURE, "BMP"), ending="bmp"),
        "BMP, 1 bit": Kind(make=lambda: encode(BLACK_AND_WHITE, "BMP"), picture=BLACK_AND_WHITE, ending="bmp"),
        "GIF": Kind(make=lambda: encode(indexed, "GIF"), picture=indexed, ending="gif"),
        "GIF, animated": Kind(make=lambda: encode(indexed, "GIF", **frames), picture=indexed, ending="gif", **first),
        "ICO": Kind(
            make=lambda: encode(small, "ICO", sizes=[(8, 8), (16, 16)]),
            picture=small,
            ending="ico",
        ),
        "AVIF": Kind(make=lambda: encode(PICTURE, "AVIF", quality=95), lossy=True, ending="avif"),
        "JPEG 2000": Kind(make=lambda: encode(PICTURE, "JPEG2000"), ending="jp2"),
        "JPEG 2000, 16 bit": Kind(
            make=lambda: encode(Image.fromarray(LEVELS.astype(np.uint16) * 257), "JPEG2000"),
            picture=GREY,
            ending="jp2",
            status="converted",
            reason="16 bit scaled to 8",
        ),
        "PPM, 16 bit": Kind(
            make=lambda: b"P6\n48 40\n65535\n" + (np.asarray(PICTURE).astype(">u2") * 257).tobytes(),
            ending="ppm",
            status="converted",
            reason="16 bit scaled to 8",
        ),
        "TGA, PCX, QOI, SGI, DDS and other old ones": Kind(make=lambda: encode(PICTURE, "TGA"), ending="tga"),
        "HEIC": Kind(make=heic, lossy=True, ending="heic"),
        "HEIC, several pictures": Kind(
            make=lambda: heic(more=[TURNED]),
            status="converted",
            reason="main picture of several",
            lossy=True,
            ending="heic",
        ),
        "HEIC, 10 bit": Kind(
            make=lambda: heic(Image.fromarray(LEVELS.astype(np.uint16) * 257)),
            status="converted",
            reason="10 bit scaled to 8",
            picture=GREY,
            lossy=True,
            ending="heic",
        ),
        "EPS, PDF, SVG and WMF": Kind(
            make=lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            status="skipped",
            reason="not a picture in any format known here",
            ending="png",
        ),
    }


def extremes():
    flat = Image.new("RGB", (1, 1), (10, 20, 30))
    return {
        "1 x 1 pixel": Kind(make=lambda: encode(flat, "PNG"), picture=flat, ending="png"),
        "20,000 x 20,000 pixels, JPEG": Kind(make=lambda: huge_jpeg(20_000), picture=None, ending="jpg"),
        "20,000 x 20,000 pixels, PNG in colour": Kind(
            make=lambda: huge_png(20_000),
            status="skipped",
            reason="20000 x 20000 pixels would take 1,600 MB to decode, more than 768",
            ending="png",
        ),
        "QOI and other rare ones of over 1,500,000 pixels": Kind(
            make=lambda: b"qoif" + struct.pack(">IIBB", 1600, 1000, 3, 0) + bytes([0xFD]) * 26_000 + bytes(7) + b"\1",
            status="skipped",
            reason="QOI of 1600 x 1000 pixels, which takes long to decode; save it as PNG",
            ending="qoi",
        ),
        "decompression bomb": Kind(
            make=lambda: huge_png(60_000), status="skipped", reason="more than 800,000,000 pixels", ending="png"
        ),
        "empty file": Kind(make=lambda: b"", status="skipped", reason="empty file", ending="png"),
        "no picture inside": Kind(
            make=lambda: b"<html>not found</html>",
            status="skipped",
            reason="not a picture in any format known here",
            ending="jpg",
        ),
    }


def orientations():
    """EXIF orientation 1 to 8 in each format that has it: (format, orientation) -> bytes of PICTURE as stored."""
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "PNG": {}, "TIFF": {}}
    return {
        (file_format, orientation): encode(PICTURE, file_format, exif=orientation_exif(orientation), **chosen)
        for file_format, chosen in options.items()
        for orientation in range(1, 9)
    }
