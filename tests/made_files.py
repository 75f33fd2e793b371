"""Picture files and colour profiles by hand, so that tests can break any byte of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

D50 = (0.9642, 1.0, 0.8249)
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))

# ----------------------------------------------------------------------------------- PNG


def chunk(kind: bytes, data: bytes, *, damaged: bool = False) -> bytes:
    """A chunk of a PNG; a damaged one has a wrong checksum."""
    check = zlib.crc32(kind + data) ^ damaged
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(
    width: int,
    height: int,
    rows: bytes = b"",
    *,
    depth: int = 8,
    colour: int = 2,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG of filtered rows, with more chunks before its pixels and after them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    body = chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))


# ---------------------------------------------------------------------------------- TIFF


def tiff(
    width: int,
    height: int,
    data: bytes,
    *,
    bits: int = 8,
    photometric: int = 1,
    sample_format: int = 1,
    samples: int = 1,
    order: str = "<",
    tags: Mapping[int, tuple[str, Sequence[int]]] | None = None,
) -> bytes:
    """A TIFF of one strip without compression; `tags` adds others: number -> (struct type, values).

    Photometric 0 is "zero is white", 1 "zero is black", 2 RGB; sample format 1 is unsigned, 2
    signed, 3 floating point.
    """
    entries: dict[int, tuple[str, Sequence[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * samples),
        259: ("H", [1]),
        262: ("H", [photometric]),
        273: ("I", [0]),  # where the pixels are: filled in below
        277: ("H", [samples]),
        278: ("I", [height]),
        279: ("I", [len(data)]),
        339: ("H", [sample_format] * samples),
        **(tags or {}),
    }
    start = 8 + 2 + 12 * len(entries) + 4
    long = {n: struct.pack(f"{order}{len(v)}{t}", *v) for n, (t, v) in entries.items()}
    entries[273] = ("I", [start + sum(len(raw) for raw in long.values() if len(raw) > 4)])
    long[273] = struct.pack(f"{order}I", *entries[273][1])
    directory, beyond = b"", b""
    for number, (kind, values) in sorted(entries.items()):
        raw = long[number]
        if len(raw) > 4:
            raw, beyond = struct.pack(f"{order}I", start + len(beyond)), beyond + raw
        code = {"B": 1, "H": 3, "I": 4}[kind]
        directory += struct.pack(f"{order}HHI", number, code, len(values)) + raw.ljust(4, b"\0")
    head = b"II*\0" if order == "<" else b"MM\0*"
    count = struct.pack(f"{order}IH", 8, len(entries))
    return head + count + directory + b"\0\0\0\0" + beyond + data


# ---------------------------------------------------------------------- colour profiles


def rgb_profile(primaries: Sequence[Sequence[float]], gamma: float, *, padding: int = 0) -> bytes:
    """A profile of red, green and blue (XYZ each, adapted to D50) and one gamma."""
    tags = {b"junk": bytes(padding)} if padding else {}
    tags |= {name: _xyz(p) for name, p in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    return _profile(
        b"RGB ", b"XYZ ", tags | {name: _curve(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")}
    )


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def cmyk_profile() -> bytes:
    """Inks whose colours nobody has: cyan prints red (Lab 53, 80, 67), all others black."""
    white, red, black = (255, 128, 128), (135, 208, 195), (0, 128, 128)
    grid = b"".join(
        bytes(white if not inks else red if inks == 0b1000 else black) for inks in range(16)
    )
    identity = [65536, 0, 0, 0, 65536, 0, 0, 0, 65536]
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + struct.pack(">4B9i", 4, 3, 2, 0, *identity) + ramp * 4 + grid
    return _profile(b"CMYK", b"Lab ", {b"A2B0": table + ramp * 3}, b"prtr")


def _xyz(value: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in value))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def _profile(space: bytes, pcs: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    tags = tags | {b"wtpt": _xyz(D50)}
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    header = struct.pack(
        ">I4sI4s4s4s6H4s4sI4sIQI12s4s",
        start + len(data), b"lcms", 0x02400000, kind, space, pcs,
        2024, 1, 1, 0, 0, 0, b"acsp", b"APPL", 0, b"none", 0, 0, 0, _xyz(D50)[8:], b"none",
    )  # fmt: skip
    return header.ljust(128, b"\0") + table + data
