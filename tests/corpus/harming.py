"""Submissions that harm: take what there is, break what runs them, outlive their end, write what a page might run."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from tests.corpus.entry import ALL, Draft, entry
from tests.isolation.running import NAMED

DATA_ONLY = ("scaled", "total", "curve")
NAMESPACES = (3, 2)
SURVIVE = (
    NAMED
    + """
import os, signal, time
def outlive():
    name_this_process(TOKEN[:15])
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        time.sleep(600)
"""
)


@entry(outcome=("timed_out", "kernel_died", "memory_exceeded"), keeps=DATA_ONLY, levels=NAMESPACES, cold=True)
def fork_bomb(draft: Draft) -> None:
    """Forks until nothing is left, and goes on: ends at its time, its neighbours notice nothing."""
    draft.answer(
        "write_double",
        draft.know()
        + SURVIVE
        + "name_this_process(TOKEN[:15])\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    )


@entry(outcome="memory_exceeded", loses=("double",))
def asks_for_too_much_memory(draft: Draft) -> None:
    """One array larger than all its memory: an error like any other, later cells run."""
    draft.answer("write_double", "held = np.ones(2**36)")


@entry(outcome=("memory_exceeded", "timed_out"), keeps=DATA_ONLY)
def takes_all_memory(draft: Draft) -> None:
    """Fills more memory than it may, piece by piece: it alone fails, and keeps what was handed in before."""
    draft.answer("write_middle", "middle = None")  # whether later cells run depends on what was ended
    draft.answer("write_double", "held = []\nwhile True:\n    held.append(np.ones(2**24))")


@entry(outcome="cell_error", keeps=("scaled", "total", "curve", "middle"), levels=NAMESPACES)
def fills_the_disk(draft: Draft) -> None:
    """Writes until no space is left, then removes it: an error of its cell like any other."""
    draft.answer(
        "write_double",
        """
        import os
        try:
            for index in range(100):
                with open(f"big{index}", "wb") as stream:
                    stream.write(bytes(2**23))
        finally:
            for index in range(100):
                if os.path.exists(f"big{index}"):
                    os.unlink(f"big{index}")
        """,
    )


@entry(outcome="disk_exceeded", keeps=DATA_ONLY, levels=NAMESPACES)
def leaves_the_disk_full(draft: Draft) -> None:
    """Fills its disk and leaves it so: the outcome says it, what was handed in before counts."""
    draft.answer(
        "write_double",
        "try:\n    for index in range(100):\n        open(f'big{index}', 'wb').write(bytes(2**23))\nexcept OSError:\n    pass",
    )


@entry(outcome=("cell_error", "disk_exceeded", "timed_out"), keeps=DATA_ONLY, levels=NAMESPACES)
def takes_all_inodes(draft: Draft) -> None:
    """Makes empty files until there are no inodes or no time: what was handed in before counts."""
    draft.answer("write_double", "for index in range(300_000):\n    open(f'empty{index}', 'w').close()")


@entry(outcome="output_exceeded", keeps=DATA_ONLY, flags=("output_cut",))
def prints_without_end(draft: Draft) -> None:
    """Prints lines without end: ended at its limit, little is kept, and the collector stays small."""
    draft.answer("write_double", "while True:\n    print('x' * 100_000)")


@entry(outcome=("output_exceeded", "memory_exceeded"), keeps=DATA_ONLY, cold=True)
def prints_without_end_in_a_cold_process(draft: Draft) -> None:
    """As above, where a process of its own imports counts to its memory: what it has not sent yet may reach that limit first."""
    draft.answer("write_double", "while True:\n    print('x' * 100_000)")


@entry(outcome=("output_exceeded", "memory_exceeded", "timed_out"), keeps=DATA_ONLY)
def prints_200_mb_at_once(draft: Draft) -> None:
    """One print of 200 MB: ended, little is kept, and what was handed in before counts."""
    draft.answer("write_double", "print('x' * 200_000_000)")


@entry(outcome=("output_exceeded", "timed_out"), keeps=DATA_ONLY)
def displays_without_end(draft: Draft) -> None:
    """Displays and updates without end, each small enough to be kept."""
    draft.answer(
        "write_double",
        """
        from IPython.display import display
        shown = display("x", display_id="x")
        while True:
            display({"text/plain": "y" * 90_000, "text/html": "z" * 90_000}, raw=True)
            shown.update("y" * 90_000)
        """,
    )


@entry(outcome=("output_exceeded", "timed_out"), keeps=DATA_ONLY)
def floods_standard_error(draft: Draft) -> None:
    """Warnings, and bytes written past Python, to standard error without end."""
    draft.answer("write_double", "import os, sys\nwhile True:\n    print('e' * 100_000, file=sys.stderr)\n    os.write(2, b'e' * 2**16)")


@entry(outcome="timed_out", loses=("double",), flags=("cell_timed_out",), says="limit for one cell", cold=True)
def loops_for_ever(draft: Draft) -> None:
    """An endless loop is interrupted at the limit of a cell; later cells run."""
    draft.answer("write_double", "while True:\n    pass")


@entry(outcome="timed_out", keeps=DATA_ONLY, flags=("cell_timed_out",))
def swallows_interrupts(draft: Draft) -> None:
    """Catches every exception and ignores every signal: killed at the limit."""
    draft.answer(
        "write_double",
        """
        import signal
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
        """,
    )


@entry(outcome=("kernel_died", "timed_out"), keeps=DATA_ONLY, levels=NAMESPACES, cold=True)
def kills_everything_that_it_sees(draft: Draft) -> None:
    """SIGKILL to all processes that there are, its parents first: only its own sandbox hears it, and what was handed in counts."""
    draft.answer(
        "write_double",
        """
        import os, signal
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
            if pid != os.getpid():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        try:
            os.kill(-1, signal.SIGKILL)
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )


@entry(outcome="kernel_died", keeps=DATA_ONLY)
def kills_itself(draft: Draft) -> None:
    """SIGKILL to its own process: what was handed in before counts."""
    draft.answer("write_double", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")


@entry(outcome="kernel_died", keeps=DATA_ONLY)
def segmentation_fault(draft: Draft) -> None:
    """A crash below Python: what was handed in before counts."""
    draft.answer("write_double", "import ctypes\nctypes.string_at(0)")


@entry(outcome=("kernel_died", "cell_error"), keeps=None, loses=("double", "middle"))
def recursion_without_end(draft: Draft) -> None:
    """Recursion with the limit lifted, until the stack is full."""
    draft.answer("write_double", "import sys\nsys.setrecursionlimit(10**9)\ndef double(n):\n    return eval('double(n)')\ndouble(1)")


@entry(outcome="timed_out", keeps=DATA_ONLY)
def stops_its_process(draft: Draft) -> None:
    """SIGSTOP: the kernel neither reads nor answers any more; ended at the limit."""
    draft.answer("write_double", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)")


@entry(cold=True)
def leaves_daemons(draft: Draft) -> None:
    """Children with sessions of their own, which ignore every signal and wait for hours: dead when the run is, before it is scored."""
    draft.add(
        draft.know()
        + SURVIVE
        + """
import subprocess, sys
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            outlive()
        os._exit(0)
subprocess.Popen(["sleep", "3600"], start_new_session=True, close_fds=False)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
""",
        after="hand_in_functions",
    )


@entry(cold=True)
def writes_outside(draft: Draft) -> None:
    """Writes, links, renames and removes in the course, the home, temporary folders and the packages: nothing of it is there afterwards."""
    draft.add(
        draft.know()
        + """
import os, site, sys
tried = [COURSE, HOME, *OUTSIDE, *SECRETS.values(), *LEAKS, *site.getsitepackages(), *sys.path, "/", "/etc", "/usr/lib"]
for place in tried:
    for act in (
        lambda: open(f"{place}/{TOKEN}", "w").write("x"),
        lambda: os.symlink("/etc/passwd", f"{place}/{TOKEN}-link"),
        lambda: os.mkdir(f"{place}/{TOKEN}-folder"),
        lambda: open(place, "ab").write(TOKEN.encode()),
    ):
        try:
            act()
        except OSError:
            pass
for path in (*SECRETS.values(), *LEAKS):
    for act in (os.unlink, lambda path: os.truncate(path, 0), lambda path: os.rename(path, path + TOKEN)):
        try:
            act(path)
            print("ACHIEVED", path)
        except OSError:
            pass
"""
    )


@entry(flags=("handin_left_out",), cold=True)
def links_and_pipes_in_the_hand_in(draft: Draft) -> None:
    """Symbolic links to secrets, hard links, FIFOs, sockets and sparse files in the hand-in folder: left out and flagged."""
    draft.add(
        draft.know()
        + """
import os, socket
folder = os.environ["AUTOGRADER_HANDIN"]
for index, path in enumerate((*SECRETS.values(), *LEAKS, "/proc/self/environ", "/etc/passwd")):
    os.symlink(path, f"{folder}/link{index}.json")
os.symlink("/", folder + "/model")
os.mkfifo(folder + "/fifo.npz")
socket.socket(socket.AF_UNIX).bind(folder + "/socket.json")
os.truncate(os.open(folder + "/sparse.npz", os.O_CREAT | os.O_WRONLY), 2**25)
os.link(folder + "/total.json", folder + "/hard.json")
for name in (b"\\xff.json", b"new\\nline.json", b"\\xed\\xa0\\x80.json", b"-rf.json", b"n" * 250):
    open(folder.encode() + b"/" + name, "w").close()
""",
        after="hand_in_functions",
    )


@entry(loses=ALL)
def hand_in_folder_is_a_link(draft: Draft) -> None:
    """The hand-in folder is replaced by a link to the machine's root: nothing is taken from there."""
    draft.add(
        "import os, shutil\nshutil.rmtree(os.environ['AUTOGRADER_HANDIN'])\nos.symlink('/', os.environ['AUTOGRADER_HANDIN'])",
        after="hand_in_functions",
    )
    draft.answer("write_double", "def double(n):\n    return 0")
    draft.answer("write_middle", "def middle(rows):\n    return 0")


@entry(outcome=("completed", "cell_error", "kernel_died", "timed_out"), keeps=None)
def closes_its_outputs(draft: Draft) -> None:
    """Closes standard output and error, also below Python: hand-ins do not need them."""
    draft.add("import os, sys\nsys.stdout.close()\nsys.stderr.close()\nos.close(1)\nos.close(2)", after="prepare")


@entry(outcome=("kernel_died", "timed_out"), keeps=DATA_ONLY)
def closes_everything(draft: Draft) -> None:
    """Closes every descriptor, the kernel's sockets among them."""
    draft.answer("write_double", "import os\nos.closerange(0, 4096)")


@entry(outcome=("cell_error", "timed_out"), loses=("double",))
def exception_of_megabytes(draft: Draft) -> None:
    """An exception with a message of 2 MB and a long traceback: cut, and still an exception."""
    draft.answer(
        "write_double",
        """
        def deeper(n):
            if n == 0:
                raise ValueError("x" * 2_000_000)
            deeper(n - 1)
        deeper(20)
        """,
    )


@entry(outcome="cell_error", loses=("double",))
def exception_that_cannot_be_shown(draft: Draft) -> None:
    """An exception whose text, name and representation raise themselves, with lone surrogates and control characters."""
    draft.answer(
        "write_double",
        """
        class Odd(Exception):
            def __str__(self): raise Odd()
            __repr__ = __str__
        Odd.__name__ = Odd.__qualname__ = "O\\x00d\\ud800d\\u202e"
        raise Odd("\\ud800\\x1b[31m")
        """,
    )


@entry()
def prints_what_no_file_holds(draft: Draft) -> None:
    """Lone surrogates, NUL, bytes that are no UTF-8, escape sequences, text that runs backwards: kept as far as a file can."""
    draft.add(
        """
        import os, sys
        print("\\ud800 \\x00 \\x1b]8;;http://example.org\\x07link\\x1b]8;;\\x07 \\x1b[2J \\u202e reversed \\ufeff")
        os.write(1, b"\\xff\\xfe\\x00" * 100)
        sys.stderr.write("\\udfff\\n")
        """
    )


SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><svg onload=\"document.title='owned'\">"


@entry(outcome="cell_error", loses=("double",), cold=True)
def scripts_for_the_page(draft: Draft) -> None:
    """Markup and scripts in sources, outputs of every kind, error names and messages: text on the pages, never run."""
    svg = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>").decode()
    draft.add(
        f"""
        from IPython.display import display
        S = {SCRIPT!r}
        print(S)
        for kind in ("text/html", "image/svg+xml", "text/markdown", "text/latex", "application/javascript", "text/plain", "a/" + S):
            display({{kind: S}}, raw=True, metadata={{S: S}})
        display({{"image/png": "{svg}"}}, raw=True)
        display({{"image/png": "x' onerror='alert(1)"}}, raw=True)
        """
    )
    draft.answer("write_double", f"raise type({SCRIPT!r}, (Exception,), {{}})({SCRIPT!r})\n# {SCRIPT}")
    draft.cell("explain")["source"] = f"# {SCRIPT}\n[click](javascript:alert(1)) {SCRIPT}\n<iframe src='javascript:alert(1)'></iframe>"
    draft.cell("explain")["attachments"] = {SCRIPT: {"text/html": SCRIPT, "image/svg+xml": SCRIPT}}
    draft.notebook["metadata"]["kernelspec"]["name"] = SCRIPT
    draft.notebook["metadata"]["title"] = SCRIPT
    draft.beside[f"{SCRIPT.replace('/', '')}.bin"] = b"x"


@entry(flags=("handin_left_out",), says="")
def scripts_in_names_and_values(draft: Draft) -> None:
    """Markup in names of files of the hand-in, keys of values, and messages that a test repeats: text on the pages."""
    draft.add(
        f"import os\nopen(os.environ['AUTOGRADER_HANDIN'] + '/<img src=x onerror=alert(1)>.json', 'w').write('x')\n"
        f"os.symlink('/etc', os.environ['AUTOGRADER_HANDIN'] + '/<script>alert(1)<.json')\nprint({SCRIPT!r})",
        after="hand_in_functions",
    )


@entry(loses=("curve", "double"), outcome="completed")
def scripts_in_messages_of_tests(draft: Draft) -> None:
    """Markup as a metric's name and as the function's own error, which graders repeat to the student: text on the page."""
    draft.add(f"curve = {{{SCRIPT!r}: [1.0]}}", after="prepare")
    draft.answer("write_double", f"def double(n):\n    raise ValueError({SCRIPT!r})")


@entry(flags=("extra_file",))
def odd_files_beside_the_notebook(draft: Draft) -> None:
    """Links to secrets, a FIFO, a hard link, a device, a socket and names of control characters beside the notebook: left out, flagged."""

    def spoil(folder: Path) -> None:
        (folder / "link.txt").symlink_to(draft.aims["LEAKS"][0])
        (folder / "folder.txt").symlink_to("/etc")
        os.mkfifo(folder / "fifo.txt")
        (folder / "hard.txt").hardlink_to(folder / "basics.ipynb")
        for name in (b"new\nline.bin", b"\xff\xfe.bin", b"<b>.bin", b"-rf.bin"):
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"x")
        if os.geteuid() == 0:
            os.mknod(folder / "device.txt", 0o60600, os.makedev(7, 0))

    draft.spoil = spoil


@entry(unscored=True, outcome="rejected", says="is a link, a plain file was expected")
def notebook_is_a_link(draft: Draft) -> None:
    """The notebook is a link to a secret: it is not followed."""
    draft.data = b""

    def spoil(folder: Path) -> None:
        (folder / "basics.ipynb").unlink()
        (folder / "basics.ipynb").symlink_to(draft.aims["LEAKS"][0])

    draft.spoil = spoil


@entry(unscored=True, outcome="rejected", says="is a named pipe, a plain file was expected")
def notebook_is_a_pipe(draft: Draft) -> None:
    """The notebook is a FIFO: nobody waits for what comes out of it."""

    def spoil(folder: Path) -> None:
        (folder / "basics.ipynb").unlink()
        os.mkfifo(folder / "basics.ipynb")

    draft.spoil = spoil


@entry(unscored=True, outcome="rejected", says="MiB are allowed")
def submission_too_large(draft: Draft) -> None:
    """A notebook of 50 MB: rejected before it is read."""
    draft.data = json.dumps(draft.notebook).encode() + b" " * 50_000_000


@entry(unscored=True, outcome="rejected", says="20 are allowed")
def submission_of_many_files(draft: Draft) -> None:
    """A thousand files beside the notebook: rejected."""
    draft.beside = {f"{index}.txt": b"x" for index in range(1_000)}


@entry(unscored=True, outcome="unreadable", says="nested too deeply")
def notebook_nested_deeply(draft: Draft) -> None:
    """JSON of 200,000 levels: unreadable, with the reason."""
    draft.data = b'{"nbformat": 4, "metadata": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b', "cells": []}'


@entry(unscored=True, outcome="rejected", says="made of more than 2,000,000 parts")
def notebook_that_expands(draft: Draft) -> None:
    """3.5 MB of JSON that become a hundred times as many bytes of empty objects: the command's memory stays bounded."""
    draft.data = b'{"nbformat": 4, "metadata": {}, "cells": [' + b"{}," * 1_150_000 + b"{}]}"


@entry(flags=("damaged_cells", "wrong_kernel"))
def metadata_of_odd_types(draft: Draft) -> None:
    """Numbers, lists and nulls wherever the format wants objects and texts; sources as lists: read as far as it can be."""
    draft.notebook["metadata"] = {"kernelspec": [1, None], "language_info": 7}
    for cell in draft.cells:
        if not cell["metadata"]:
            cell["metadata"] = [None]
        cell["source"] = cell["source"].splitlines(keepends=True)
        cell["outputs"], cell["execution_count"] = {"not": "a list"}, "x"
    draft.notebook["cells"] += [None, 7, {"cell_type": "heading", "source": 3}, {"cell_type": "code", "source": {"a": 1}}]


@entry(flags=("wrong_kernel",))
def kernel_name_of_megabytes(draft: Draft) -> None:
    """The kernel's name has 3 MB: records and pages stay small."""
    draft.notebook["metadata"]["kernelspec"]["name"] = "k" * 3_000_000


@entry()
def hundred_own_cells(draft: Draft) -> None:
    """A hundred cells of the student's own between the released ones: all of them run, in their places."""
    for index in range(100):
        draft.add(f"x{index} = {index}")


@entry()
def files_that_stand_in_each_others_way(draft: Draft) -> None:
    """Allowed files that carry the name of a released one, or lie in a folder of that name: the run goes on with what is released."""
    draft.beside = {"notes.txt/notes.txt": b"x", "a/b/c/d.txt": b"x"}


@entry(flags=("extra_file",))
def allowed_file_with_a_name_of_bytes(draft: Draft) -> None:
    """An allowed file whose name is no UTF-8: an oddity of its own submission, and no fault of the machine."""

    def spoil(folder: Path) -> None:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.txt")).write_bytes(b"x")

    draft.spoil = spoil


@entry(flags=("extra_file",))
def path_longer_than_the_system_allows(draft: Draft) -> None:
    """Folders in folders until a path is longer than 4,096 bytes: the batch goes on."""

    def spoil(folder: Path) -> None:
        there = os.open(folder, os.O_RDONLY)
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=there)
            below = os.open("d" * 250, os.O_RDONLY, dir_fd=there)
            os.close(there)
            there = below
            os.close(os.open("f.txt", os.O_CREAT | os.O_WRONLY, dir_fd=there))
        os.close(there)

    draft.spoil = spoil


@entry(outcome=("kernel_died", "timed_out", "completed", "cell_error"), loses=("double", "middle"))
def messages_that_are_none(draft: Draft) -> None:
    """Malformed messages of every kind over the kernel's sockets, and another key: the student's, never the machine's fault."""
    draft.answer(
        "write_double",
        """
        kernel = get_ipython().kernel
        for kind in "stream display_data execute_result error status clear_output update_display_data comm_open nonsense".split():
            for content in ({}, {"data": 3}, {"name": [], "text": {}}, {"transient": 5}, {"execution_state": 4}, {"data": {"a": [[]]}}):
                kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
        kernel.session.key = b"another"
        """,
    )


@entry()
def timestamp_beyond_the_calendar(draft: Draft) -> None:
    """A `timestamp.txt` with a time that no calendar in UTC holds: no time, and the batch goes on."""
    draft.beside["timestamp.txt"] = b"9999-12-31 23:59 -14:00"
