"""Data files that lie on a machine once, for all users' Jupyter servers: nobody's first login downloads anything.

Keras uses its folder only where it may write. Pointed at a folder that only root may write, it silently takes one under /tmp and downloads.
So each user keeps a Keras folder of their own, in which the shared files are linked.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def link_shared(folder: Path) -> None:
    """Links each file of `folder` into this user's `datasets` in Keras' folder, where nothing of that name is. Never raises.

    Called in the user's own process, as the user, before a notebook runs: from `jupyter_server_config.py`.
    """
    own = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "datasets"
    try:
        own.mkdir(parents=True, exist_ok=True)
        for file in sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith(".")):
            _link(own / file.name, file)
    except OSError as error:  # a server must start all the same; Keras downloads then
        print(f"The data files in '{folder}' could not be linked into '{own}': {error}.", file=sys.stderr)


def _link(link: Path, file: Path) -> None:
    if link.is_symlink() and not link.exists():
        link.unlink()  # to where the files lay before
    if not link.exists():
        link.symlink_to(file.absolute())
