"""A brand's logo, checked when it is uploaded: safe to show, small enough, and sure to print."""

import re
import struct
import zlib
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]
from typst import TypstError

from capstan.documents.document import LogoKind
from capstan.documents.pdf import TYPST_FORMATS, compiler, logo_file
from capstan.values.refused import Refused

MOST_BYTES = 500_000
LEAST_PIXELS = 24
MOST_PIXELS = 4_000
_MOST_SHAPES = 20_000

_OTHERS = {
    b"GIF8": "a GIF",
    b"%PDF": "a PDF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"PK\x03\x04": "a ZIP or Office file",
    b"\x1f\x8b": "a compressed file (gzip)",
    b"%!PS": "a PostScript file",
    b"8BPS": "a Photoshop file",
    b"\0\0\1\0": "an icon (ICO)",
}
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_CUT_OFF = "This image is damaged or was cut off on the way. Please upload it again."
_SVG = "{http://www.w3.org/2000/svg}"
_LIVELY = {"script", "foreignObject", "iframe", "handler", "listener", "animate", "animateMotion"}
_LIVELY |= {"animateTransform", "animateColor", "set", "audio", "video", "a"}
_INSIDE = re.compile(r"#[^\s\"')]+")
_PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*")
_LINK = re.compile(r"url\(\s*[\"']?([^\"')]*)", re.IGNORECASE)


def check_logo(content: bytes) -> LogoKind:
    """What kind of image it is. Refused, with what to do: no image, another kind, too big, damaged, or not safe to show."""
    if len(content) > MOST_BYTES:
        raise Refused(
            f"This image has {len(content) // 1000} kB. A logo may have {MOST_BYTES // 1000} kB: please make it smaller."
        )
    kind = _kind(content)
    if kind == "png":
        _check_pixels(_png_size(content))
    elif kind == "jpeg":
        _check_pixels(_jpeg_size(content))
    else:
        _check_svg(content)
    _check_prints(content, kind)
    return kind


def _kind(content: bytes) -> LogoKind:
    if content.startswith(_PNG):
        return "png"
    if content.startswith(_JPEG):
        return "jpeg"
    if re.match(rb"(\xef\xbb\xbf)?\s*<", content) and b"<svg" in content[:20_000]:
        return "svg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        raise Refused("This is a WebP image. PNG, JPEG or SVG please.")
    if content[4:12] in (b"ftypavif", b"ftypheic", b"ftypmif1"):
        raise Refused("This is an AVIF or HEIC image. PNG, JPEG or SVG please.")
    for beginning, name in _OTHERS.items():
        if content.startswith(beginning):
            is_image = name in ("a GIF", "a BMP", "a TIFF", "an icon (ICO)")
            begins = (
                f"This is {name} image" if is_image else f"This file is not an image: it begins like {name}"
            )
            raise Refused(f"{begins}. PNG, JPEG or SVG please.")
    raise Refused(
        "This file is not an image we know. PNG, JPEG or SVG please." if content else "This file is empty."
    )


def _check_pixels(size: tuple[int, int]) -> None:
    width, height = size
    shown = f"This image is {width} × {height} pixels"
    if min(size) < LEAST_PIXELS:
        raise Refused(
            f"{shown}: too small to print well. Please use one of at least {LEAST_PIXELS} each way."
        )
    if max(size) > MOST_PIXELS:
        raise Refused(f"{shown}. Please use one of at most {MOST_PIXELS} each way.")


def _png_size(content: bytes) -> tuple[int, int]:
    """Width and height, once every chunk is there and whole."""
    at = len(_PNG)
    size = None
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content) or zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(
            content[end - 4 : end]
        ):
            break
        if name == b"IHDR" and length == 13:
            size = struct.unpack_from(">II", content, at + 8)
        if name == b"IEND" and size:
            return size
        at = end
    raise Refused(_CUT_OFF)


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height, once the scan is there with its end."""
    at, size = 2, None
    while at + 9 < len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        length = int.from_bytes(content[at + 2 : at + 4])
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            size = (width, height)
        if marker == 0xDA:  # the picture itself follows, up to the end marker
            if size and b"\xff\xd9" in content[at + length :]:
                return size
            break
        at += 1 if marker == 0xFF else 2 + length
    raise Refused(_CUT_OFF)


def _check_svg(content: bytes) -> None:
    try:
        root: Element = fromstring(content.decode("utf-8-sig"), forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise Refused("This SVG defines entities. Please save it as a plain SVG.") from error
    except (ParseError, ValueError) as error:  # UnicodeDecodeError is one, too
        raise Refused("This SVG is damaged or not UTF-8 text. Please save it as a plain SVG.") from error
    if root.tag != f"{_SVG}svg":
        raise Refused("This file is not an SVG image. PNG, JPEG or SVG please.")
    if re.search(rb"<\?xml-stylesheet", content, re.IGNORECASE):
        raise Refused("This SVG takes its style from another file. Please save it as a plain SVG.")
    for element in root.iter():
        _check_element(element)
    if _shapes(root) > _MOST_SHAPES:
        raise Refused("This SVG repeats its shapes too often to print. Please simplify it.")


def _check_element(element: Element) -> None:
    name = _local(element.tag)
    if name in _LIVELY or any(_local(key).lower().startswith("on") for key in element.attrib):
        raise Refused(
            f"This SVG does more than show a picture (<{name}>). Please save it without scripts, links or animation."
        )
    for link in _links(element):
        if not (_INSIDE.fullmatch(link) or (name == "image" and _PICTURE.fullmatch(link))):
            raise Refused("This SVG refers to something outside of itself. Please embed it, or leave it out.")


def _links(element: Element) -> Iterator[str]:
    """Everything this element points at."""
    styles = [element.text or ""] if _local(element.tag) == "style" else []
    for key, value in element.attrib.items():
        if _local(key) in ("href", "src"):
            yield value.strip()
        else:
            styles.append(value)
    for style in styles:
        if "@import" in style.lower() or "\\" in style:
            yield style  # an escape in a style may hide anything
        yield from (link.strip() for link in _LINK.findall(style))


def _shapes(root: Element) -> int:
    """How many elements are drawn when every reference is followed: copies of copies of copies grow without limit."""
    named = {element.get("id"): element for element in root.iter() if element.get("id")}
    known: dict[Element, int] = {}

    def count(element: Element, above: frozenset[Element]) -> int:
        if element in above or len(above) > 200:
            return _MOST_SHAPES + 1  # in circles, or as good as
        if element not in known:
            inside = above | {element}
            targets = [named[link[1:]] for link in _links(element) if link[1:] in named]
            known[element] = 1 + sum(count(part, inside) for part in [*element, *targets])
        return known[element]

    return count(root, frozenset())


def _local(name: object) -> str:
    """Without its namespace. Comments have a function for a name."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def _check_prints(content: bytes, kind: LogoKind) -> None:
    """By printing it: nothing else knows all that can be wrong with an image."""
    image = f'image(bytes(json("logo.json")), format: "{TYPST_FORMATS[kind]}", alt: "–", width: 60mm)'
    source = f'#set document(title: "–")\n#{image}'
    files = {"main.typ": source.encode(), "logo.json": logo_file(content)}
    try:
        compiler().compile(input=files, format="pdf", pdf_standards=["ua-1"], timestamp=0)  # type: ignore[type-var]
    except TypstError as error:
        raise Refused(
            "This image can't be printed. Please save it again as PNG, JPEG or SVG, in RGB colours."
        ) from error
