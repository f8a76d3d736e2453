"""Open zip and gzip archives from hands that nobody trusts: in memory, within limits, or not at all."""

import gzip
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import pairwise

from hub.connectors.formats import NotReadable

PACKED = frozenset({".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz", ".zst"})
"""The ends of names of archives: those inside an archive are left closed."""

_MOST_ENTRIES = 1000
_MOST_HEADERS = 20_000
_MOST_MEMBERS = 10_000
_MEMBER = b"\x1f\x8b\x08"
_ZIP = b"PK"
_HEADER = b"PK\x01\x02"
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_DRIVE = re.compile(r"[A-Za-z]:")

# Text packs to a twentieth; what packs to less than this was made to burst. Small files are let be.
_MOST_RATIO = 250
_SMALL = 2**20
_WAYS_OF_PACKING = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def unpacked(data: bytes, pick: str, most: int) -> Iterator[tuple[str, bytes]]:
    """Give the files of a zip archive that the pattern picks, by name, each inflated when its turn comes.

    Raises NotReadable for an archive that is broken, encrypted, or made to do harm: one that inflates to more than
    `most` bytes, that has a thousand entries, entries over one another, names that lead elsewhere, or links.
    """
    if data.count(_HEADER) > _MOST_HEADERS:  # Listing a million entries would itself fill the memory.
        raise NotReadable(f"has more than {_MOST_ENTRIES:,} entries")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            left = most
            for name, entry in _chosen(archive, pick, most):
                content = _inflated(archive, entry, name, left)
                left -= len(content)
                yield name, content
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise NotReadable(f"is not a zip archive that can be opened: {error}") from None


def opened_body(data: bytes, pick: str | None, most: int) -> bytes:
    """Take off the packing of an answer: gzip as it begins, and zip where a pattern names the one file in it."""
    if data.startswith(_MEMBER):
        return gunzipped(data, most)
    if pick is None or not data.startswith(_ZIP):
        return data
    held = [content for _, content in unpacked(data, pick, most)]
    if len(held) != 1:
        raise NotReadable(f"holds {len(held)} files that `inside: {pick}` fits, and not one")
    return held[0]


def _chosen(archive: zipfile.ZipFile, pick: str, most: int) -> list[tuple[str, zipfile.ZipInfo]]:
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise NotReadable(f"has {len(entries):,} entries, more than {_MOST_ENTRIES:,}")
    _refuse_overlaps(entries)
    named = [(_safe_name(entry), entry) for entry in entries]
    chosen = [(name, entry) for name, entry in named if not entry.is_dir() and _is_picked(name, pick)]
    for name, entry in chosen:
        _refuse_oddities(name, entry)
    if sum(entry.file_size for _, entry in chosen) > most:
        raise _too_large()
    return sorted(chosen, key=lambda pair: pair[0])


def _refuse_overlaps(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share their bytes: that is how 42 kB become 5 GB in one layer."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    for entry, following in pairwise(ordered):
        if entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size > following.header_offset:
            raise NotReadable("has entries that lie over one another, as only bombs have")


def _safe_name(entry: zipfile.ZipInfo) -> str:
    name = _decoded(entry).replace("\\", "/")
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
        raise NotReadable(f"holds {name[:80]!r}, a name that leads out of the archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise NotReadable(f"holds a link, {name[:80]!r}")
    return name


def _decoded(entry: zipfile.ZipInfo) -> str:
    """Read a name that is not marked as UTF-8: Windows packs in the code page of the country, here GBK."""
    if entry.flag_bits & _UTF8_NAME:
        return entry.filename
    raw = entry.filename.encode("cp437")  # which is how zipfile read it, byte by byte
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename


def _is_picked(name: str, pick: str) -> bool:
    """Match the whole path where the pattern has folders, else the last name; hidden ones and archives stay closed."""
    last = name.rpartition("/")[2]
    if last.startswith((".", "~$")) or any(last.lower().endswith(ending) for ending in PACKED):
        return False
    return fnmatchcase(name if "/" in pick else last, pick)


def _refuse_oddities(name: str, entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise NotReadable(f"is encrypted: {name} needs a password", hint="have it packed without one")
    if entry.compress_type not in _WAYS_OF_PACKING:
        raise NotReadable(f"holds {name}, packed in a way that is rarely read", hint="have it packed by plain zip")
    if entry.file_size > _SMALL and entry.file_size > _MOST_RATIO * max(entry.compress_size, 1):
        raise NotReadable(f"holds {name}, which inflates to more than {_MOST_RATIO} times its size")


def _inflated(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, left: int) -> bytes:
    # What the entry says of its size is not believed: zipfile stops there, and its check sum tells.
    with archive.open(entry) as opened:
        content = opened.read(left + 1)
    if len(content) > left:
        raise _too_large()
    if entry.file_size != len(content):
        raise NotReadable(f"breaks off within {name}")
    return content


def _too_large() -> NotReadable:
    return NotReadable("inflates to more than limits.max_body", hint="raise it if you trust the file")


def gunzipped(data: bytes, most: int) -> bytes:
    """Inflate a gzip file, of several members where it has them. Raises NotReadable as `unpacked` does."""
    if data.count(_MEMBER) > _MOST_MEMBERS:  # Each takes its time, even an empty one.
        raise NotReadable(f"has more than {_MOST_MEMBERS:,} members")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as opened:
            content = opened.read(most + 1)
    except (zlib.error, EOFError, OSError) as error:
        raise NotReadable(f"is not a gzip file that can be read: {error}") from None
    if len(content) > most:
        raise _too_large()
    return content
