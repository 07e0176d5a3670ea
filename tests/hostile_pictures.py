"""Small picture files that cost a decoder much: name -> how to make one. None may cost more than 5 s or 768 MB."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

from pictures import encode, make_pixels, orientation_exif

FLAT = Image.new("L", (8, 8), 128)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def zeros(length):
    """A zlib stream of so many zero bytes, of a block of a megabyte again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(bytes(length & 0xFFFFF)) + packer.flush()
    return b"\x78\xda" + block * (length >> 20) + last + struct.pack(">HH", length % 65521, 1)


def png(width, height, *, bits=8, colour=0, interlaced=0, before=(), after=(), data=None):
    """A PNG of zeros, with further chunks before and after its pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    if data is None:
        data = zeros(height * (1 + (width * bits * channels + 7) // 8))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    parts = [chunk(b"IHDR", header), *before, chunk(b"IDAT", data), *after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_frame(content, marker, width, height, *, becomes=None):
    """A JPEG with another size in its frame, and perhaps another coding."""
    changed = bytearray(content)
    place = content.index(marker)
    changed[place + 5 : place + 9] = struct.pack(">HH", height, width)
    if becomes is not None:
        changed[place + 1] = becomes
    return bytes(changed)


def many_scans(width, height, scans, *, padding=0):
    """A progressive JPEG whose scans after the first say of 32,767 blocks at a time that nothing changes."""
    head = with_frame(encode(FLAT, "JPEG", progressive=True), b"\xff\xc2", width, height)
    head = head[: head.index(b"\xff\xda")]
    blocks = -(-width // 8) * -(-height // 8)
    # Code 0 is symbol 0x00, and code 10 is EOB14, whose fourteen bits follow.
    tables = b"\xff\xc4\x00\x14\x00\x01" + bytes(15) + b"\0" + b"\xff\xc4\x00\x15\x10\x01\x01" + bytes(14) + b"\x00\xe0"
    run = format(0b10, "02b") + "1" * 14
    body = int((run * (blocks // 32767 + 1)).ljust(8 * (2 * (blocks // 32767 + 1) + padding), "1"), 2)
    stream = body.to_bytes(2 * (blocks // 32767 + 1) + padding, "big").replace(b"\xff", b"\xff\0")
    first = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + bytes(blocks // 8 + 1)
    coarse = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x01" + stream
    finer = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10" + stream
    return head + tables + first + coarse + finer * scans + b"\xff\xd9"


def flat_jpeg(width, height):
    """A grey JPEG of which every block is "as before", two bits each."""
    head = with_frame(encode(FLAT, "JPEG"), b"\xff\xc0", width, height)
    head = head[: head.index(b"\xff\xda")]
    one = b"\xff\xc4\x00\x14%c\x01" + bytes(15) + b"\0"
    return head + one % 0 + one % 0x10 + flat_scan(width, height) + b"\xff\xd9"


def flat_scan(width, height):
    blocks = -(-width // 8) * -(-height // 8)
    return b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(blocks // 4 + 1)


def after_start(content, filling):
    """Something between the first segment of a JPEG and the second."""
    place = 4 + struct.unpack_from(">H", content, 4)[0]
    return content[:place] + filling + content[place:]


def jpegs():
    small = encode(Image.fromarray(make_pixels(1)), "JPEG")
    inks = encode(Image.new("CMYK", (8, 8)), "JPEG")
    progressive_inks = encode(Image.new("CMYK", (8, 8)), "JPEG", progressive=True)
    return {
        "jpeg, 3,000 scans of 16 megapixels": lambda: many_scans(4000, 4000, 3000),
        "jpeg, 300 scans of 100 megapixels": lambda: many_scans(10000, 10000, 300),
        "jpeg, 50 scans of 16 megapixels without an end": lambda: many_scans(4000, 4000, 50)[:-2],
        "jpeg, progressive in CMYK without an end": lambda: with_frame(
            progressive_inks[:-2], b"\xff\xc2", 11000, 11000
        ),
        "jpeg, 40000 x 40000": lambda: flat_jpeg(40000, 40000),
        "jpeg, 65500 x 65500 in CMYK": lambda: with_frame(inks, b"\xff\xc0", 65500, 65500) + bytes(1 << 20),
        "jpeg, progressive in CMYK": lambda: with_frame(progressive_inks, b"\xff\xc2", 4000, 4000) + bytes(1 << 20),
        "jpeg, arithmetic": lambda: with_frame(small, b"\xff\xc0", 14000, 14000, becomes=0xC9) + bytes(1 << 22),
        "jpeg, arithmetic and progressive": lambda: (
            with_frame(small, b"\xff\xc0", 10000, 10000, becomes=0xCA) + bytes(1 << 22)
        ),
        "jpeg, lossless": lambda: with_frame(small, b"\xff\xc0", 14000, 14000, becomes=0xC3) + bytes(1 << 22),
        "jpeg, zeros before the first table": lambda: after_start(small, bytes(8 << 20)),
        "jpeg, fill bytes before the first table": lambda: after_start(small, b"\xff" * (8 << 20)),
        "jpeg, zeros in CMYK": lambda: after_start(inks, bytes(8 << 20)),
        "jpeg, fill bytes in CMYK": lambda: after_start(inks, b"\xff" * (8 << 20)),
        "jpeg, empty comments": lambda: after_start(small, b"\xff\xfe\0\2" * (4 << 20)),
        "jpeg, empty comments in CMYK": lambda: after_start(inks, b"\xff\xfe\0\2" * (4 << 20)),
        "jpeg, lone markers": lambda: after_start(small, b"\xff\x01" * (8 << 20)),
        "jpeg, large comments in CMYK": lambda: after_start(inks, (b"\xff\xfe\xff\xff" + bytes(65533)) * 200),
        "jpeg, greedy EXIF in CMYK": lambda: after_start(inks, exif_segments(greedy_tiff(60_000, 1 << 20))),
    }


def exif_segments(exif):
    """EXIF in as many APP1 segments as it takes, each of which Pillow appends."""
    parts = [exif[place : place + 65000] for place in range(0, len(exif), 65000)]
    return b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part for part in parts)


def greedy_tiff(entries, length):
    """A TIFF structure of which each entry wants the same bytes again."""
    rows = b"".join(struct.pack("<HHII", 40000 + number % 25000, 7, length, 8) for number in range(entries))
    directory = struct.pack("<H", entries) + rows + bytes(4)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(length + 8, b"\0")


def pngs():
    bomb = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 20)))
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20)))
    inter = chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(1 << 20)))
    beyond = chunk(b"zTXt", b"a\0\0" + zeros(1 << 28))
    empty = chunk(b"teSt", b"")
    return {
        "png, black and white, 15000 x 15000": lambda: png(15000, 15000, bits=1),
        "png, grey, 27000 x 27000": lambda: png(27000, 27000),
        "png, grey of 16 bit, 19000 x 19000": lambda: png(19000, 19000, bits=16),
        "png, RGB, 6000 x 6000": lambda: png(6000, 6000, colour=2),
        "png, RGB of 16 bit, 13800 x 13800": lambda: png(13800, 13800, colour=2, bits=16),
        "png, RGBA, 13800 x 13800": lambda: png(13800, 13800, colour=6),
        "png, RGBA, interlaced": lambda: png(13800, 13800, colour=6, interlaced=1),
        "png, grey with alpha": lambda: png(6000, 6000, colour=4),
        "png, palette with alpha": lambda: png(
            27000, 27000, colour=3, before=[chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(200))]
        ),
        "png, RGB with a transparent colour": lambda: png(6000, 6000, colour=2, before=[chunk(b"tRNS", bytes(6))]),
        "png, a million chunks": lambda: png(8, 8, before=[empty] * 1_000_000),
        "png, a million chunks after": lambda: png(8, 8, after=[empty] * 1_000_000),
        "png, a million empty IDAT": lambda: png(8, 8, data=b"", after=[chunk(b"IDAT", b"")] * 1_000_000),
        "png, profiles": lambda: png(8, 8, before=[bomb] * 8000),
        "png, profiles after": lambda: png(8, 8, after=[bomb] * 8000),
        "png, texts": lambda: png(8, 8, before=[text] * 8000),
        "png, iTXt": lambda: png(8, 8, after=[inter] * 8000),
        "png, a text of 256 MB": lambda: png(8, 8, before=[beyond]),
        "png, a large private chunk": lambda: png(8, 8, before=[chunk(b"teSt", bytes(80 << 20))]),
        "png, EXIF": lambda: png(8, 8, before=[chunk(b"eXIf", greedy_tiff(60_000, 1 << 20))]),
        "png, frames": lambda: png(8, 8, before=[chunk(b"acTL", struct.pack(">II", 300_000, 0)), *frames(300_000)]),
        "png, empty blocks": lambda: png(8, 8, data=zlib.compress(b"")[:2] + b"\0\0\0\xff\xff" * (6 << 20)),
        "png, a broken text and zeros behind the end": lambda: (
            png(8, 8, after=[chunk(b"tEXt", b"a\0b")[:-4] + bytes(4)]) + bytes(16 << 20)
        ),
        "png, dynamic blocks": lambda: png(8, 8, data=dynamic_blocks(8 << 20)),
    }


def frames(count):
    return (chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, 4, 4, 0, 0, 1, 1, 0, 0)) for n in range(count))


def dynamic_blocks(length):
    """Deflate blocks of nothing, each with the tables of a full one: an inflate is busy with tables alone."""
    packer = zlib.compressobj(9, wbits=-15)
    rng = np.random.default_rng(0)
    body = packer.compress(rng.integers(0, 60, 3000).astype(np.uint8).tobytes()) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\x9c" + body * (length // len(body))


def icons():
    big = png(24000, 24000, bits=1)
    colour = png(12000, 12000, colour=6)
    j2k = encode(Image.new("RGB", (2000, 2000)), "JPEG2000", no_jp2=True)
    dib = struct.pack("<IiiHHIIiiII", 40, 20000, 40000, 1, 32, 0, 0, 0, 0, 0, 0)
    rle = struct.pack("<IiiHHIIiiII", 40, 20000, 40000, 1, 8, 1, 0, 0, 0, 0, 0)
    return {
        "ico with a large png": lambda: ico(big),
        "ico with a png of colour": lambda: ico(colour),
        "ico with a png of two headers": lambda: ico(
            png(8, 8, before=[chunk(b"IHDR", struct.pack(">IIBBBBB", 24000, 24000, 1, 0, 0, 0, 0))])
        ),
        "ico with a large bitmap": lambda: ico(dib + bytes(1 << 16)),
        "ico with a bitmap in runs": lambda: ico(rle + bytes(1 << 22)),
        "ico with profiles": lambda: ico(png(8, 8, before=[chunk(b"iCCP", b"a\0\0" + zeros(1 << 20))] * 8000)),
        "cur with a large bitmap": lambda: b"\0\0\2\0" + ico(dib + bytes(1 << 16))[4:],
        "icns with a large png": lambda: icns(b"ic10", big),
        "icns with a jpeg 2000": lambda: icns(b"ic10", with_size(j2k, 20000, 20000)),
        "ico, the same png of many chunks again and again": lambda: ico(many_chunks(), times=65_535),
        "ico with a large png behind one that is nowhere": lambda: ico(big, lost=True),
        "icns, pngs that share their chunks": lambda: icns_sharing(900, 190_000),
        "icns with a large png behind a jpeg 2000 cut short": lambda: icns(
            b"icp5", j2k[:30] + b"ic10" + struct.pack(">I", len(big) + 8) + big, length=38
        ),
        "icns of a million blocks": lambda: b"icns" + struct.pack(">I", 1 << 30) + b"abcd\0\0\0\1" * 1_000_000,
    }


def ico(inner, *, times=1, lost=False):
    """An icon of one picture, so many times, perhaps behind one that lies beyond the end."""
    count = times + lost
    rows = [struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 8, 100, 0xFFFFFFF0)] if lost else []
    rows += [struct.pack("<BBBBHHII", 32, 32, 0, 0, 1, 32, len(inner), 6 + 16 * count)] * times
    return struct.pack("<HHH", 0, 1, count) + b"".join(rows) + inner


def many_chunks():
    return png(8, 8, data=b"", after=[chunk(b"IDAT", b"")] * 190_000)


def icns(kind, inner, *, length=None):
    head = kind + struct.pack(">I", length or len(inner) + 8)
    return b"icns" + struct.pack(">I", len(inner) + 16) + head + inner


def icns_sharing(count, chunks):
    """Blocks that are each the start of a PNG, of which one chunk leads to what follows the last block."""
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    block = 8 + len(head) + 8
    body = b""
    for left in range(count - 1, -1, -1):
        body += b"ic08" + struct.pack(">I", block) + head + struct.pack(">I4s", block * left, b"IDAT")
    body += bytes(4) + chunk(b"IDAT", b"") * chunks + chunk(b"IEND", b"")
    return b"icns" + struct.pack(">I", 8 + count * block) + body


def gifs():
    head = b"GIF89a" + struct.pack("<HHBBB", 27000, 27000, 0xF0, 0, 0) + bytes(6)
    lone = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0xF0, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 8, 8, 0) + b"\2"
    full = b"," + struct.pack("<HHHHB", 0, 0, 27000, 27000, 0) + b"\2"
    tiny = encode(Image.new("P", (8, 8)), "GIF")
    return {
        "gif, 27000 x 27000": lambda: head + full + gif_run(27000 * 27000) + b"\0;",
        "gif, 27000 x 27000, transparent": lambda: head + b"!\xf9\4\1\0\0\0\0" + full + gif_run(27000 * 27000) + b"\0;",
        "gif, comments": lambda: lone + b"!\xfe" + b"\1a" * (8 << 20) + b"\0" + tiny[19:],
        "gif, extensions": lambda: lone + b"!\xf9\0" * (8 << 20) + tiny[19:],
        "gif, rubbish between blocks": lambda: lone + bytes(8 << 20) + tiny[19:],
        "gif, blocks of a byte": lambda: lone + frame + b"\1\0" * (8 << 20) + b"\0;",
        "gif, blocks after the first frame": lambda: tiny[:-1] + b"!\xfe" + b"\1a" * (8 << 20) + b"\0;",
    }


def gif_run(pixels):
    """LZW codes of so many zeros, in full blocks: ever longer strings, then the table is cleared."""
    out, value, count = bytearray(), 0, 0
    width, length, done, next_code = 3, 0, 0, 6
    while done < pixels:
        emitted = 4 if length == 0 else (0 if length == 1 else next_code)
        value |= emitted << count
        count += width
        while count >= 8:
            out.append(value & 255)
            value >>= 8
            count -= 8
        if emitted == 4 and length == 0:
            length, width, next_code = 1, 3, 6
            continue
        done += length
        if length > 1:
            next_code += 1
            if next_code == 1 << width and width < 12:
                width += 1
        length += 1
        if next_code >= 4094:
            length = 0
    out.append(value & 255)
    blocks = [bytes([len(out[place : place + 255])]) + out[place : place + 255] for place in range(0, len(out), 255)]
    return b"".join(blocks)


def tiff(entries, *, data=b"", big=False, following=0):
    """A little-endian TIFF: entries of tag -> (type, values); data stands at the offset 8, the directory behind it."""
    form = {1: "B", 3: "H", 4: "I"}
    start, outside = 8 + len(data), b""
    directory = struct.pack("<H", len(entries))
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}{form[kind]}", *values)
        if len(packed) > 4:
            place = start + 2 + 12 * len(entries) + 4 + len(outside)
            outside, packed = outside + packed, struct.pack("<I", place)
        directory += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", start) + data + directory + struct.pack("<I", following) + outside


def basic(width, height, *, bits=8, samples=1, compression=1, kind=1, **more):
    return {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * samples),
        259: (3, [compression]),
        262: (3, [2 if samples == 3 else 1]),
        277: (3, [samples]),
        339: (3, [kind] * samples),
        **more.get("more", {}),
    }


def strip(entries, data, *, height):
    return tiff(entries | {273: (4, [8]), 278: (4, [height]), 279: (4, [len(data)])}, data=data)


def tiffs():
    def deflated(width, height, **options):
        size = width * height * options.get("bits", 8) // 8 * options.get("samples", 1)
        return strip(basic(width, height, compression=8, **options), zeros(size), height=height)

    def tiles(count):
        entries = basic(16, 16 * count, more={322: (4, [16]), 323: (4, [16]), 324: (4, [8] * count)})
        return tiff(entries | {325: (4, [256] * count)}, data=bytes(256))

    def strips(count):
        return tiff(basic(8, 8) | {273: (4, [8] * count), 278: (4, [1]), 279: (4, [8] * count)}, data=bytes(64))

    def huge_tile(side):
        entries = basic(8, 8, compression=8, more={322: (4, [side]), 323: (4, [side]), 324: (4, [8])})
        data = zeros(side * side)
        return tiff(entries | {325: (4, [len(data)])}, data=data)

    def chain(count):
        pages = [b"II*\0" + struct.pack("<I", 8)]
        place = 8
        for _ in range(count):
            entries = basic(8, 8) | {273: (4, [0]), 278: (4, [8]), 279: (4, [64])}
            size = 2 + 12 * len(entries) + 4
            rows = b"".join(
                struct.pack("<HHI", tag, kind, len(values)) + struct.pack("<I", values[0])
                for tag, (kind, values) in sorted(entries.items())
            )
            place += size
            pages.append(struct.pack("<H", len(entries)) + rows + struct.pack("<I", place))
        return b"".join(pages)

    greedy = {40000 + number: (1, [0] * 4) for number in range(20000)}
    return {
        "tiff, grey, 12300 x 12300": lambda: deflated(12300, 12300),
        "tiff, RGB, 6000 x 6000": lambda: deflated(6000, 6000, samples=3),
        "tiff, 32 bit, 9700 x 9700": lambda: deflated(9700, 9700, bits=32),
        "tiff, float, 6000 x 6000": lambda: deflated(6000, 6000, bits=32, kind=3),
        "tiff, 16 bit, 6000 x 6000": lambda: deflated(6000, 6000, bits=16),
        "tiff, a tile of 30000 x 30000": lambda: huge_tile(30000),
        "tiff, a million strips": lambda: strips(1_000_000),
        "tiff, a million tiles": lambda: tiles(1_000_000),
        "tiff, 200,000 pages": lambda: chain(100_000),
        "tiff, tags": lambda: tiff(basic(8, 8, more=greedy) | {273: (4, [8])}, data=bytes(64)),
        "tiff, a greedy directory": lambda: greedy_tiff(60_000, 1 << 20),
        "tiff, itself as next page": lambda: tiff(
            basic(8, 8) | {273: (4, [8]), 278: (4, [8]), 279: (4, [64])}, data=bytes(64), following=72
        ),
        "tiff, progressive jpeg": lambda: strip(
            basic(8000, 8000, compression=7), many_scans(8000, 8000, 99), height=8000
        ),
        "tiff, jpeg of many scans": lambda: strip(
            basic(4000, 4000, compression=7), flat_jpeg(4000, 4000)[:-2] + flat_scan(4000, 4000) * 90, height=4000
        ),
        "tiff, lzma that looks like lzw": lambda: with_three_compressions(34925, xz(75_000_000), side=5000),
        "tiff, lzma": lambda: strip(basic(9000, 9000, compression=34925), xz(81_000_000), height=9000),
    }


def with_three_compressions(compression, data, *, side):
    """A TIFF that says its compression once for each colour, outside its directory, at a place that looks like LZW."""
    entries = basic(side, side, samples=3) | {273: (4, [1 << 20]), 278: (4, [side]), 279: (4, [len(data)])}
    content = bytearray(tiff(entries | {259: (3, [compression] * 3)}, data=b"").ljust(1 << 20, b"\0"))
    place = content.index(struct.pack("<HHI", 259, 3, 3)) + 8
    content[place : place + 4] = struct.pack("<I", 0x10005)
    content[0x10005:0x1000B] = struct.pack("<3H", *[compression] * 3)
    return bytes(content) + data


def xz(length):
    import lzma

    packer = lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30, "preset": 0}])
    return packer.compress(bytes(1 << 20)) + packer.flush()


def with_size(codestream, width, height, *, tile=None, components=None):
    """A JPEG 2000 codestream that claims another size, and perhaps other tiles."""
    changed = bytearray(codestream)
    place = codestream.index(b"\xff\x51")
    changed[place + 6 : place + 14] = struct.pack(">II", width, height)
    if tile:
        changed[place + 22 : place + 30] = struct.pack(">II", tile, tile)
    return bytes(changed)


def divided(*, precincts=None, block=None):
    """A JPEG 2000 of 25 megapixels that says of itself to be in small parts."""
    image = Image.new("L", (5000, 5000))
    changed = bytearray(encode(image, "JPEG2000", no_jp2=True, precinct_size=(256, 256), codeblock_size=(64, 64)))
    place = changed.index(b"\xff\x52") + 4
    if precincts is not None:
        levels = changed[place + 5]
        changed[place + 10 : place + 11 + levels] = bytes([precincts]) * (levels + 1)
    if block is not None:
        changed[place + 6 : place + 8] = bytes([block, block])
    return bytes(changed)


def others():
    plain = Image.fromarray(make_pixels(1))
    rle = struct.pack("<IiiHHIIiiII", 40, 1000, 1000, 1, 8, 1, 0, 0, 0, 0, 0)
    bmp = b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + rle + bytes(1024)
    wide = struct.pack("<IiiHHIIiiII", 40, 1_400_000, 1, 1, 8, 1, 0, 0, 0, 0, 0)
    j2k = encode(plain, "JPEG2000", no_jp2=True)
    jp2 = encode(plain, "JPEG2000")
    return {
        "ppm, a long comment": lambda: b"P6\n#" + bytes(8 << 20) + b"\n8 8\n255\n" + bytes(192),
        "ppm, zeros before the size": lambda: b"P6\n" + b" " * (8 << 20) + b"8 8\n255\n" + bytes(192),
        "ppm, comments among numbers": lambda: b"P2\n1000 1000\n255\n" + b"#\n" * (8 << 20),
        "ppm, plain": lambda: b"P3\n300 300\n255\n" + b"1 " * 270_000,
        "ppm, of an odd depth": lambda: b"P6\n300 300\n1000\n" + bytes(300 * 300 * 6),
        "ppm, black and white": lambda: b"P1\n27000 27000\n" + b"1" * (8 << 20),
        "pgm, of 16 bit": lambda: b"P5\n5000 5000\n65535\n" + bytes(5000 * 5000 * 2),
        "bmp, runs that move nowhere": lambda: bmp + b"\0\2\0\0" * (8 << 20),
        "bmp, runs of nothing": lambda: bmp + b"\0\3\0\0" * (8 << 20),
        "bmp, one row": lambda: b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + wide + bytes(1024) + b"\0\2\0\xff" * 4,
        "tga, in runs": lambda: (
            struct.pack("<BBBHHBHHHHBB", 0, 0, 10, 0, 0, 0, 0, 0, 13800, 13800, 32, 0)
            + b"\xff\0\0\0\0" * (13800 * 13800 // 128 + 9)
        ),
        "pcx": lambda: pcx(27000, 27000),
        "sgi, in runs": lambda: sgi(13800, 13800),
        "qoi": lambda: b"qoif" + struct.pack(">IIBB", 300, 300, 4, 0) + b"\x80\x88" * 90_000 + bytes(7) + b"\1",
        "dds": lambda: dds(300, 300),
        "webp, a canvas of 16000 x 16000": lambda: webp_canvas(16000, 16000),
        "webp, a canvas of 60000 x 60000": lambda: webp_canvas(60000, 60000),
        "webp, lossless": lambda: encode(Image.new("RGBA", (3000, 3000)), "WEBP", lossless=True, quality=0, method=0),
        "jpeg 2000, 20000 x 20000": lambda: with_size(j2k, 20000, 20000),
        "jpeg 2000, a small header": lambda: jp2.replace(j2k[2:16], with_size(j2k, 20000, 20000)[2:16], 1),
        "jpeg 2000, tiles of a pixel": lambda: with_size(j2k, 250, 250, tile=1),
        "jpeg 2000, precincts of a pixel": lambda: divided(precincts=0x00),
        "jpeg 2000, code blocks of 4 x 4": lambda: divided(block=0),
        "jpeg 2000, boxes": lambda: jp2[:12] + b"\0\0\0\x08abcd" * 1_000_000 + jp2[12:],
        "psd, resources": lambda: (
            b"8BPS\0\1"
            + bytes(6)
            + struct.pack(">HIIHH", 3, 8, 8, 8, 3)
            + bytes(4)
            + struct.pack(">I", 8 << 20)
            + (b"8BIM\0\0\0\0\0\0\0\0" * (8 << 20 >> 4))
        ),
        "fits without an end": lambda: b"SIMPLE  =                    T".ljust(80) + b" " * (80 << 20),
    }


def pcx(width, height):
    head = struct.pack("<BBBBHHHHHH", 10, 5, 1, 8, 0, 0, width - 1, height - 1, 72, 72)
    head += bytes(48) + b"\0\1" + struct.pack("<H", width) + bytes(58)
    return head + b"\xff\0" * (width * height // 63 + 9)


def sgi(width, height):
    head = struct.pack(">HBBHHHH", 474, 1, 1, 3, width, height, 4).ljust(512, b"\0")
    row = b"\x7f\0" * (width // 127 + 1) + b"\0"
    place = 512 + 8 * height * 4
    return head + struct.pack(">I", place) * (height * 4) + struct.pack(">I", len(row)) * (height * 4) + row


def dds(width, height):
    head = struct.pack("<4sIIII", b"DDS ", 124, 0x1007, height, width) + bytes(56)
    head += struct.pack("<IIIIIIII", 32, 0x41, 0, 32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(20)
    return head + bytes(width * height * 4)


def webp_canvas(width, height):
    """A small picture on a large canvas."""
    small = encode(Image.new("RGB", (8, 8)), "WEBP")[12:]
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    frame = bytes(6) + b"\7\0\0\7\0\0" + b"\1\0\0\0" + small
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    chunks += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def avifs():
    def claiming(side, said):
        content = encode(Image.new("L", (side, side)), "AVIF", quality=1, speed=10)
        return content.replace(struct.pack(">II", side, side), struct.pack(">II", said, said))

    return {
        "avif, 3000 x 3000": lambda: claiming(3000, 3000),
        "avif, many tracks of the same bytes": lambda: tracks(19_000, 10 << 20),
        "avif, 7000 x 7000 said to be 64 x 64": lambda: claiming(7000, 64),
    }


def tracks(count, length):
    """A sequence of many tracks, the first picture of each being nearly the whole file."""

    def box(kind, body):
        return struct.pack(">I", len(body) + 8) + kind + body

    places = box(b"stco", struct.pack(">3I", 0, 1, 1)) + box(b"stsz", struct.pack(">3I", 0, 2**32 - 1, 1))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", places))))
    return box(b"ftyp", b"avis" + bytes(4) + b"avifavis") + box(b"moov", track * count) + box(b"mdat", bytes(length))


def heifs():
    import pillow_heif

    @cache
    def flat(side):
        stream = io.BytesIO()
        pillow_heif.from_pillow(Image.new("L", (side, side))).save(stream, quality=1)
        return stream.getvalue()

    def claiming(side, said):
        return flat(side).replace(struct.pack(">II", side, side), struct.pack(">II", said, said))

    return {
        "heic, 2000 x 2000": lambda: claiming(2000, 2000),
        "heic, 2000 x 2000 said to be 64 x 64": lambda: claiming(2000, 64),
    }


def hostile():
    return {**jpegs(), **pngs(), **icons(), **gifs(), **tiffs(), **others(), **avifs(), **heifs()}


def further_formats():
    """Sound files of what format_kinds and every_format leave out, and with all that editors put beside the pixels."""
    image = Image.fromarray(make_pixels(1))
    grey, alpha = image.convert("L"), image.convert("RGBA")
    turned, small = image.rotate(180), image.resize((32, 32))
    extras = {"exif": orientation_exif(6), "icc_profile": bytes(500)}
    frames = {"save_all": True, "append_images": [turned]}
    found = {
        f"tiff {compression}": encode(image, "TIFF", compression=compression)
        for compression in ("tiff_deflate", "packbits", "jpeg", "zstd")
    }
    found |= {f"dds {form}": encode(alpha, "DDS", pixel_format=form) for form in ("DXT1", "DXT3", "DXT5")}
    return found | {
        "jpeg extras": encode(image, "JPEG", comment=b"made by hand", xmp=b"<x/>", **extras),
        "jpeg progressive 4:4:4": encode(image, "JPEG", progressive=True, subsampling=0, quality=95),
        "jpeg ycck": encode(image.convert("CMYK"), "JPEG", progressive=True),
        "png extras": encode(image, "PNG", dpi=(72, 72), **extras),
        "png interlaced": png(48, 40, colour=2, interlaced=1, data=zeros(40 * (1 + 48 * 3) + 60)),
        "webp extras": encode(alpha, "WEBP", xmp=b"<x/>", **extras),
        "webp animated": encode(alpha, "WEBP", **frames),
        "avif extras": encode(alpha, "AVIF", xmp=b"<x/>", **extras),
        "avif animated": encode(image, "AVIF", **frames),
        "tiff extras": encode(image, "TIFF", **extras),
        "tiff group 4": encode(grey.convert("1"), "TIFF", compression="group4"),
        "tiff big": encode(image, "TIFF", big_tiff=True),
        "tiff ycbcr": encode(image.convert("YCbCr"), "TIFF", compression="tiff_lzw"),
        "jpeg 2000 tiles": encode(
            image, "JPEG2000", tile_size=(16, 16), precinct_size=(32, 32), codeblock_size=(16, 16)
        ),
        "jpeg 2000 alpha": encode(alpha, "JPEG2000", irreversible=True, no_jp2=True),
        "ico": encode(small, "ICO", sizes=[(16, 16), (32, 32)], bitmap_format="bmp"),
        "icns": encode(alpha.resize((128, 128)), "ICNS"),
        "cur": b"\0\0\2\0" + encode(small, "ICO", sizes=[(32, 32)], bitmap_format="bmp")[4:],
        "pcx": encode(image, "PCX"),
        "sgi": encode(image, "SGI"),
        "sgi runs": sgi(40, 40),
        "dds": encode(alpha, "DDS"),
        "qoi": encode(image, "QOI"),
        "tga runs": encode(image, "TGA", compression="tga_rle"),
        "pbm": encode(grey.convert("1"), "PPM"),
        "pfm": encode(grey.convert("F"), "PPM"),
        "ppm plain": b"P3\n# plain\n4 4\n255\n" + b"17 " * 48,
        "dib": encode(image, "DIB"),
        "sun": struct.pack(">8I", 0x59A66A95, 48, 40, 24, 0, 1, 0, 0) + image.tobytes(),
    }
