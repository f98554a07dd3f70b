"""Draws the tree of a network for a terminal, costs in columns."""

from __future__ import annotations

from textwrap import wrap

from rich.text import Text
from rich.tree import Tree

from nas.quantity import written
from studies.tree import TreeKind, TreeNode

_WIDTH = 98
_MACS_COLUMNS, _PARAMS_COLUMNS = 12, 9
_PARAMS = "params"
_INDENT = 4
_NARROWEST = 24
_STYLES: dict[TreeKind, str] = {
    "network": "bold",
    "encoder": "bold cyan",
    "stage": "",
    "augmentation": "magenta",
    "fusion": "blue",
    "decoder": "bold green",
    "link": "yellow",
}


def draw_tree(tree: TreeNode, width: int = _WIDTH) -> Tree:
    """A rich tree at most ``width`` columns wide, MACs and parameters of each part at its right.

    What stands at a part includes all that hangs on it.
    """
    drawn = Tree(_label(tree, 0, width), guide_style="dim")
    _add(drawn, tree, 1, width)
    return drawn


def _add(drawn: Tree, node: TreeNode, depth: int, width: int) -> None:
    for child in node.children:
        branch = drawn.add(_label(child, depth, width))
        _add(branch, child, depth + 1, width)


def _label(node: TreeNode, depth: int, width: int) -> Text:
    costs = _MACS_COLUMNS + _PARAMS_COLUMNS + len(_PARAMS)
    room = max(_NARROWEST, width - costs - _INDENT * depth)
    first, *more = wrap(node.title, room) or [""]
    text = Text(first.ljust(room), style=_STYLES[node.kind], no_wrap=True)
    text.append(_costs(node, with_unit=depth == 0), style="not bold default")
    for line in more:
        text.append(f"\n{line}")
    for note in node.notes:
        for line in wrap(note, room):
            text.append(f"\n{line}", style="not bold dim")
    return text


def _costs(node: TreeNode, *, with_unit: bool) -> str:
    """MACs and parameters in columns; the word for parameters stands at the root only."""
    params = written("params", node.params).removesuffix(_PARAMS)
    columns = f"{written('macs', node.macs):>{_MACS_COLUMNS}}{params:>{_PARAMS_COLUMNS}}"
    return columns + _PARAMS if with_unit else columns
