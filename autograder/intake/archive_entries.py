"""What an archive says of its entries, none of which is believed: their names, their kinds, and how much they expand to."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import IO, Any

_HEADER_BYTES = 1 << 16  # of a long name or of the attributes in a tar file; real ones have a few hundred
_KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}


class Refused(Exception):
    """This entry is not unpacked, and why."""


class Ended(Exception):
    """Nothing more of the archive is read, and why."""


def parts_of(name: str) -> list[str]:
    """The components of an entry's name. Raises Refused for one that does not stay in its folder or cannot be written."""
    plain = name.replace("\\", "/")  # as some programs on Windows separate folders
    if plain.startswith("/") or (len(plain) > 1 and plain[1] == ":"):
        raise Refused("its name begins at the root of a disk")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused("its name leads out of the folder ('..')")
    if not name.isprintable() or name.encode("utf-8", "replace").decode() != name:
        raise Refused("its name is no readable text")
    if not parts or len(name.encode()) > 1_000 or any(len(part.encode()) > 200 for part in parts):
        raise Refused("its name is empty or too long")
    return parts


def odd_in_zip(info: zipfile.ZipInfo) -> str:
    """Why an entry is no plain file or folder, or nothing."""
    if info.flag_bits & 0x1:
        return "it is encrypted"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind in (0, stat.S_IFREG) or (kind == stat.S_IFDIR and info.is_dir()):
        return ""
    return "it is a link" if kind == stat.S_IFLNK else "it is no plain file"


def odd_in_tar(member: tarfile.TarInfo, folder: Path) -> str:
    """Why an entry is no plain file or folder that may be written below `folder`, or nothing."""
    if not (member.isreg() or member.isdir()):
        return f"it is {_KINDS.get(member.type, 'no plain file')}"
    check = getattr(tarfile, "data_filter", None)  # Python's own check comes on top where there is one (from 3.11.4)
    try:
        if check is not None:
            check(member, os.fspath(folder))
    except tarfile.TarError as error:
        return f"Python's tarfile refuses it ({type(error).__name__})"
    return ""


class TarInfo(tarfile.TarInfo):
    """A header that cannot make tarfile fill the memory, and whose damage is not taken for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> TarInfo:
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
            raise Ended("it has no end mark, so it may have been cut off") from None
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]  # exist, not in the stub
            raise Ended(f"it is damaged ({error})") from None
        extended = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if found.type in extended and found.size > _HEADER_BYTES:
            raise Ended(f"a header has {found.size:,} bytes")
        if found.type == tarfile.GNUTYPE_SPARSE:
            raise Ended(f"{found.name[:200]!a} is a sparse file, which cannot be passed over")
        return found

    def _no_sparse(self, *_: Any) -> None:
        raise Ended(f"{self.name[:200]!a} is a sparse file, which cannot be passed over")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _no_sparse


class Limited:
    """A stream that ends the unpacking instead of giving more than so many bytes: what a gzip file expands to is known only then."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._left = stream, limit

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise Ended("it expands to more than is allowed, as an attack does")
        return data
