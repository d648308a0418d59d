"""Finds leftovers of older versions in cells: the rules that look into the trees; what they say stands in `idioms.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from autograder.doctor import idioms
from autograder.doctor.code import CodeCell
from autograder.doctor.finding import Place
from autograder.doctor.idioms import Idiom
from autograder.doctor.names import Names

_CONVOLUTIONS = ("keras.layers.Conv2D", "keras.layers.Convolution2D", "keras.layers.SeparableConv2D", "keras.layers.SeparableConvolution2D")
_ACC = ("acc", "val_acc")
_GONE_FROM_KERAS = {**idioms.GONE, **idioms.GONE_FROM_KERAS}
_MOVED = {name: idiom.now for name, idiom in _GONE_FROM_KERAS.items() if idiom.now}


@dataclass(frozen=True)
class Leftover:
    """One leftover at its place."""

    idiom: Idiom
    place: Place


@dataclass(frozen=True)
class _Notebook:
    """What a rule may know beyond its own node: names, what the notebook defines itself, its metrics, its own dictionaries."""

    names: Names
    defined: frozenset[str]
    texts: frozenset[str]
    dictionaries: frozenset[str]


def find_leftovers(cells: Sequence[CodeCell]) -> list[Leftover]:
    """Every leftover in the cells that are not locked, in order; locked ones only tell what names mean."""
    trees = [cell.tree for cell in cells]
    nodes = [node for tree in trees if tree is not None for node in ast.walk(tree)]
    about = _Notebook(Names(_MOVED), frozenset(_defined(nodes)), frozenset(_metrics(nodes)), frozenset(_dictionaries(nodes)))
    found: list[Leftover] = []
    for cell, tree in zip(cells, trees, strict=True):
        if tree is not None:
            about.names.learn(tree)
        if cell.locked:
            continue
        if tree is None:
            found += _in_broken(cell)
        else:
            hits = {(getattr(node, "lineno", 0), idiom) for node in ast.walk(tree) for idiom in _idioms(node, about)}
            found += [Leftover(idiom, cell.at_line(line)) for line, idiom in sorted(hits, key=lambda hit: (hit[0], hit[1].subject))]
    return found


def _defined(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Functions, methods, classes and variables of the notebook's own."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _metrics(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Text constants in `metrics=…` of any call."""
    for node in nodes:
        if isinstance(node, ast.keyword) and node.arg in ("metrics", "weighted_metrics"):
            yield from (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _dictionaries(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that the notebook binds to a dictionary of its own, written out or made by `dict(…)`."""
    for node in nodes:
        if isinstance(node, ast.Assign) and (isinstance(node.value, ast.Dict) or _is_dict_call(node.value)):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_dict_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("dict", "defaultdict")


def _in_broken(cell: CodeCell) -> list[Leftover]:
    """A cell that Python 3 cannot read, where its message is one of those for Python 2."""
    if cell.error is None:
        return []
    said = [idiom for message, idiom in idioms.SYNTAX.items() if str(cell.error.msg).startswith(message)]
    return [Leftover(idiom, cell.at_line(cell.error.lineno)) for idiom in said]


def _idioms(node: ast.AST, about: _Notebook) -> Iterator[Idiom]:
    if isinstance(node, ast.Import):
        yield from (idiom for each in node.names for idiom in _gone(each.name))
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield from (idiom for each in node.names for idiom in _gone(f"{node.module}.{each.name}"))
    elif isinstance(node, ast.Attribute):
        yield from _gone(about.names.of(node) or "")
        if node.attr == "lr" and isinstance(node.value, ast.Attribute) and node.value.attr == "optimizer":
            yield idioms.LR_OF_OPTIMIZER
    elif isinstance(node, ast.Subscript):
        yield from _history(node, about)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in idioms.NAMES and node.id not in about.defined:
        yield idioms.NAMES[node.id]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift) and isinstance(node.left, ast.Name) and node.left.id == "print":
        yield idioms.PRINT_INTO
    elif isinstance(node, ast.Call):
        yield from _call(node, about)


def _gone(dotted: str) -> Iterator[Idiom]:
    """The shortest part of a dotted name that is gone."""
    of_tensorflow = dotted.startswith("tensorflow.keras.")
    known = idioms.GONE if of_tensorflow else _GONE_FROM_KERAS
    parts = dotted.removeprefix("tensorflow.").split(".") if of_tensorflow else dotted.split(".")
    prefixes = [".".join(parts[:count]) for count in range(2, len(parts) + 1)]
    yield from [known[prefix] for prefix in prefixes if prefix in known][:1]


def _history(node: ast.Subscript, about: _Notebook) -> Iterator[Idiom]:
    value, index = node.value, node.slice
    named = value.attr == "history" if isinstance(value, ast.Attribute) else isinstance(value, ast.Name) and value.id.startswith("hist")
    own = isinstance(value, ast.Name) and value.id in about.dictionaries
    if named and not own and isinstance(index, ast.Constant) and index.value in _ACC and "acc" not in about.texts:
        yield idioms.ACC_IN_HISTORY


def _call(node: ast.Call, about: _Notebook) -> Iterator[Idiom]:
    callee = (about.names.of(node.func) or "").removeprefix("tensorflow.")
    keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    for keyword in keywords:
        for owner in (callee, callee.rpartition(".")[0]):
            if (owner, keyword) in idioms.KEYWORDS:
                yield idioms.KEYWORDS[owner, keyword]
    if isinstance(node.func, ast.Attribute):
        yield from _method(node, node.func.attr, keywords, about)
    if callee.startswith("keras.callbacks.") and _text(keywords.get("monitor")) in _ACC and "acc" not in about.texts:
        yield idioms.ACC_MONITORED
    if callee == "keras.callbacks.ModelCheckpoint" and _refused_checkpoint(node, keywords):
        yield idioms.CHECKPOINT_FILE
    if callee in _CONVOLUTIONS and _kernel_in_two(node.args):
        yield idioms.KERNEL_IN_TWO
    for name, idiom in (("Adadelta", idioms.ADADELTA_RATE), ("Adagrad", idioms.ADAGRAD_RATE)):
        if callee == f"keras.optimizers.{name}" and not node.args and not {"learning_rate", "lr"} & set(keywords) and not _unpacks(node):
            yield idiom


def _method(node: ast.Call, name: str, keywords: dict[str, ast.expr], about: _Notebook) -> Iterator[Idiom]:
    if name in idioms.METHODS and name not in about.defined:
        yield idioms.METHODS[name]
    yield from (idioms.METHOD_KEYWORDS[name, keyword] for keyword in keywords if (name, keyword) in idioms.METHOD_KEYWORDS)
    first = node.args[0] if node.args else None
    if name == "compile":
        chosen = (_text(keywords.get("optimizer", first)) or "").lower()
        yield from (idiom for text, idiom in (("adadelta", idioms.ADADELTA_RATE), ("adagrad", idioms.ADAGRAD_RATE)) if text == chosen)
    if name == "save_weights":
        end = _end(keywords.get("filepath", first))
        if end is not None and not end.endswith(".weights.h5"):
            yield idioms.WEIGHTS_FILE


def _refused_checkpoint(node: ast.Call, keywords: dict[str, ast.expr]) -> bool:
    end = _end(keywords.get("filepath", node.args[0] if node.args else None))
    weights = keywords.get("save_weights_only")
    if end is None or (weights is not None and not isinstance(weights, ast.Constant)):
        return False
    only_weights = isinstance(weights, ast.Constant) and bool(weights.value)
    return not end.endswith((".weights.h5",) if only_weights else (".keras", ".h5"))


def _kernel_in_two(args: list[ast.expr]) -> bool:
    """`Conv2D(8, 3, 3)`: three numbers, the last two the same, as a kernel's sides were written; a stride of 2 is what it says."""
    numbers = [each.value for each in args[:3] if isinstance(each, ast.Constant) and type(each.value) is int]
    return len(numbers) == 3 and numbers[1] == numbers[2] > 1


def _unpacks(node: ast.Call) -> bool:
    """Whether arguments come from elsewhere: `Adadelta(**settings)`."""
    return any(keyword.arg is None for keyword in node.keywords) or any(isinstance(each, ast.Starred) for each in node.args)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _end(node: ast.expr | None) -> str | None:
    """The last literal part of a text: of a constant, an f-string, a sum; None when it cannot be known."""
    if isinstance(node, ast.JoinedStr):
        return _end(node.values[-1]) if node.values else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _end(node.right)
    return _text(node)
