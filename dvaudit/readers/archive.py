"""Reading zip archives from strangers: nothing in one chooses a path, a size or a type.

Members are read in place and never unpacked to their names.
"""

from __future__ import annotations

import itertools
import lzma
import stat
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dvaudit.core.errors import MissingSourceError, UnreadableInputError, some

MAX_ENTRIES = 1_000_000
MAX_FILE = 256 << 20
MAX_TOTAL = 200 << 30
MAX_RATIO = 200  # of unpacked to packed size, for members above RATIO_FROM
RATIO_FROM = 16 << 20  # below it, a blank uncompressed picture is likelier than an attack
MAX_NAME = 512
MAX_DEPTH = 32

_LOCAL_HEADER = 30
_LOCAL_MAGIC = b"PK\x03\x04"
_NO_DIRECTORY = "File is not a zip file"  # what zipfile says where the directory is not found
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}
)
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, ValueError, KeyError),
)
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"})


@dataclass(frozen=True)
class Member:
    """One file of an archive or folder: what people call it, and what opens it."""

    name: str
    key: str


def is_litter(name: str) -> bool:
    """True for hidden and system files: not data, so not worth a word."""
    return any(
        part.startswith(".") or part.lower() in _LITTER for part in PurePosixPath(name).parts
    )


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip.

    Raises:
        MissingSourceError: the file is gone.
        UnreadableInputError: no zip, or damaged.
    """
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise gone(path) from error
    except zipfile.BadZipFile as error:
        raise UnreadableInputError(f"{path.name} {_no_zip(path, error)}") from error
    except (*DAMAGED, NotImplementedError) as error:
        raise UnreadableInputError(f"{path.name} cannot be opened as a zip: {error}") from error


def gone(path: Path) -> MissingSourceError:
    """Return the refusal for a file or folder that was there before."""
    return MissingSourceError(
        f"{path} is gone: it was moved or deleted. Put it back, or import the data again."
    )


def _no_zip(path: Path, error: zipfile.BadZipFile) -> str:
    with path.open("rb") as file:
        begins_well = file.read(len(_LOCAL_MAGIC)) == _LOCAL_MAGIC
    if begins_well and str(error) == _NO_DIRECTORY:
        return (
            f"seems to be cut off after {path.stat().st_size:,} bytes: it begins as a zip, but the "
            "list of its files, which comes last, is missing. Copy or download it again."
        )
    return f"cannot be opened as a zip: {error}"


def members(archive: zipfile.ZipFile, name: str) -> list[Member]:
    """List the data files in archive order, after checking every entry.

    Raises:
        UnreadableInputError: an entry with an unsafe name, a link, a device, an encrypted or
            overlapping entry, a name twice, an expansion like a bomb's, or too much of anything.
    """
    infos = archive.infolist()
    _check_sizes(infos, name)
    out: list[Member] = []
    seen: dict[str, str] = {}
    for info in infos:
        shown = display_name(info)
        reason = _unsafe(info, shown)
        if reason:
            raise UnreadableInputError(f"{name} is refused: {shown!r} {reason}.")
        if info.is_dir() or is_litter(shown):
            continue
        key = unicodedata.normalize("NFC", shown)
        if key in seen:
            raise UnreadableInputError(f"{name} is refused: it holds {shown!r} more than once.")
        seen[key] = shown
        out.append(Member(shown, info.filename))
    return out


def read_member(archive: zipfile.ZipFile, key: str) -> bytes:
    """Return a member's bytes, counted as they come: a header's own figure is not believed.

    Raises:
        UnreadableInputError: damaged, in an unknown compression, or longer than MAX_FILE.
    """
    try:
        with archive.open(key) as file:
            data = file.read(MAX_FILE + 1)
    except DAMAGED as error:
        raise UnreadableInputError(f"damaged in the archive ({error})") from error
    except (NotImplementedError, RuntimeError) as error:
        raise UnreadableInputError(f"cannot be unpacked ({error})") from error
    if len(data) > MAX_FILE:
        raise UnreadableInputError(f"longer than {MAX_FILE >> 20} MiB")
    return data


def refuse_bomb(path: Path, limit: int = 4 << 30) -> None:
    """Check the zip inside a file format (xlsx, npz) before a library unpacks it.

    Raises:
        UnreadableInputError: no zip, overlapping entries, or more than `limit` bytes unpacked.
    """
    with open_archive(path) as archive:
        infos = archive.infolist()
        _check_overlap(infos, path.name)
        total = sum(info.file_size for info in infos)
        if total > limit:
            raise UnreadableInputError(
                f"{path.name} would unpack to {total / 2**30:,.1f} GiB; the most allowed here is "
                f"{limit / 2**30:,.1f} GiB."
            )


def display_name(info: zipfile.ZipInfo) -> str:
    """Return the name as people see it.

    Archivers on Linux and macOS write UTF-8 without saying so, which the standard reads as cp437.
    """
    if info.flag_bits & _UTF8_FLAG or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def unsafe_name(name: str) -> str | None:
    """Return why a path may not be used as a name in an archive, None where it may."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":":
        return "points out of the archive"
    if len(name) > MAX_NAME or len(path.parts) > MAX_DEPTH:
        return f"has a name over {MAX_NAME} characters or {MAX_DEPTH} folders"
    if any(ord(character) < 32 for character in name):
        return "has control characters in its name"
    if any(part.split(".")[0].lower() in _RESERVED for part in path.parts):
        return "has a name that is reserved for a device"
    return None


def _unsafe(info: zipfile.ZipInfo, shown: str) -> str | None:
    # zipfile itself cuts a name at a zero byte and turns the system's separator into "/".
    reason = unsafe_name(shown) or unsafe_name(info.orig_filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if reason is None and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        reason = "is a link or a device"
    if reason is None and info.flag_bits & _ENCRYPTED_FLAG:
        reason = "is encrypted; unpack the archive and zip it without a password"
    if (
        reason is None
        and info.file_size > RATIO_FROM
        and info.file_size > MAX_RATIO * max(1, info.compress_size)
    ):
        reason = f"expands more than {MAX_RATIO} times, as a zip bomb does"
    return reason


def _check_sizes(infos: list[zipfile.ZipInfo], name: str) -> None:
    if len(infos) > MAX_ENTRIES:
        raise UnreadableInputError(
            f"{name} holds {len(infos):,} entries; the most allowed is {MAX_ENTRIES:,}."
        )
    total = sum(info.file_size for info in infos)
    if total > MAX_TOTAL:
        raise UnreadableInputError(
            f"{name} would unpack to {total >> 30:,} GiB; the most allowed is "
            f"{MAX_TOTAL >> 30:,} GiB."
        )
    _check_overlap(infos, name)


def _check_overlap(infos: list[zipfile.ZipInfo], name: str) -> None:
    ordered = sorted(infos, key=lambda info: info.header_offset)
    overlapping = [
        repr(first.filename)
        for first, second in itertools.pairwise(ordered)
        if first.header_offset + _LOCAL_HEADER + first.compress_size > second.header_offset
    ]
    if overlapping:
        raise UnreadableInputError(
            f"{name} is refused: {len(overlapping)} entries overlap others, as in a zip bomb: "
            f"{some(overlapping)}."
        )
