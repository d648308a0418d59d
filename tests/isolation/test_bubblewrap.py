"""What bubblewrap shows of the system's folders."""

from __future__ import annotations

import os
import subprocess

import pytest

from autograder.isolation import bubblewrap


def test_nbgraders_exchange_is_not_shown_although_it_lies_in_usr(monkeypatch: pytest.MonkeyPatch) -> None:
    program = bubblewrap.find_bubblewrap()
    assert program, "bubblewrap is missing: install it with 'apt install bubblewrap'"
    monkeypatch.setattr(bubblewrap, "EXCHANGES", ("/usr/share/doc", "/usr/share/there-is-none"))  # a folder that every system has
    assert os.listdir("/usr/share/doc")
    arguments = bubblewrap.bubblewrap_arguments(program, [], {"PATH": "/usr/bin:/bin"}, user_namespace=os.getuid() != 0, gpu=False)
    listed = subprocess.run([*arguments, "ls", "-A", "/usr/share/doc"], capture_output=True, text=True)
    assert (listed.returncode, listed.stdout) == (0, ""), listed.stderr
    written = subprocess.run([*arguments, "touch", "/usr/share/doc/mine"], capture_output=True, text=True)
    assert "Read-only file system" in written.stderr
