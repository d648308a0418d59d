"""What the names of a notebook stand for: after `from keras import layers as L`, `L.Dense` is `keras.layers.Dense`."""

from __future__ import annotations

import ast


class Names:
    """Names bound by imports and by plain assignments of imported things, learnt cell by cell, later bindings replacing earlier ones.

    `moved`: modules that are gone and what stands in their place, so that what was imported from them is still recognised.
    """

    def __init__(self, moved: dict[str, str]) -> None:
        self._moved = moved
        self._known: dict[str, str] = {}

    def learn(self, tree: ast.Module) -> None:
        """Adds what the statements of a cell bind."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for each in node.names:
                    whole = each.name if each.asname else each.name.partition(".")[0]
                    self._bind(each.asname or whole, whole)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for each in node.names:
                    self._bind(each.asname or each.name, f"{node.module}.{each.name}")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._known.pop(node.name, None)
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self._bind(node.targets[0].id, self.of(node.value))

    def _bind(self, name: str, dotted: str | None) -> None:
        if dotted is None:
            self._known.pop(name, None)
        else:
            self._known[name] = self._in_place(dotted)

    def _in_place(self, dotted: str) -> str:
        for gone, now in self._moved.items():
            for prefix in (gone, f"tensorflow.{gone}"):
                if dotted.startswith(f"{prefix}."):
                    return now + dotted[len(prefix) :]
        return dotted

    def of(self, node: ast.expr) -> str | None:
        """The full dotted name that an expression stands for, or None: a variable, a call, anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._known:
            return None
        return ".".join([self._known[node.id], *reversed(parts)])
