"""One person as files know them: the words that mean them, and texts without those words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.batch.store import Store
from autograder.term.names import full_name
from autograder.term.roster import roster_journal

_SHORTEST = 3  # letters of an id that is looked for in text: a shorter one would be found in every second sentence


@dataclass(frozen=True)
class About:
    """A student, what stands in their place, and the words by which a text means them."""

    student: str
    pseudonym: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, store: Store, student: str, called: str) -> About:
        """With every name, e-mail address and LMS id that the roster ever had."""
        words = {student} if len(student) >= _SHORTEST else set()
        for known in (
            each for change in roster_journal(store.root).read() for each in (*change.joined, *change.changed) if each.id == student
        ):
            if known.first_name and known.last_name:
                words |= {full_name(known), f"{known.last_name}, {known.first_name}", f"{known.last_name} {known.first_name}"}
            words |= {known.email, known.lms_id if len(known.lms_id) >= _SHORTEST else ""}
        return cls(student, called, tuple(sorted((word for word in words if word), key=len, reverse=True)))

    def without(self, text: str) -> str:
        """The text with the pseudonym in place of the student's words."""
        for word in self.words:
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", self.pseudonym, text, flags=re.IGNORECASE)
        return text

    def scrubbed(self, value: Any) -> Any:
        """JSON without the objects that are about the student, and without their words in all other texts."""
        if isinstance(value, str):
            return self.pseudonym if value == self.student else self.without(value)
        if isinstance(value, list):
            return [self.scrubbed(each) for each in value if not (isinstance(each, dict) and each.get("student") == self.student)]
        return {key: self.scrubbed(each) for key, each in value.items()} if isinstance(value, dict) else value


def literal(name: str) -> str:
    """A name in a pattern of names."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def mentions(folder: Path, about: About) -> list[Path]:
    """Files below a folder in which the person is named."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [path for path in files if about.without(text := path.read_text(encoding="utf-8", errors="replace")) != text]
