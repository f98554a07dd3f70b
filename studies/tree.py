"""One network as a tree: who shares what, who helps whom, who was pruned, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from nas.compile import compile_plan
from nas.cost import DEPLOYMENT, cost_of, node_macs, node_params
from nas.encoder_plan import augmentation_name, node_name, read_prefix
from nas.plan import Node, Plan
from nas.resolution import Resolution
from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import STAGES
from search_spaces.sharing import Group
from search_spaces.task_spec import TaskSpec

TreeKind = Literal["network", "encoder", "stage", "augmentation", "fusion", "decoder", "link"]
Metrics = Mapping[str, Mapping[str, float]]
#: Metrics shown of a task: a segmentation has one a class.
_SHOWN_METRICS = 3
_BYTES = 4
_STAGE_NAMES = ("stem", *(f"stage {stage}" for stage in range(1, STAGES)))


@dataclass(frozen=True, kw_only=True)
class TreeNode:
    """A part of a network with all that hangs on it; ``macs`` and ``params`` include that.

    ``tasks`` are the tasks that it was built for.
    """

    kind: TreeKind
    title: str
    tasks: tuple[str, ...]
    macs: int
    params: int
    notes: tuple[str, ...] = ()
    children: tuple[TreeNode, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The node and its children as plain values."""
        return {
            "kind": self.kind,
            "title": self.title,
            "tasks": list(self.tasks),
            "macs": self.macs,
            "params": self.params,
            "notes": list(self.notes),
            "children": [child.to_dict() for child in self.children],
        }


def network_tree(
    architecture: Architecture,
    resolution: Resolution = DEPLOYMENT,
    metrics: Metrics | None = None,
) -> TreeNode:
    """The tree of the network that runs in the car; every node of its plan is in it once.

    ``metrics`` are values by task and name; the first three of a task are noted at its decoder.
    """
    return _Builder(
        architecture=architecture, resolution=resolution, metrics=metrics or {}
    ).network()


def tree_json(
    architecture: Architecture,
    resolution: Resolution = DEPLOYMENT,
    metrics: Metrics | None = None,
) -> dict[str, object]:
    """The tree as a JSON document."""
    cost = cost_of(architecture, resolution)
    return {
        "id": architecture.id,
        "architecture": architecture.to_dict(),
        "resolution": str(resolution),
        "macs": cost.macs,
        "params": cost.params,
        "activation_bytes": cost.activation_bytes,
        "macs_by_task": cost.macs_by_task,
        "params_by_task": cost.params_by_task,
        "tree": network_tree(architecture, resolution, metrics).to_dict(),
    }


@dataclass(frozen=True, kw_only=True)
class _Builder:
    architecture: Architecture
    resolution: Resolution
    metrics: Metrics

    @cached_property
    def plan(self) -> Plan:
        return compile_plan(self.architecture)

    def network(self) -> TreeNode:
        a = self.architecture
        trunks = [self._segment(group, 0) for group in a.sharing.stages[0]]
        return self._node(
            "network", f"network {a.id}", a.task_names, (), self._facts(), _present(trunks)
        )

    def _facts(self) -> tuple[str, ...]:
        a = self.architecture
        facts = [f"{a.encoder.depth} encoder of width {a.encoder.width}"]
        if a.streams == 1:
            facts.append("reads the current frame")
        else:
            way = {"concat": "concatenation", "recurrent": "a recurrent unit"}[a.fusion]
            facts.append(
                f"reads two frames, joined by {way}; keeps {self._kept_bytes() / 1e6:.1f} MB of "
                "features for the next one"
            )
        if len(a.tasks) > 1:
            facts.append(_weighting(a))
        return tuple(facts)

    def _kept_bytes(self) -> int:
        padded = self.resolution.padded
        return sum(
            _BYTES * channels * padded.width * padded.height // self.plan.by_name[name].stride ** 2
            for name, channels in self.plan.feature_channels.items()
        )

    # --- encoder ------------------------------------------------------------------------------

    def _segment(self, group: Group, first: int) -> TreeNode | None:
        """The stages that a group computes together, and below it where its tasks part."""
        sharing = self.architecture.sharing
        end = first
        while end < STAGES and sharing.group(group[0], end) == group:
            end += 1
        stages = [child for s in range(first, end) for child in self._stage(group, s)]
        if end < STAGES:
            parts = [g for g in sharing.stages[end] if set(g) <= set(group)]
            below = [self._segment(part, end) for part in parts]
        else:
            below = [self._decoder(task) for task in group]
        children = (*stages, *_present(below))
        if not children:
            return None
        verb = "alone" if len(group) == 1 else "share"
        title = f"{self._names(group)} {verb}: {_span(first, end)}"
        return self._node("encoder", title, group, (), (), children)

    def _stage(self, group: Group, stage: int) -> list[TreeNode]:
        """The stage itself, then what single tasks add to it, then how frames are fused."""
        found = []
        node = self.plan.by_name.get(node_name(group, stage))
        if node:
            found.append(self._of("stage", self._stage_title(node), node))
        for task in group:
            extra = self.plan.by_name.get(augmentation_name(task, stage))
            if extra and len(group) > 1:
                title = f"{task} adds {extra.channels} channels at 1/{extra.stride}"
                found.append(self._of("augmentation", title, extra))
        units = [n for n in self.plan.nodes if n.kind == "fusion" and self._is_of(n, group, stage)]
        return found + [self._of("fusion", _fusion_title(unit, group), unit) for unit in units]

    def _stage_title(self, node: Node) -> str:
        dense = self.architecture.encoder.channels(node.stage)
        channels = _of_all(node.channels, dense)
        return f"{_STAGE_NAMES[node.stage]}: {channels} channels at 1/{node.stride}"

    def _is_of(self, unit: Node, group: Group, stage: int) -> bool:
        read = unit.reads[0].node
        own = {augmentation_name(task, stage) for task in group} if len(group) > 1 else set()
        return read == node_name(group, stage) or read in own

    # --- decoders -----------------------------------------------------------------------------

    def _decoder(self, task: str) -> TreeNode | None:
        levels = [n for n in self.plan.nodes if n.owners == (task,) and n.kind in ("level", "head")]
        if not levels:
            return None
        links = [n for n in self.plan.nodes if n.owners == (task,) and n.kind == "link"]
        children = [
            self._of("link", f"helped by {_source(n)} at 1/{n.stride}, {n.operation}", n)
            for n in links
        ]
        notes = (*self._pruned_reads(task), *self._metric_notes(task))
        return self._node(
            "decoder", self._decoder_title(task, levels), (task,), levels, notes, children
        )

    def _decoder_title(self, task: str, levels: Sequence[Node]) -> str:
        spec, decoder = self.architecture.task(task), self.architecture.decoder
        kind, width = decoder.kind_of(spec), ""
        if kind == "fpn":
            width = f", {_of_all(levels[0].channels, decoder.width)} channels"
        if levels[-1].kind != "head":
            return f"{task} is auxiliary: what is left of its {kind} decoder{width}"
        return f"{task}: {kind} decoder{width}, {_predicted(spec)}"

    def _pruned_reads(self, task: str) -> tuple[str, ...]:
        """What a task reads of shared stages where that is not all."""
        if not self.architecture.ratio(task, "shared"):
            return ()
        parts = []
        for stage in range(STAGES):
            dense = self.architecture.encoder.channels(stage)
            read = read_prefix(self.architecture, task, stage)
            if read < dense and self._reads_shared(task, stage):
                parts.append(f"{read} of {dense} of {_STAGE_NAMES[stage]}")
        return (f"reads shared channels: {', '.join(parts)}",) if parts else ()

    def _reads_shared(self, task: str, stage: int) -> bool:
        """Whether parts of a task's own, or units that it shares, read a shared stage."""
        shared = node_name(self.architecture.sharing.group(task, stage), stage)
        units = {
            n.name for n in self.plan.nodes if n.kind == "fusion" and n.reads[0].node == shared
        }
        return len(self.architecture.sharing.group(task, stage)) > 1 and any(
            read.node == shared or read.node in units
            for node in self.plan.nodes
            if node.owners == (task,)
            for read in node.reads
        )

    def _metric_notes(self, task: str) -> tuple[str, ...]:
        found = list(self.metrics.get(task, {}).items())[:_SHOWN_METRICS]
        return (", ".join(f"{name} {value:.3f}" for name, value in found),) if found else ()

    # --- nodes --------------------------------------------------------------------------------

    def _names(self, group: Group) -> str:
        hidden = self.architecture.auxiliary
        return ", ".join(f"{name} (auxiliary)" if name in hidden else name for name in group)

    def _of(self, kind: TreeKind, title: str, node: Node) -> TreeNode:
        return self._node(kind, title, node.owners, (node,), (), ())

    def _node(
        self,
        kind: TreeKind,
        title: str,
        tasks: tuple[str, ...],
        own: Sequence[Node],
        notes: tuple[str, ...],
        children: Sequence[TreeNode],
    ) -> TreeNode:
        return TreeNode(
            kind=kind,
            title=title,
            tasks=tasks,
            macs=sum(node_macs(n, self.resolution) for n in own) + sum(c.macs for c in children),
            params=sum(node_params(n) for n in own) + sum(c.params for c in children),
            notes=notes,
            children=tuple(children),
        )


def _present(nodes: Sequence[TreeNode | None]) -> tuple[TreeNode, ...]:
    return tuple(node for node in nodes if node is not None)


def _span(first: int, end: int) -> str:
    last = _STAGE_NAMES[end - 1]
    return last if end == first + 1 else f"{_STAGE_NAMES[first]} to {last}"


def _of_all(channels: int, dense: int) -> str:
    return str(channels) if channels == dense else f"{channels} of {dense}"


def _fusion_title(unit: Node, group: Group) -> str:
    private = unit.reads[0].node.startswith("augmentation.")
    whose = f"{unit.owners[0]}'s own recurrent unit" if private else "recurrent unit"
    return f"{whose} at 1/{unit.stride}"


def _weighting(a: Architecture) -> str:
    if not a.loss_weights:
        return f"trained with the {a.weighting.replace('_', ' ')} loss"
    weights = ", ".join(f"{task} {a.loss_weight(task):g}" for task in a.task_names)
    return f"trained with fixed loss weights: {weights}"


def _predicted(spec: TaskSpec) -> str:
    """What a head gives: classes and other values, and of what."""
    values = spec.channels - len(spec.classes)
    words = [_counted(len(spec.classes), "class", "classes")] if spec.classes else []
    words += [_counted(values, "value", "values")] if values else []
    stride = spec.output_stride
    places = {0: " of the whole frame", 1: ""}.get(stride, f" of cells of {stride} pixels")
    return " and ".join(words) + places


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _source(link: Node) -> str:
    return link.reads[1].node.split(".")[1]
