"""Logos and accents: what can't be printed or isn't safe to show is refused at upload, with a sentence that helps."""

import base64
import struct
import zlib

import pytest

from capstan.documents.colour import check_accent
from capstan.documents.document import Look
from capstan.documents.logo import MOST_BYTES, check_logo
from capstan.documents.pdf import render
from capstan.values.refused import Refused
from tests.documents.samples import INVOICE, LOGO

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKra"
    "rYqMyP/L2u71////m8H////6/+b9//j/wAALCAAgADABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEA"
    "AAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AJwAAAAAAAf/2Q=="
)


def chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int = 60, height: int = 30, rows: bytes | None = None) -> bytes:
    """Grey, 8 bits. `rows` are what the file holds compressed, right or wrong."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = rows if rows is not None else zlib.compress(b"\0" * (width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def svg(inside: str, before: str = "", attributes: str = "") -> bytes:
    return (
        f'{before}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="0 0 40 20" {attributes}>{inside}</svg>'
    ).encode()


SHAPE = '<rect id="r" width="9" height="9"/>'
DATA = base64.b64encode(png()).decode()
COPIES = SHAPE + "".join(
    f'<g id="g{n}">' + f'<use href="#{"r" if n == 0 else f"g{n - 1}"}"/>' * 10 + "</g>" for n in range(9)
)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(), "png"),
        (JPEG, "jpeg"),
        (LOGO, "svg"),
        (svg(SHAPE, '\ufeff<?xml version="1.0"?><!-- made by hand -->'), "svg"),
        (svg(SHAPE, '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">'), "svg"),
        (svg(SHAPE + '<use xlink:href="#r" x="12"/>'), "svg"),
        (svg('<linearGradient id="g"/><rect width="9" height="9" fill="url(#g)"/>'), "svg"),
        (svg("<style>.a{fill:#123456}</style>" + '<rect class="a" width="9" height="9"/>'), "svg"),
        (svg(f'<image href="data:image/png;base64,{DATA}" width="40" height="20"/>'), "svg"),
    ],
)
def test_good_logos_are_taken_and_printed(content: bytes, kind: str) -> None:
    found = check_logo(content)
    assert found == kind
    assert render(INVOICE._replace(look=Look(logo=content, logo_kind=found))) != render(
        INVOICE._replace(look=Look())
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n", "This file is not an image: it begins like a PDF. PNG, JPEG or SVG please."),
        (b"GIF89a....", "This is a GIF image. PNG, JPEG or SVG please."),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"PK\x03\x04....", "begins like a ZIP or Office file"),
        (b"hello", "not an image we know"),
        (b"<html><body>svg</body></html>", "not an image we know"),
        (png() + b"\0" * MOST_BYTES, "500 kB"),
        (png(10, 200), "10 × 200 pixels: too small"),
        (png(5000, 30), "5000 × 30 pixels"),
        (png()[:-20], "cut off"),
        (png()[:40], "cut off"),
        (png(rows=b"no pixels"), "can't be printed"),
        (JPEG[: len(JPEG) // 2], "cut off"),
        (JPEG[:-2], "cut off"),
        (svg(SHAPE)[:-8], "damaged"),
        (svg(SHAPE).decode().encode("utf-16"), "not an image we know"),
        (svg("<text>é</text>").decode().encode("latin-1"), "not UTF-8"),
        (b"<svg><rect/></svg>", "not an SVG image"),
    ],
)
def test_what_is_no_logo_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(Refused) as refused:
        check_logo(content)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (svg("<script>alert(1)</script>"), "<script>"),
        (svg('<rect width="9" height="9" onclick="alert(1)"/>'), "<rect>"),
        (svg(SHAPE, attributes='onload="alert(1)"'), "<svg>"),
        (svg("<foreignObject><p>hi</p></foreignObject>"), "<foreignObject>"),
        (svg('<a href="javascript:alert(1)">' + SHAPE + "</a>"), "<a>"),
        (svg('<set attributeName="href" to="javascript:alert(1)"/>'), "<set>"),
        (svg('<image href="https://example.test/a.png" width="9" height="9"/>'), "outside"),
        (svg('<image xlink:href="file:///etc/hostname" width="9" height="9"/>'), "outside"),
        (svg('<image href="data:image/svg+xml;base64,AAAA" width="9" height="9"/>'), "outside"),
        (svg('<use href="other.svg#r"/>'), "outside"),
        (svg('<rect width="9" height="9" fill="url(https://example.test/#g)"/>'), "outside"),
        (svg('<rect width="9" height="9" style="fill: URL( \'//example.test/#g\' )"/>'), "outside"),
        (svg("<style>@import 'https://example.test/a.css';</style>" + SHAPE), "outside"),
        (svg("<style>rect{fill:\\75rl(https://example.test)}</style>" + SHAPE), "outside"),
        (svg(SHAPE, '<?xml-stylesheet href="https://example.test/a.css"?>'), "another file"),
        (svg("<text>&a;</text>", '<!DOCTYPE svg [<!ENTITY a "ha">]>'), "entities"),
        (svg("<text>&a;</text>", '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]>'), "entities"),
        (svg(COPIES), "too often"),
        (svg('<g id="a"><use href="#a"/></g>'), "too often"),
        (svg("<g>" * 400 + SHAPE + "</g>" * 400), "too often"),
    ],
)
def test_an_svg_shows_a_picture_and_does_nothing_else(content: bytes, said: str) -> None:
    with pytest.raises(Refused) as refused:
        check_logo(content)
    assert said in str(refused.value)


def test_every_piece_of_a_good_logo_is_refused_or_prints() -> None:
    for whole in (png(), JPEG, LOGO):
        for length in range(0, len(whole), 7):
            with pytest.raises(Refused):
                check_logo(whole[:length])


@pytest.mark.parametrize(
    ("text", "accent"),
    [("#0B6E4F", "#0b6e4f"), ("#abc", "#aabbcc"), (" #FFF ", "#ffffff"), ("1f4e79", "#1f4e79")],
)
def test_accents_are_written_one_way(text: str, accent: str) -> None:
    assert check_accent(text) == accent


@pytest.mark.parametrize(
    "text", ["", "#", "green", "#12345", "#1234567", "#ggg", "rgb(1,2,3)", "#fff;x", "#١٢٣"]
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no colour we can use"):
        check_accent(text)
