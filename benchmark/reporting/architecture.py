"""Figure 2: MTUN drawn from the module itself. Shapes come from forward hooks, arrows from the autograd graph."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib.patches import FancyBboxPatch
from torch import Tensor, nn

from methods.layers import Discriminator, count
from methods.trained import TrainedMethod

mpl.use("Agg")
# Branches of the paper's figure: title, colour, and the modules whose parts are boxes of their own.
LANES = {
    "upsampling branch": "#cfe2f3",
    "heatmap estimation branch": "#d9ead3",
    "decoder": "#dfe7fd",
    "discriminator (training only)": "#f4cccc",
}
EXPANDED = {"autoencoder": "upsampling branch", "heb": "heatmap estimation branch", "decoder": "decoder"}
WIDTH, HEIGHT, STEP, LANE = 1.0, 0.56, 1.35, 1.85
Point = tuple[float, float]


@dataclass
class Box:
    """A part of the network as it ran once: its lane, the shapes of its outputs without the batch, and its sources."""

    name: str
    lane: str
    shapes: list[tuple[int, ...]]
    sources: set[str] = field(default_factory=set)


def parts(generator: nn.Module) -> dict[str, tuple[nn.Module, str]]:
    """The modules that become boxes, by name, with their lane: the children, or of a branch its children's children.

    The 1 x 1 convolutions between stacks (from_features, from_heatmaps) are left to the arrows.
    """
    found = {}
    for name, child in generator.named_children():
        if name not in EXPANDED:
            found[name] = (child, "upsampling branch")
            continue
        for inner, module in child.named_children():
            if not isinstance(module, nn.ModuleList):
                found[f"{name}.{inner}"] = (module, EXPANDED[name])
            elif not inner.startswith("from_"):
                found |= {f"{name}.{inner}.{i}": (member, EXPANDED[name]) for i, member in enumerate(module)}
    return found


def parameters(generator: nn.Module, critic: nn.Module) -> dict[str, int]:
    """Number of parameters of each lane."""
    own = {name: count(child) for name, child in generator.named_children()}
    upsampling, heb, decoder, discriminator = LANES
    sizes = {heb: own.get("heb", 0), decoder: own["decoder"], discriminator: count(critic)}
    return {upsampling: count(generator) - sizes[heb] - sizes[decoder]} | sizes


def trace(generator: nn.Module, size: int = 16) -> list[Box]:
    """Run one LR face through the generator: its parts in the order in which they ran, then the SR face, "SR"."""
    boxes: list[Box] = []
    origin: dict[Any, str] = {}  # node of the autograd graph to the part whose output it is
    lr = torch.zeros(1, 3, size, size, requires_grad=True)

    def record(name: str, lane: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        outputs = [o for o in (output if isinstance(output, tuple) else (output,)) if isinstance(o, Tensor)]
        sources = set().union(*(_sources(tensor, origin, lr) for tensor in inputs if isinstance(tensor, Tensor)))
        boxes.append(Box(name, lane, [tuple(tensor.shape[1:]) for tensor in outputs], sources))
        origin.update({tensor.grad_fn: name for tensor in outputs})

    hooks = [
        module.register_forward_hook(
            lambda module, inputs, output, name=name, lane=lane: record(name, lane, module, inputs, output)
        )
        for name, (module, lane) in parts(generator).items()
    ]
    generator.eval()
    with torch.enable_grad():
        sr = generator(lr).sr
    for hook in hooks:
        hook.remove()
    return [*boxes, Box("SR", "decoder", [tuple(sr.shape[1:])], _sources(sr, origin, lr))]


def _sources(tensor: Tensor, origin: dict[Any, str], lr: Tensor) -> set[str]:
    """The parts whose outputs `tensor` was made from without another part between, and "LR"."""
    found, seen = set(), set()
    queue = deque([tensor.grad_fn])
    if tensor is lr:
        return {"LR"}
    while queue:
        node = queue.popleft()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in origin:
            found.add(origin[node])
        elif getattr(node, "variable", None) is lr:
            found.add("LR")
        else:
            queue.extend(following for following, _ in node.next_functions)
    return found


def trace_discriminator(critic: nn.Module) -> list[Box]:
    """The discriminator's convolutions and fully connected layers, in a row."""
    boxes = [Box("SR or HR", "discriminator (training only)", [(3, 128, 128)])]

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        kind = "conv" if isinstance(module, nn.Conv2d) else "fc"
        boxes.append(Box(f"{kind} {len(boxes)}", boxes[0].lane, [tuple(output.shape[1:])], {boxes[-1].name}))

    layers = [module for module in critic.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(record) for layer in layers]
    critic.eval()(torch.zeros(1, 3, 128, 128))
    for hook in hooks:
        hook.remove()
    return boxes


def draw(method: TrainedMethod) -> plt.Figure:
    """Figure 2 of the paper for an MTUN of any options."""
    generator, critic = method.module, Discriminator(method.options.width)
    boxes = [Box("LR", "upsampling branch", [(3, 16, 16)]), *trace(generator), *trace_discriminator(critic)]
    places = _places(boxes)
    wide = max(x for x, _ in places.values()) + STEP
    figure, axis = plt.subplots(figsize=(wide * 0.9, LANE * len(LANES) * 0.9))
    _draw_lanes(axis, parameters(generator, critic), wide)
    for points in _routes(boxes, places, wide):
        _draw_arrow(axis, points)
    for box in boxes:
        _draw_box(axis, box, places[box.name])
    axis.set(xlim=(-0.7, wide), ylim=(-LANE * len(LANES) + 0.9, 0.85))
    axis.axis("off")
    figure.tight_layout(pad=0.2)
    return figure


def _places(boxes: list[Box]) -> dict[str, Point]:
    """Centre of each box: its lane, and in the lane the order of running."""
    filled = dict.fromkeys(LANES, 0)
    places = {}
    for box in boxes:
        places[box.name] = (filled[box.lane] * STEP, -LANE * list(LANES).index(box.lane))
        filled[box.lane] += 1
    return places


def _routes(boxes: list[Box], places: dict[str, Point], wide: float) -> list[list[Point]]:
    """A polyline for each arrow: straight to the next box, below those that it passes, or by the right edge."""
    pairs = [(places[source], places[box.name]) for box in boxes for source in sorted(box.sources)]
    level = dict.fromkeys((y for _, y in places.values()), 0)
    routes = []
    for (x0, y0), (x1, y1) in sorted(pairs, key=lambda pair: (pair[0][1] - pair[1][1], pair[1][0] - pair[0][0])):
        if y0 == y1 and x1 - x0 < 1.5 * STEP:
            routes.append([(x0 + WIDTH / 2, y0), (x1 - WIDTH / 2, y1)])
            continue
        level[y1] += 1
        shift = 0.06 * level[y1]
        if y0 == y1:
            down = y0 - HEIGHT / 2 - 0.08 - shift
            routes.append(
                [(x0, y0 - HEIGHT / 2), (x0, down), (x1 - shift / 2, down), (x1 - shift / 2, y1 - HEIGHT / 2)]
            )
        else:
            edge, above = wide - 0.8 + shift, y1 + HEIGHT / 2 + 0.05 + shift / 2
            corner = x1 - WIDTH / 4 + shift
            routes.append([(x0 + WIDTH / 2, y0), (edge, y0), (edge, above), (corner, above), (corner, y1 + HEIGHT / 2)])
    return routes


def _draw_lanes(axis: plt.Axes, sizes: dict[str, int], wide: float) -> None:
    for row, (title, colour) in enumerate(LANES.items()):
        corner = (-0.6, -LANE * row - 0.8)
        shape = FancyBboxPatch(corner, wide + 0.15, 1.55, boxstyle="round,pad=0.05", fc=colour, ec="none", zorder=0)
        axis.add_patch(shape)
        axis.text(
            -0.55, 0.66 - LANE * row, f"{title}: {sizes[title]:,} parameters", fontsize=9, weight="bold", va="center"
        )


def _draw_box(axis: plt.Axes, box: Box, place: Point) -> None:
    corner = (place[0] - WIDTH / 2, place[1] - HEIGHT / 2)
    axis.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle="round,pad=0.02", fc="white", ec="#444444", lw=0.8))
    title = box.name.split(".", 1)[-1] if box.name.split(".")[0] in EXPANDED else box.name
    shapes = "\n".join(" × ".join(str(n) for n in shape) for shape in box.shapes)
    axis.text(*place, f"{title}\n{shapes}", fontsize=7, ha="center", va="center", linespacing=1.3)


def _draw_arrow(axis: plt.Axes, points: list[Point]) -> None:
    axis.plot(*zip(*points, strict=True), color="#555555", lw=0.8, zorder=1)
    arrow = {"arrowstyle": "-|>", "lw": 0.8, "color": "#555555", "shrinkA": 0, "shrinkB": 1}
    axis.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=3)
