"""Downloads of submissions: what is in order is unpacked, everything else is named and left out."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import UsageError
from autograder.intake.archive import ArchiveLimits, unpacked

GOOD = {"ada/tiny/tiny.ipynb": b"{}", "ada/tiny/data/a.csv": b"1,2", "bob/tiny/tiny.ipynb": b"[]"}
KINDS = ["zip", "tar", "tar.gz"]
Tree = dict[str, bytes]


def make(path: Path, entries: list[tuple[str, bytes]], kind: str) -> Path:
    archive = path / f"download.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, data in entries:
                zipped.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    else:
        with tarfile.open(archive, "w:gz" if kind.endswith("gz") else "w") as tar:
            for name, data in entries:
                tar.addfile(tar_entry(name, size=len(data)), io.BytesIO(data))
    return archive


def tar_entry(name: str, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def tree(archive: Path, state: Path, **limits: Any) -> tuple[Tree, list[str]]:
    """What lies in the students' folder while it is there, and the lines; afterwards nothing is left."""
    with unpacked(archive, "tiny", state, ArchiveLimits(**limits)) as found:
        files = {path.relative_to(found.folder).as_posix(): path for path in found.folder.rglob("*")}
        assert not any(path.is_symlink() for path in files.values())
        read = {name: path.read_bytes() for name, path in files.items() if path.is_file()}
    assert list(state.iterdir()) == []
    return read, list(found.refused)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("around", ["", "submitted/", "./"])
def test_submissions_are_unpacked_as_nbgrader_lays_them_out(tmp_path: Path, kind: str, around: str) -> None:
    archive = make(tmp_path, [(around + name, data) for name, data in GOOD.items()], kind)
    assert tree(archive, tmp_path / "state") == (GOOD, [])


@pytest.mark.parametrize("kind", KINDS)
def test_other_assignments_and_notes_of_the_lms_are_left_out_in_one_line(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path, [*GOOD.items(), ("ada/other/other.ipynb", b"{}"), ("index.html", b"")], kind)
    assert tree(archive, tmp_path / "state") == (GOOD, ["2 entries belong to no submission of 'tiny' and are left out."])


NAMES = {
    "../../../eve/tiny/x": "leads out of the folder",
    "eve/tiny/../../../x": "leads out of the folder",
    "eve\\tiny\\..\\..\\x": "leads out of the folder",
    "/eve/tiny/x": "begins at the root",
    "C:/eve/tiny/x": "begins at the root",
    "C:\\eve\\tiny\\x": "begins at the root",
    "eve/tiny/a\nb": "no readable text",
    "eve/tiny/\x1b[2J": "no readable text",
    f"eve/tiny/{'x' * 300}": "too long",
    "eve/tiny/" + "x/" * 600 + "x": "too long",
    "ADA/tiny/TINY.ipynb": "apart from capitals",
    "ada/tiny/tiny.ipynb": "apart from capitals",
    "ada/tiny/tiny.ipynb/x": "a file stands where it needs a folder",
    "ada/tiny/data": "a file stands where it needs a folder",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_do_harm_are_refused_and_the_rest_is_unpacked(tmp_path: Path, kind: str, name: str) -> None:
    files, lines = tree(make(tmp_path, [*GOOD.items(), (name, b"evil")], kind), tmp_path / "state")
    assert files == GOOD
    (line,) = lines
    assert NAMES[name] in line
    assert "\n" not in line
    assert line.isascii()


def test_folders_separated_as_on_windows_are_understood(tmp_path: Path) -> None:
    archive = make(tmp_path, [(name.replace("/", "\\"), data) for name, data in GOOD.items()], "zip")
    assert tree(archive, tmp_path / "state") == (GOOD, [])


def test_a_student_whose_every_entry_is_refused_still_has_a_submission(tmp_path: Path) -> None:
    archive = make(tmp_path, [*GOOD.items(), ("eve/tiny/a\nb", b"x")], "zip")
    with tarfile.open(tmp_path / "links.tar", "w") as tar:
        tar.addfile(tar_entry("eve/tiny/tiny.ipynb", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
    with unpacked(archive, "tiny", tmp_path / "state") as found:
        assert not (found.folder / "eve").exists()  # its name could not be read
    with unpacked(tmp_path / "links.tar", "tiny", tmp_path / "state") as found:
        assert list((found.folder / "eve/tiny").iterdir()) == []


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "it is a link"),
        ({"type": tarfile.SYMTYPE, "linkname": "../../ada/tiny/tiny.ipynb"}, "it is a link"),
        ({"type": tarfile.LNKTYPE, "linkname": "ada/tiny/tiny.ipynb"}, "it is a hard link"),
        ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, "it is a device"),
        ({"type": tarfile.BLKTYPE}, "it is a device"),
        ({"type": tarfile.FIFOTYPE}, "it is a named pipe"),
        ({"type": b"Q"}, "it is no plain file"),
    ],
)
def test_what_is_no_plain_file_in_a_tar_file_is_refused(tmp_path: Path, attributes: dict[str, Any], reason: str) -> None:
    archive = make(tmp_path, [], "tar")
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tar_entry("eve/tiny/tiny.ipynb", **attributes))
        for name, data in GOOD.items():
            tar.addfile(tar_entry(name, size=len(data)), io.BytesIO(data))
    assert tree(archive, tmp_path / "state") == (GOOD, [f"'eve/tiny/tiny.ipynb' is left out: {reason}."])


def zip_with(path: Path, change: Callable[[zipfile.ZipInfo], None]) -> Path:
    archive = path / "download.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, data in GOOD.items():
            zipped.writestr(name, data)
        odd = zipfile.ZipInfo("eve/tiny/tiny.ipynb")
        change(odd)
        zipped.writestr(odd, b"/etc/passwd")
    return archive


@pytest.mark.parametrize(
    ("mode", "reason"), [(0o120777, "it is a link"), (0o010644, "no plain file"), (0o020666, "no plain file"), (0o040755, "no plain file")]
)
def test_what_is_no_plain_file_in_a_zip_file_is_refused(tmp_path: Path, mode: int, reason: str) -> None:
    def odd(info: zipfile.ZipInfo) -> None:
        info.external_attr = mode << 16

    files, (line,) = tree(zip_with(tmp_path, odd), tmp_path / "state")
    assert files == GOOD
    assert reason in line


def patched(archive: Path, name: bytes, offset: int, value: bytes) -> Path:
    """Changes the entry's header in the directory at the end of a zip file, and before its data."""
    data = bytearray(archive.read_bytes())
    for signature, fixed, shift in ((b"PK\x01\x02", 46, 2), (b"PK\x03\x04", 30, 0)):
        at = data.index(name) if fixed == 30 else data.rindex(name)
        assert data[at - fixed :][:4] == signature
        data[at - fixed + offset + shift : at - fixed + offset + shift + len(value)] = value
    archive.write_bytes(data)
    return archive


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (6, struct.pack("<H", 1), "it is encrypted"),
        (8, struct.pack("<H", 97), "it is damaged"),  # an unknown way to pack
        (14, struct.pack("<L", 7), "it is damaged"),  # another checksum
        (22, struct.pack("<L", 2**30), "bytes, "),  # a size that is not true
        (22, struct.pack("<L", 500), "it ends after 11 of 500 bytes"),
        (22, struct.pack("<L", 5), "it is damaged"),
    ],
)
def test_encrypted_and_damaged_entries_of_a_zip_file_are_refused(tmp_path: Path, offset: int, value: bytes, reason: str) -> None:
    archive = patched(zip_with(tmp_path, lambda info: None), b"eve/tiny/tiny.ipynb", offset, value)
    files, (line,) = tree(archive, tmp_path / "state")
    assert files == GOOD
    assert reason in line


@pytest.mark.parametrize("kind", KINDS)
def test_one_students_bomb_does_not_cost_the_others(tmp_path: Path, kind: str) -> None:
    many = [(f"eve/tiny/{index}", b"") for index in range(50)]
    large = [("mallory/tiny/zeros", b"\0" * 30_000), ("mallory/tiny/more", b"\0" * 30_000)]
    archive = make(tmp_path, [*many, *large, *GOOD.items()], kind)
    files, lines = tree(archive, tmp_path / "state", submission_entries=20, submission_bytes=50_000)
    assert {name: data for name, data in files.items() if not name.startswith(("eve", "mallory"))} == GOOD
    assert sum(name.startswith("eve") for name in files) == 20
    assert [name for name in files if name.startswith("mallory")] == ["mallory/tiny/zeros"]
    assert lines[3:] == [
        "27 more entries of 'eve' are left out.",
        "'mallory/tiny/more' is left out: it has 30,000 bytes, 20,000 are still allowed.",
    ]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_what_expands_too_much_is_not_unpacked_to_its_end(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path, [*GOOD.items(), ("eve/tiny/zeros", b"\0" * 5_000_000), ("mallory/tiny/zeros", b"\0" * 5_000_000)], kind)
    files, lines = tree(archive, tmp_path / "state", ratio=10, free_ratio_bytes=1_000_000)
    assert files == GOOD
    assert any("still allowed" in line or "as an attack does" in line for line in lines)


def test_there_is_an_end_to_entries(tmp_path: Path) -> None:
    archive = make(tmp_path, [*GOOD.items(), *((f"x{index}", b"") for index in range(20))], "tar")
    files, lines = tree(archive, tmp_path / "state", entries=10)
    assert files == GOOD
    assert lines[-1] == "The rest of the archive is left out: it has more than 10 entries."


BEFORE = 3 * 1024  # header and data of what is in order


@pytest.mark.parametrize(
    ("kind", "end", "said"),
    [
        ("tar.gz", -40, "Compressed file ended"),
        ("tar", BEFORE + 512 + 100_352, "it has no end mark, so it may have been cut off"),
        ("tar", BEFORE + 512 + 50_000, "unexpected end of data"),
        ("tar", BEFORE + 200, "it is damaged"),
    ],
)
def test_a_download_that_was_cut_off_says_so(tmp_path: Path, kind: str, end: int, said: str) -> None:
    archive = make(tmp_path, [*GOOD.items(), ("eve/tiny/random", os.urandom(100_000))], kind)
    archive.write_bytes(archive.read_bytes()[:end])
    files, lines = tree(archive, tmp_path / "state")
    assert GOOD.items() <= files.items()
    assert lines[-1].startswith("The rest of the archive is left out: ")
    assert said in lines[-1]


def header(name: str, kind: bytes, size: int) -> bytes:
    return tar_entry(name, type=kind, size=size).tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(tarfile.XHDTYPE, "a header has"), (tarfile.GNUTYPE_LONGNAME, "a header has"), (tarfile.GNUTYPE_SPARSE, "sparse file")],
)
def test_headers_that_would_fill_the_memory_end_the_reading(tmp_path: Path, kind: bytes, said: str) -> None:
    archive = make(tmp_path, list(GOOD.items()), "tar")
    data = archive.read_bytes()
    end = 512 * 2 * len(GOOD)
    archive.write_bytes(data[:end] + header("eve/tiny/x", kind, 2**30) + b"\0" * 10_240)
    files, lines = tree(archive, tmp_path / "state")
    assert files == GOOD
    assert said in lines[-1]


def test_a_sparse_file_of_the_newer_kind_ends_the_reading(tmp_path: Path) -> None:
    archive = tmp_path / "download.tar"
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in GOOD.items():
            tar.addfile(tar_entry(name, size=len(data)), io.BytesIO(data))
        marks = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "9"}
        tar.addfile(tar_entry("eve/tiny/x", size=512, pax_headers=marks), io.BytesIO(b"9999999999\n" + b"\0" * 501))
    files, lines = tree(archive, tmp_path / "state")
    assert files == GOOD
    assert "sparse file" in lines[-1]


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04broken", gzip.compress(b"text"), gzip.compress(b"x" * 2_000), b"\x1f\x8b"])
def test_what_is_no_archive_is_wrong_usage(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(UsageError, match="is no zip or tar file that can be read"), unpacked(tmp_path / "file", "tiny", tmp_path / "state"):
        pass
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_a_damaged_entry_costs_nobody_else_anything(tmp_path: Path, method: int) -> None:
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("ada/tiny/tiny.ipynb", b"{}")
        zipped.writestr("bob/tiny/tiny.ipynb", bytes(range(256)) * 40, method)
        place = zipped.getinfo("bob/tiny/tiny.ipynb").header_offset
        zipped.writestr("eve/tiny/tiny.ipynb", b"[]")
    data = bytearray(archive.read_bytes())
    start = place + 30 + len("bob/tiny/tiny.ipynb")
    data[start + 12 : start + 40] = b"\xff" * 28
    archive.write_bytes(data)
    files, lines = tree(archive, tmp_path / "state")
    assert files == {"ada/tiny/tiny.ipynb": b"{}", "eve/tiny/tiny.ipynb": b"[]"}
    assert ["bob/tiny/tiny.ipynb' is left out: it is damaged" in line for line in lines] == [True]


def test_what_a_killed_command_unpacked_is_removed_by_the_next_one_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    archive = make(tmp_path, list(GOOD.items()), "zip")
    state = tmp_path / "state"
    (state / "unpacked-left/ada").mkdir(parents=True)
    with unpacked(archive, "tiny", state) as first:
        assert not (state / "unpacked-left").exists()
        with unpacked(archive, "tiny", state) as second:
            assert first.folder != second.folder
        assert (first.folder / "ada/tiny/tiny.ipynb").is_file()
    assert list(state.iterdir()) == []
