"""Submissions that look for what is not theirs: secrets, neighbours, the machine. Their answers are right and keep their points.

What they find they print, hand in, raise and answer with; the harness searches all that came out for it.
"""

from __future__ import annotations

import textwrap

from tests.corpus.entry import Draft, Expected, add_entry, entry
from tests.isolation.attacks import ATTACKS, PRELUDE, Attack

ALONE = ("keyring", "shared_memory_for_ever")  # no more than one system call each; their own tests are enough


def _from_catalogue(attack: Attack) -> None:
    """An attack on the sandbox as a submission; right answers around it keep their points."""
    body = textwrap.indent(textwrap.dedent(attack.body).strip(), "    ")

    def make(draft: Draft) -> None:
        source = f"def attack():\n{body}\ntry:\n    found = attack()\nexcept Exception:\n    found = None\n"
        source += "if found:\n    print('ACHIEVED', found)"
        draft.add(PRELUDE + draft.know() + source)

    about = f"Tries to {attack.name.replace('_', ' ')} from a cell (see tests/isolation/attacks.py): held, and its right answers count."
    held = Expected(("completed",), frozenset(), False, frozenset(), "", frozenset(attack.open_at) - {0})
    add_entry(f"sandbox_{attack.name}", about, make, "basics", held, (3, 2, 1))


for each in ATTACKS:
    if each.name not in ALONE:
        _from_catalogue(each)


LOOT = """
import glob, itertools, os, re
loot = []
def look(path):
    try:
        if os.path.isfile(path):  # at a pipe that somebody left it would wait
            with open(path, "rb") as stream:
                loot.append(stream.read(4000).decode("latin-1"))
    except OSError:
        pass
"""


@entry(outcome="cell_error", loses=("total", "curve", "double"), cold=True)
def reads_the_course_and_hands_it_in(draft: Draft) -> None:
    """Reads graders, solutions, gradebook, seed, hidden labels, others' submissions, home, the environment of all processes, and lets
    it out by every way: print, value, history, answer, error. Nothing of it is in anything that comes out."""
    draft.add(
        LOOT
        + draft.know()
        + """
for path in (*SECRETS.values(), *LEAKS):
    look(path)
for root in (COURSE, HOME, os.path.expanduser("~"), "/proc/1/root", f"/proc/{COMMAND}/root{COURSE}", "/tmp", "/dev/shm"):
    for path in itertools.islice(glob.iglob(glob.escape(root) + "/**", recursive=True), 3000):
        look(path)
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    look(path)
loot += [f"{name}={value}" for name, value in os.environ.items()]
found = sorted({word for text in loot for word in re.findall("canary[-][0-9a-f]{16}|[0-9a-f]{64}", text)})
print("ACHIEVED" if found else "nothing", found)
""",
        after="prepare",
    )
    draft.add("total = repr(found)\ncurve = {word: [1.0] for word in found} or {'none': [1.0]}", after="scaled")
    draft.answer("write_double", "def double(n):\n    return found")
    draft.add("raise ValueError(repr(found))", after="hand_in_functions")


@entry(cold=True)
def searches_the_memory_of_its_process(draft: Draft) -> None:
    """Reads all memory of its own process, a fork of the server, and of all others that it sees, for secrets: none are there."""
    draft.add(
        """
        import os, re
        def search(pid):
            found = set()
            try:
                with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                    for line in maps:
                        start, end = (int(each, 16) for each in line.split()[0].split("-"))
                        if line.split()[1].startswith("rw") and end - start < 2**26:
                            memory.seek(start)
                            try:
                                found |= set(re.findall(rb"canary[-][0-9a-f]{16}", memory.read(end - start)))
                            except OSError:
                                pass
            except OSError:
                pass
            return found
        found = search("self").union(*(search(pid) for pid in os.listdir("/proc") if pid.isdigit()))
        print("ACHIEVED" if found else "nothing", found)
        """
    )


@entry()
def writes_into_the_memory_of_others(draft: Draft) -> None:
    """Opens the memory of every process that it sees, but its own, for writing, and attaches to it by ptrace: not possible."""
    draft.add(
        """
        import ctypes, os
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            if pid == os.getpid():
                continue
            if ctypes.CDLL(None).ptrace(16, pid, 0, 0) == 0:
                print("ACHIEVED attached to", pid)
            try:
                with open(f"/proc/{pid}/mem", "r+b", 0):
                    print("ACHIEVED opened", pid)
            except OSError:
                pass
        """
    )


@entry()
def downloads_something(draft: Draft) -> None:
    """The network by name, by number, by IPv6, by a proxy and by pip: there is none."""
    draft.add(
        """
        import socket, subprocess, sys, urllib.request
        def reach(what):
            try:
                what()
                print("ACHIEVED", what)
            except Exception as error:
                print(type(error).__name__)
        reach(lambda: urllib.request.urlopen("http://example.org", timeout=3))
        reach(lambda: socket.create_connection(("1.1.1.1", 53), timeout=3))
        reach(lambda: socket.create_connection(("::1", 80), timeout=3))
        reach(lambda: socket.getaddrinfo("example.org", 80))
        command = [sys.executable, "-m", "pip", "download", "--timeout", "1", "--retries", "0", "--no-deps", "six"]
        reach(lambda: subprocess.run(command, check=True, capture_output=True, timeout=5))
        """
    )


@entry()
def leaves_a_note_for_the_next(draft: Draft) -> None:
    """Writes a note to every place that a later submission might read: temporary folders, shared memory, home, packages."""
    draft.add(
        draft.know()
        + """
import os, site, sys
for place in ("/tmp", "/var/tmp", "/dev/shm", "/run", os.path.expanduser("~"), "..", *site.getsitepackages(), *sys.path):
    try:
        if os.path.exists(place + "/note_of_a_neighbour"):
            print("ACHIEVED: read", place)
        open(place + "/note_of_a_neighbour", "w").write("hello")
    except OSError:
        pass
"""
    )


@entry()
def reads_the_note_of_another(draft: Draft) -> None:
    """The other half of the pair: looks for that note, in whatever order the two run."""
    draft.add(
        draft.know()
        + """
import os, site, sys
for place in ("/tmp", "/var/tmp", "/dev/shm", "/run", os.path.expanduser("~"), "..", *site.getsitepackages(), *sys.path):
    if os.path.exists(place + "/note_of_a_neighbour"):
        print("ACHIEVED: read", place)
    try:
        open(place + "/note_of_a_neighbour", "w").write("hello")
    except OSError:
        pass
"""
    )
