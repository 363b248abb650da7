"""Zip files become folders, and harmful ones an error."""

from __future__ import annotations

import os
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from local_gateway import archives
from local_gateway.api import Identity
from local_gateway.archives import ArchiveRefused, unpack
from local_gateway.errors import TemplateError
from local_gateway.template import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEMPLATE = """\
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties: { Runtime: python3.13, Handler: app.handler, Code: code.zip, Layers: [!Ref Layer] }
  Layer:
    Type: AWS::Lambda::LayerVersion
    Properties: { Content: layer.zip }
"""


def write_zip(path: Path, files: Mapping[str, bytes], *, mode: int = stat.S_IFREG | 0o644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


def problem_of(archive: Path, cache: Path) -> str:
    with pytest.raises(ArchiveRefused) as caught:
        unpack(archive, cache)
    return str(caught.value)


def test_an_archive_becomes_a_folder_named_by_its_content(tmp_path: Path) -> None:
    one = write_zip(tmp_path / "one.zip", {"app.py": b"1", "inner/deep.py": b"2", "empty/": b""})
    same = tmp_path / "same.zip"
    same.write_bytes(one.read_bytes())
    other = write_zip(tmp_path / "other.zip", {"app.py": b"3"})

    folders = [unpack(archive, tmp_path / "cache") for archive in (one, same, other)]

    assert folders[0] == folders[1] != folders[2]
    assert (folders[0] / "inner" / "deep.py").read_bytes() == b"2"
    assert (folders[0] / "empty").is_dir()
    assert set((tmp_path / "cache").iterdir()) == set(folders)


def test_executables_and_links_stay_what_they_are(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"bootstrap": b"#!/bin/sh"}, mode=stat.S_IFREG | 0o755)
    with zipfile.ZipFile(archive, "a") as more:
        link = zipfile.ZipInfo("bin/start")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        more.writestr(link, b"../bootstrap")

    folder = unpack(archive, tmp_path / "cache")

    assert os.access(folder / "bootstrap", os.X_OK)
    assert (folder / "bin" / "start").resolve() == (folder / "bootstrap").resolve()


def test_files_that_nobody_may_read_can_be_read(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"app.py": b"x"}, mode=stat.S_IFREG)

    folder = unpack(archive, tmp_path / "cache")

    assert stat.S_IMODE((folder / "app.py").stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["../app.py", "/etc/app.py", "a/../../app.py", "..\\app.py"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    archive = write_zip(tmp_path / "a.zip", {"good.py": b"", name: b""})

    problem = problem_of(archive, tmp_path / "cache")

    assert problem.startswith("would write outside of its folder: ")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("target", [b"/etc/passwd", b"..", b"../x", b"sub/../../x"])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: bytes) -> None:
    archive = write_zip(tmp_path / "a.zip", {"link": target}, mode=stat.S_IFLNK | 0o777)

    assert problem_of(archive, tmp_path / "cache") == (
        "has a link that leads out of its folder: 'link'"
    )


@pytest.mark.parametrize(
    "links",
    [
        {"d/e/above": b"../..", "out": b"d/e/above/../x"},
        {"out": b"d/e/above/../x", "d/e/above": b"../.."},
        {"d/e/above": b"../..", "out": b"d/e/above/..", "out/made": b"x"},
    ],
    ids=["a link", "before its link", "a folder"],
)
def test_links_that_lead_out_together_are_refused(tmp_path: Path, links: dict[str, bytes]) -> None:
    archive = write_zip(tmp_path / "a.zip", links, mode=stat.S_IFLNK | 0o777)

    problem = problem_of(archive, tmp_path / "cache")

    assert problem.startswith("has links that lead out of its folder: 'out")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_device_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"null": b""}, mode=stat.S_IFCHR | 0o666)

    assert problem_of(archive, tmp_path / "cache") == (
        "holds 'null', which is no file, folder or link"
    )


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "UNPACKED_BYTES", 3_000_000)
    archive = write_zip(tmp_path / "a.zip", {"a": bytes(2_000_000), "b": bytes(2_000_000)})

    problem = problem_of(archive, tmp_path / "cache")

    assert archive.stat().st_size < 10_000
    assert problem == "unpacks to more than 3,000,000 bytes, which is Lambda's limit"
    assert list((tmp_path / "cache").iterdir()) == []


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    archive = write_zip(tmp_path / "a.zip", dict.fromkeys("abc", b""))

    assert problem_of(archive, tmp_path / "cache") == "has 3 entries; 2 are the limit"


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"a": bytes(1_000)})
    content = bytearray(archive.read_bytes())
    content[35] ^= 0xFF
    archive.write_bytes(content)

    assert problem_of(archive, tmp_path / "cache").startswith("can't be unpacked: ")


def test_what_no_start_has_used_for_a_week_is_forgotten(tmp_path: Path) -> None:
    old = unpack(write_zip(tmp_path / "a.zip", {"a": b""}), tmp_path / "cache")
    os.utime(old, (0, 0))

    new = unpack(write_zip(tmp_path / "b.zip", {"b": b""}), tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == [new]


def test_the_code_and_the_layers_of_a_template_may_be_archives(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    write_zip(tmp_path / "code.zip", {"app.py": b"import shared"})
    write_zip(tmp_path / "layer.zip", {"python/shared.py": b""})

    application = load(
        tmp_path / "template.yaml",
        parameters={},
        identity=Identity(),
        cache_dir=tmp_path / "cache",
    )

    function = application.functions["Function"]
    assert (function.code / "app.py").read_bytes() == b"import shared"
    assert [(layer / "python" / "shared.py").is_file() for layer in function.layers] == [True]


def test_an_archive_that_is_refused_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    write_zip(tmp_path / "code.zip", {"../app.py": b""})
    write_zip(tmp_path / "layer.zip", {})

    with pytest.raises(TemplateError) as caught:
        load(
            tmp_path / "template.yaml",
            parameters={},
            identity=Identity(),
            cache_dir=tmp_path / "cache",
        )

    assert str(caught.value) == (
        f"{tmp_path}/template.yaml: Function.Properties.Code: code.zip would write outside of its "
        "folder: '../app.py'."
    )
