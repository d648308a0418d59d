"""Takes other people's names out of what is shown about one student: in text, in paths, and in every string of a notebook.

A name is found as a whole word, whatever its capitals, with its accents or without. Two kinds of words would be found where nobody is
meant, so they are replaced only where somebody surely is (a whole string, a part of a path, a first name with its capital): words of
Python, such as the first name of a student called Max, and ids of one or two characters or a few digits.
"""

from __future__ import annotations

import builtins
import json
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from autograder.term.names import full_name
from autograder.term.students_csv import Student

SOMEBODY = "S-SEVERAL"  # a name that several students have
_PYTHON = frozenset(name.casefold() for name in (*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *dir(str), *dir(list), *dir(dict)))
_LEAST, _LEAST_DIGITS = 3, 5
_PICTURES = ("image/png", "image/jpeg", "image/gif", "application/pdf")  # base64, in which three letters are no name


@dataclass(frozen=True)
class Scrubber:
    """`text` for anything in words, `value` for JSON. `weak`: pseudonyms of those who have a name that is not replaced everywhere.

    `names` and `careful` are pseudonyms by name, in small letters: those that are replaced wherever `anywhere` finds them, and the others.
    """

    names: dict[str, str]
    anywhere: re.Pattern[str]
    careful: dict[str, str]
    somewhere: re.Pattern[str]
    weak: frozenset[str]

    def text(self, text: str) -> str:
        """The text without other people's names."""
        whole = unicodedata.normalize("NFC", text)
        found = self.anywhere.sub(lambda word: self.names.get(word[0].casefold(), word[0]), whole)
        found = self.somewhere.sub(lambda word: self.careful.get(word[0].casefold(), word[0]), found)
        return text if found == whole else found

    def value(self, value: Any, key: str = "") -> Any:
        """JSON with every string and every key so replaced; pictures stay, since nobody can read a name in their letters."""
        if isinstance(value, str):
            return value if key in _PICTURES else self.text(value)
        if isinstance(value, list):
            return [self.value(each, key) for each in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(each, name) for name, each in value.items()}
        return value


def scrubber(own: Student, others: Iterable[Student], pseudonym: Callable[[str], str]) -> Scrubber:
    """For what is said about `own`, whose names stay, although somebody else may have one of them too."""
    mine = {term.casefold() for term in _terms(own)}
    names: dict[str, str] = {}
    careful: dict[str, str] = {}
    capitals: set[str] = set()
    written: set[str] = set()
    for other in others:
        name = pseudonym(other.id)
        for term in _terms(other):
            written.add(term)
            shared = term.casefold() in mine
            if shared and term != other.id:
                continue  # a name that both have
            found = careful if shared or _is_weak(term) else names
            found[term.casefold()] = name if found.get(term.casefold(), name) == name else SOMEBODY
            if found is careful and not shared and term[:1].isupper():
                capitals.add(term)
    # The student's own come along, and stay as they are: 'ana-lee' must not lose the 'lee' of somebody else.
    own_terms = {*mine, *_folded_away(_terms(own))}
    folded = _folded_away(written)
    words = _alternatives([*names, *_of(folded, names), *(term for term in own_terms if not _is_weak(term))])
    edges = rf"(?:(?<=[/\\])|\A)(?i:{_alternatives([*careful, *_of(folded, careful)])})(?=[/\\]|\Z)"
    named = rf"(?<![^\W_])(?:{_alternatives(capitals)})(?![^\W_])"
    return Scrubber(
        names,
        re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.IGNORECASE),
        careful,
        re.compile(f"{edges}|{named}"),
        frozenset(careful.values()),
    )


def _folded_away(terms: Iterable[str]) -> list[str]:
    """Names that their small letters do not find, whatever capitals are ignored: 'Weiß' is 'weiss' in small letters."""
    return [term for term in terms if term.lower() != term.casefold() or len(term) != len(term.casefold())]


def _of(terms: Iterable[str], found: dict[str, str]) -> list[str]:
    return [term for term in terms if term.casefold() in found]


def _alternatives(terms: Iterable[str]) -> str:
    """The longest first; a pattern that nothing fits where there are none."""
    return "|".join(re.escape(term) for term in sorted(set(terms), key=lambda term: (-len(term), term))) or r"(?!)"


def _is_weak(term: str) -> bool:
    return term.casefold() in _PYTHON or len(term) < _LEAST or (term.isdigit() and len(term) < _LEAST_DIGITS)


def _terms(student: Student) -> set[str]:
    """Everything by which somebody is called, as it may stand in a text: with accents and without, and as ASCII of JSON."""
    first, last = student.first_name, student.last_name
    whole = full_name(student)
    names = {whole, first, last, *first.split(), *(word for word in last.split() if len(word) >= _LEAST)}
    if first and last:
        names |= {f"{last}, {first}", f"{last} {first}", f"{first}.{last}", f"{first}_{last}", f"{first}{last}"}
    found = {student.id, student.email, student.email.partition("@")[0], student.lms_id, *names}
    found = {unicodedata.normalize("NFC", each.strip()) for each in found if each.strip()}
    found |= {plain for each in found if (plain := _plain(each))}
    return found | {escaped for each in found if (escaped := json.dumps(each)[1:-1])}


def _plain(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))
