"""What picture files say of themselves, as cameras, phones and programs of several countries wrote it."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from studio.pictures.metadata import Hints, hints_from, hints_of_xmp
from studio.pictures.normalise import normalise
from studio.pictures.old_metadata import _user_comment
from studio.pictures.xmp import MAX_XMP_BYTES, parse_xmp

RDF = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" {0}>{1}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
FULL = RDF.format(
    "",
    "<dc:description><rdf:Alt><rdf:li xml:lang='zh-Hans'>冰上的风车</rdf:li>"
    "<rdf:li xml:lang='en-GB'>Windmill on ice</rdf:li>"
    "<rdf:li xml:lang='x-default'>Windmill</rdf:li></rdf:Alt></dc:description>"
    "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Mill</rdf:li></rdf:Alt></dc:title>"
    "<dc:subject><rdf:Bag><rdf:li>winter</rdf:li><rdf:li>canal</rdf:li></rdf:Bag></dc:subject>"
    "<dc:creator><rdf:Seq><rdf:li>Ann Lee</rdf:li></rdf:Seq></dc:creator>"
    "<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>© 2026 Ann Lee</rdf:li></rdf:Alt></dc:rights>",
)
COMPLETE = Hints(
    "Windmill", "", "Mill", ("winter", "canal"), ("Ann Lee",), "© 2026 Ann Lee", "Windmill on ice", "冰上的风车"
)


def saved(format: str, **given: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, format, **given)
    return out.getvalue()


def exif(**tags: object) -> Image.Exif:
    made = Image.Exif()
    for name, value in tags.items():
        made[getattr(ExifTags.Base, name)] = value
    return made


def iptc(*entries: tuple[int, int, bytes]) -> bytes:
    """A JPEG with this record in its Photoshop block."""
    record = b"".join(
        struct.pack(">BBBH", 0x1C, number, data_set, len(text)) + text for number, data_set, text in entries
    )
    block = (
        b"8BIM"
        + struct.pack(">H", 0x0404)
        + b"\0\0"
        + struct.pack(">I", len(record))
        + record
        + b"\0" * (len(record) % 2)
    )
    segment = b"Photoshop 3.0\0" + block
    plain = saved("JPEG")
    return plain[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


def test_xmp_in_every_format_that_has_it() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", FULL)
    tiff = TiffImagePlugin.ImageFileDirectory_v2()
    tiff[700] = FULL.encode()
    tiff.tagtype[700] = 1
    files = [
        saved("JPEG", xmp=FULL.encode()),
        saved("WEBP", xmp=FULL.encode()),
        saved("PNG", pnginfo=text),
        saved("TIFF", tiffinfo=tiff),
        saved("AVIF", xmp=FULL.encode()),
    ]
    assert [normalise(data).hints for data in files] == [COMPLETE] * len(files)


@pytest.mark.parametrize(
    ("packet", "caption"),
    [
        (RDF.format('dc:description="By an attribute"', ""), "By an attribute"),
        (RDF.format("", "<dc:description>Plain</dc:description>"), "Plain"),
        (RDF.format("", "<dc:title><rdf:Alt><rdf:li xml:lang='de'>Mühle</rdf:li></rdf:Alt></dc:title>"), "Mühle"),
        (RDF.format('photoshop:Headline="Head"', ""), "Head"),
        (RDF.format("", "<exif:UserComment><rdf:Alt><rdf:li>UC</rdf:li></rdf:Alt></exif:UserComment>"), "UC"),
        (RDF.format("", "<dc:description><rdf:Alt><rdf:li>  </rdf:li></rdf:Alt></dc:description>"), ""),
        (RDF.format('dc:description="OLYMPUS DIGITAL CAMERA"', ""), ""),
        ("\ufeff" + RDF.format('dc:description="Marked"', ""), "Marked"),
        ("no xml", ""),
        ("<a>", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_forms_of_xmp(packet: str, caption: str) -> None:
    assert hints_of_xmp(packet).caption == caption
    assert hints_of_xmp(packet.encode()).caption == caption
    assert hints_of_xmp(packet.removeprefix("\ufeff").encode("utf-16")).caption == caption


def test_xmp_that_attacks() -> None:
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
    for prologue in (
        f"<!DOCTYPE x [<!ENTITY l0 'ha'>{laughs}]>",
        "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'http://127.0.0.1:1/'>]>",
    ):
        body = RDF.format("", "<dc:description>&l11;&e;</dc:description>")[60:]
        assert hints_of_xmp(prologue + body) == Hints()
    assert parse_xmp("<a>" * 100_000 + "</a>" * 100_000).captions == {}
    assert parse_xmp(FULL + " " * MAX_XMP_BYTES).captions == {}


@pytest.mark.parametrize(
    ("encoding", "caption", "author"),
    [
        ("utf-8", "西湖边的荷花", "王小明"),
        ("gbk", "西湖边的荷花", "王小明"),
        ("cp1252", "Fête au château de Müller", "Zoë"),
        ("big5", "台北夜市的小吃", "陳大文"),
        ("shift_jis", "京都のお寺", "たなか"),
        ("cp1251", "Кошка на окне", "Иванов"),
    ],
)
def test_iptc_and_exif_in_the_encoding_of_where_they_were_written(encoding: str, caption: str, author: str) -> None:
    text, name = caption.encode(encoding), author.encode(encoding)
    flag = ((1, 90, b"\x1b%G"),) if encoding == "utf-8" else ()
    data = iptc(*flag, (2, 120, text), (2, 80, name), (2, 25, name), (2, 25, text[:60]), (2, 116, b"CC BY"))
    hints = normalise(data).hints
    assert (hints.caption, hints.authors, hints.copyright) == (caption, (author,), "CC BY")
    tags = exif(ImageDescription=text, Artist=name, Copyright="CC BY")
    hints = normalise(saved("JPEG", exif=tags)).hints
    assert (hints.caption, hints.authors, hints.copyright) == (caption, (author,), "CC BY")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"ASCII\0\0\0A red fox", "A red fox"),
        (b"UNICODE\0" + "海边的灯塔".encode("utf-16-le"), "海边的灯塔"),
        (b"UNICODE\0" + "海边的灯塔".encode("utf-16-be"), "海边的灯塔"),
        (b"UNICODE\0" + "A fox in the snow".encode("utf-16-be") + b"\0\0", "A fox in the snow"),
        (b"UNICODE\0" + "A fox".encode("utf-16"), "A fox"),
        (b"UNICODE\0A red fox", "A red fox"),
        (b"JIS\0\0\0\0\0" + "京都のお寺".encode("iso2022_jp"), "京都のお寺"),
        (b"JIS\0\0\0\0\0" + "京都のお寺".encode("shift_jis"), "京都のお寺"),
        (bytes(8) + "西湖边的荷花".encode("gbk"), "西湖边的荷花"),
        (bytes(8) + "西湖边的荷花".encode(), "西湖边的荷花"),
        (b"A comment without a prefix", "A comment without a prefix"),
        (b"ASCII\0\0\0" + bytes(100), ""),
        (b"ASCII\0\0\0", ""),
        (b"", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_comment_of_a_camera(value: object, text: str) -> None:
    assert _user_comment(value) == text
    if isinstance(value, bytes) and value:
        tags = Image.Exif()
        tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = value
        assert normalise(saved("JPEG", exif=tags)).hints.caption == text


def test_the_fields_of_windows() -> None:
    fields = {
        "XPTitle": "灯塔",
        "XPComment": "Waves at the lighthouse",
        "XPKeywords": "海;灯塔；rock",
        "XPAuthor": "李雷;韩梅梅",
    }
    tags = exif(**{name: text.encode("utf-16-le") + b"\0\0" for name, text in fields.items()})
    hints = normalise(saved("JPEG", exif=tags)).hints
    assert hints == Hints("Waves at the lighthouse", "", "灯塔", ("海", "灯塔", "rock"), ("李雷", "韩梅梅"))


def test_which_wins() -> None:
    tags = exif(ImageDescription="by EXIF", Artist="E")
    data = iptc((2, 120, b"by IPTC"), (2, 25, b"i"))
    xmp = RDF.format('dc:description="by XMP"', "<dc:subject><rdf:Bag><rdf:li>x</rdf:li></rdf:Bag></dc:subject>")
    image = Image.open(io.BytesIO(data))

    def resaved(**given: object) -> Hints:
        out = io.BytesIO()
        image.save(out, "JPEG", **given)
        made, record = out.getvalue(), data[2 : data.index(b"\xff\xdb")]
        start = record.index(b"\xff\xed")
        return normalise(made[:2] + record[start:] + made[2:]).hints

    assert (resaved(exif=tags).caption, resaved(exif=tags).authors) == ("by IPTC", ("E",))
    both = resaved(exif=tags, xmp=xmp.encode())
    assert (both.caption, both.keywords, both.authors) == ("by XMP", ("x", "i"), ("E",))


@given(st.binary(max_size=400))
def test_any_comment_is_read(data: bytes) -> None:
    _user_comment(data), hints_of_xmp(data)


def test_what_comes_out_of_a_decoder_is_bounded() -> None:
    header: dict[str, object] = {
        "caption": "a\u202eb" * 900, "date": "2026-01-01 and more", "title": "t", "copyright": "", "caption_en": "",
        "caption_zh": "", "keywords": ["k" * 900] * 900, "authors": [str(n) + "a" for n in range(99)],
    }  # fmt: skip
    hints = hints_from(header)
    assert len(hints.caption) == 500 and "\u202e" not in hints.caption and hints.date == "2026-01-01"
    assert hints.keywords == ("k" * 60,) and len(hints.authors) == 5
    for name, value in (("keywords", "abc"), ("authors", None)):
        with pytest.raises(TypeError):
            hints_from(header | {name: value})
    with pytest.raises(KeyError):
        hints_from({})


def test_the_longest_metadata_fits_into_a_frame() -> None:
    from studio.library.picture_intake import normalise_file

    items = "".join(f"<rdf:li>{chr(0x20000 + n) * 300}</rdf:li>" for n in range(100))
    words = "𠀀" * 3000
    body = f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject><dc:creator><rdf:Seq>{items}</rdf:Seq></dc:creator>"
    body += "<dc:description><rdf:Alt>" + "".join(
        f"<rdf:li xml:lang='{lang}'>{words}</rdf:li>" for lang in ("en", "zh", "x-default")
    )
    body += f"</rdf:Alt></dc:description><dc:title>{words}</dc:title><dc:rights>{words}</dc:rights>"
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", RDF.format("", body))
    hints = normalise_file(saved("PNG", pnginfo=info), "x.png").hints
    assert len(hints.caption) == len(hints.caption_zh) == 500 and len(hints.keywords) == 30
