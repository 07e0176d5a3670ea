"""Synthetic pictures for the tests: small, smooth, different for each seed, in every format and layout."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def make_pixels(seed, *, kind=0, width=48, height=40, blotches=0):
    """A smooth picture uint8 [height, width, 3] with a little noise; those of one kind share a colour and a pattern.

    With blotches, grey levels by which patches of it differ, none is nearly the same as another one.
    """
    random = np.random.default_rng([seed, kind])
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    angle = kind * 0.9 + random.normal(0, 0.1)
    wave = np.sin((down * np.sin(angle) + across * np.cos(angle)) * (9 + 5 * kind) + random.uniform(0, 6))
    colour = 128 + 80 * np.cos(np.arange(3) * 2.1 + kind * 1.7)
    smooth = colour + 45 * wave[:, :, None] + random.normal(0, 4, (height, width, 3))
    if blotches:
        coarse = Image.fromarray(random.integers(0, 256, (6, 7), np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        smooth = smooth + (np.asarray(coarse, float)[:, :, None] / 128 - 1) * blotches
    return smooth.clip(0, 255).astype(np.uint8)


def encode(pixels, file_format, **options):
    """The bytes of a picture file; pixels is an array or a Pillow image of any mode."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    content = io.BytesIO()
    image.save(content, file_format, **options)
    return content.getvalue()


def write_picture(path, *, seed=0, kind=0, width=48, height=40, blotches=0):
    """Write a picture in the format its suffix asks for; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = make_pixels(seed, kind=kind, width=width, height=height, blotches=blotches)
    Image.fromarray(pixels).save(path)
    return path


def write_classes(root: Path, counts: Mapping[str, int], *, suffix=".png", first_seed=0, **options):
    """Write root/CLASS/NNN.suffix for each class, each class a kind of its own; returns root."""
    for kind, (label, count) in enumerate(sorted(counts.items())):
        for number in range(count):
            path = root / label / f"{number:03d}{suffix}"
            write_picture(path, seed=first_seed + number, kind=kind, **options)
    return root


def write_splits_and_classes(root: Path, counts: Mapping[str, Mapping[str, int]], **options):
    """Write root/SPLIT/CLASS/NNN.png; no picture appears in two splits; returns root."""
    for place, (split, classes) in enumerate(counts.items()):
        write_classes(root / split, classes, first_seed=1000 * place, **options)
    return root


def orientation_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def every_format():
    """One picture in each format and mode that decode has a rule for: name -> bytes."""
    image = Image.fromarray(make_pixels(1))
    grey, alpha = image.convert("L"), image.convert("RGBA")
    alpha.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    floating = Image.fromarray(np.asarray(grey).astype(np.float32) / 255)
    return {
        "jpeg": encode(image, "JPEG", quality=90),
        "jpeg progressive": encode(image, "JPEG", progressive=True),
        "jpeg exif": encode(image, "JPEG", exif=orientation_exif(6)),
        "jpeg grey": encode(grey, "JPEG"),
        "jpeg cmyk": encode(image.convert("CMYK"), "JPEG"),
        "png": encode(image, "PNG"),
        "png grey": encode(grey, "PNG"),
        "png palette": encode(image.quantize(16), "PNG"),
        "png palette transparent": encode(image.quantize(16), "PNG", transparency=0),
        "png alpha": encode(alpha, "PNG"),
        "png 16 bit": encode(deep, "PNG"),
        "png 1 bit": encode(grey.convert("1"), "PNG"),
        "webp": encode(image, "WEBP"),
        "webp alpha": encode(alpha, "WEBP", lossless=True),
        "bmp": encode(image, "BMP"),
        "tiff": encode(image, "TIFF", compression="tiff_lzw"),
        "tiff 16 bit": encode(deep, "TIFF"),
        "tiff float": encode(floating, "TIFF"),
        "gif": encode(image.quantize(32), "GIF"),
        "gif animated": encode(image, "GIF", save_all=True, append_images=[image.rotate(90), image.rotate(180)]),
        "ppm": encode(image, "PPM"),
        "tga": encode(image, "TGA"),
        "ico": encode(image, "ICO", sizes=[(32, 32)]),
        "jpeg 2000": encode(image, "JPEG2000"),
    }
