"""A file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from inst_tutorial.files import OutputError, atomic_path, check_writable


def test_a_file_is_as_readable_as_others(tmp_path):
    other = tmp_path / "other"
    other.touch()
    with atomic_path(tmp_path / "word") as temporary:
        temporary.touch(mode=0o600)
    assert (tmp_path / "word").stat().st_mode == other.stat().st_mode


def test_the_file_appears_under_its_name_and_nothing_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "word.safetensors"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"whole")
        assert not target.exists()
        assert temporary.suffix == target.suffix
    assert target.read_bytes() == b"whole"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_a_fault_keeps_the_old_file(tmp_path: Path, fault: type[BaseException]) -> None:
    target = tmp_path / "word.bin"
    target.write_bytes(b"old")
    with pytest.raises(fault), atomic_path(target) as temporary:
        temporary.write_bytes(b"half of the n")
        raise fault
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_drive_that_is_not_there_is_named(monkeypatch) -> None:
    monkeypatch.setattr("os.path.lexists", lambda path: False)
    with pytest.raises(OutputError, match=r"cannot write .*word\.bin: there is no "):
        check_writable("folder/word.bin")


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError), atomic_path(tmp_path / "word.bin"):
        pass
    assert list(tmp_path.iterdir()) == []
