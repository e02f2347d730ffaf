"""Pictures: the structure of the DOT text, its safety, and files that a viewer opens."""

import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import networkx
import pytest

import symgrad as sg
from symgrad.ir.graph import Graph
from symgrad.viz import render
from symgrad.viz.diagram import MOST
from symgrad.viz.picture import Picture

HOSTILE = [
    'a"b', "a\\b", "a\nb", "<b>bold</b>", "&amp;", "x; import os", "n1 -> n2", "}", "\x00\x07",
    "\udc80", "größe", "変数", "a'b", "--><!--", "%s {0}", "\u202eabc", "n" * 10_000, "\\N", "$",
]  # fmt: skip


def classifier(name: str = "h"):
    x = sg.input("x", ("B", 8))
    y = sg.input("y", ("B",), dtype="int64")
    with sg.scope("net"):
        with sg.scope("hidden"):
            h = sg.name(sg.relu(x @ sg.param("W", (8, 4)) + sg.param("b", (4,))), name)
        with sg.scope("head"):
            z = sg.name(h @ sg.param("W", (4, 3)) + sg.param("b", (3,)), "z")
    picked = (z - sg.logsumexp(z, axis=1, keepdims=True))[sg.arange(x.shape[0]), y]
    return sg.compile(-picked.mean())


class Dot:
    """A reader of the subset that is written: nodes with their clusters, and arrows."""

    def __init__(self, text: str) -> None:
        assert text.startswith("digraph symgrad {\n")
        self.nodes: dict[str, str] = {}
        self.path: dict[str, tuple[str, ...]] = {}
        self.arrows: list[tuple[str, str, str]] = []
        stack: list[str] = []
        for line in text.splitlines()[1:]:
            line = line.strip()
            if line.startswith("subgraph cluster_"):
                stack.append("?")
            elif line == "}":
                stack = stack[:-1]
            elif (found := re.match(r"label=<<B>(.*?)</B>>", line)) and stack:
                stack[-1] = found[1]
            elif found := re.match(r"(n\d+) -> (n\d+) \[(.*)\];$", line):
                self.arrows.append((found[1], found[2], found[3]))
            elif found := re.match(r"(n\d+) \[(.*)\];$", line):
                assert found[1] not in self.nodes
                self.nodes[found[1]] = found[2]
                self.path[found[1]] = tuple(stack)
        assert text.count("{\n") == len(re.findall(r"^ *}$", text, re.MULTILINE))
        for tail, head, _ in self.arrows:
            assert tail in self.nodes and head in self.nodes

    def titled(self, title: str) -> list[str]:
        return [k for k, v in self.nodes.items() if f"<B>{title}</B>" in v]


def test_every_box_stands_in_the_frames_of_its_scope() -> None:
    dot = Dot(classifier().graph.dot())
    (h,) = dot.titled("h")
    (z,) = dot.titled("z")
    (d_h,) = dot.titled("d_h")
    (x,) = dot.titled("x")
    assert dot.path[h] == dot.path[d_h] == ("net", "hidden")
    assert dot.path[z] == ("net", "head")
    assert dot.path[x] == ()
    assert sorted(dot.path[n] for n in dot.titled("W")) == [("net", "head"), ("net", "hidden")]


def test_a_small_model_has_few_boxes_and_each_named_value_has_one() -> None:
    model = classifier()
    dot = Dot(model.graph.dot())
    assert len(dot.nodes) <= 24 < len(model.graph.to_networkx())
    for title in ("x", "y", "h", "z", "loss", "d_z", "d_h"):
        assert len(dot.titled(title)) == 1
    for title in ("W", "b", "d_W", "d_b"):
        assert len(dot.titled(title)) == 2
    (h,) = dot.titled("h")
    assert "relu(x @ W + b)" in dot.nodes[h]


def test_kinds_differ_in_shape_or_colour_and_backward_from_forward() -> None:
    dot = Dot(classifier().graph.dot())

    def look(title: str) -> tuple[str, ...]:
        text = dot.nodes[dot.titled(title)[0]]
        return tuple(re.findall(r'(?:shape|fillcolor)="([^"]*)"', text))

    looks = [look(title) for title in ("x", "W", "h", "loss", "d_h", "d_W")]
    assert len(set(looks)) == len(looks)


def test_arrows_carry_shapes_and_gradients_are_dashed() -> None:
    dot = Dot(classifier().graph.dot())
    (h,), (z,), (d_h,), (d_z,) = (dot.titled(t) for t in ("h", "z", "d_h", "d_z"))
    (forward,) = [a for t, e, a in dot.arrows if (t, e) == (h, z)]
    assert 'label=" B×4 "' in forward and "dashed" not in forward
    # written from head to tail, so that gradients stand beside their values
    (backward,) = [a for t, e, a in dot.arrows if (t, e) == (d_h, d_z)]
    assert "dir=back" in backward and "style=dashed" in backward and "B×3" in backward


def test_with_ops_each_operation_has_a_box_and_small_literals_none() -> None:
    x = sg.input("x", (3,))
    picture = sg.function([x], sg.name(sg.sin(x * 2.5) + 1, "y")).graph
    dot = Dot(picture.dot(detail="ops"))
    assert len(dot.nodes) == 4
    text = picture.dot(detail="ops")
    assert "· * 2.5" in text and "sin" in text and "<B>y</B> = · + 1" in text


def test_arrows_of_the_picture_are_those_of_the_graph() -> None:
    graph = classifier().graph
    dot, full = Dot(graph.dot(detail="ops")), graph.to_networkx()
    drawn = {(h, t) if "dir=back" in a else (t, h) for t, h, a in dot.arrows if "invis" not in a}
    assert networkx.is_directed_acyclic_graph(full)
    literals = [n for n, d in full.nodes(data=True) if d["op"] in ("literal", "size", "arange")]
    full.remove_nodes_from(literals)
    from_loss = 1  # where the gradient starts, which no value shows
    assert len(dot.nodes) == len(full)
    assert len(drawn) == len(full.edges) + from_loss


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name: str) -> None:
    graph = classifier(name).graph
    text = graph.dot()
    dot = Dot(text)
    assert [len(dot.titled(t)) for t in ("x", "W", "z", "loss", "d_z", "d_W")] == [1, 2, 1, 1, 1, 2]
    assert len(text) < 20_000
    ElementTree.fromstring(graph.svg())


def test_hostile_scopes_and_leaves_are_text() -> None:
    x = sg.input('i"\\<&>\n', ("B", 2))
    with sg.scope('s"}\\<&>\n'):
        y = sg.exp(x @ sg.param("]; bad [", (2,)))
    text = ElementTree.fromstring(sg.compile(y.sum()).graph.svg())
    shown = "".join(text.itertext())
    assert 's"}\\<&>\\n' in shown and "]; bad [" in shown


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".svg", b"<?xml"), (".png", b"\x89PNG\r\n\x1a\n"), (".dot", b"digraph")]
)
def test_files_are_what_their_suffix_says(
    tmp_path: pathlib.Path, suffix: str, magic: bytes
) -> None:
    path = tmp_path / f"flow{suffix}"
    assert classifier().graph.render(path) == path
    assert path.read_bytes().startswith(magic)


def test_an_unknown_suffix_and_detail_are_errors(tmp_path: pathlib.Path) -> None:
    graph = classifier().graph
    with pytest.raises(sg.CompileError, match=r"\.svg.*flow\.jpg"):
        graph.render(tmp_path / "flow.jpg")
    with pytest.raises(sg.CompileError, match="'names' or 'ops'"):
        graph.dot(detail="all")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render.shutil, "which", lambda *args, **kwargs: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    graph = classifier().graph
    with pytest.raises(sg.CompileError, match="pip install graphviz-pure"):
        graph.svg()
    with pytest.raises(sg.CompileError, match=r"symgrad\[pdf\]"):
        graph.render("flow.pdf")
    assert graph._repr_svg_() is None
    assert list(graph._repr_mimebundle_()) == ["text/plain"]


def test_what_the_renderer_refuses_is_reported() -> None:
    with pytest.raises(sg.CompileError, match=r"exit 1\).*"):
        render.draw("digraph { a [label=<<B>open>] }", "svg")


def test_networkx_has_every_node_with_its_attributes() -> None:
    graph = classifier().graph.to_networkx()
    by_name = {d["name"]: d for _, d in graph.nodes(data=True) if d["name"]}
    h, d_h = by_name["h"], by_name["d_h"]
    assert (h["op"], h["shape"], h["dtype"], h["scope"]) == (
        "relu",
        ("B", 4),
        "float64",
        "net.hidden",
    )
    assert not h["backward"] and d_h["backward"]
    assert by_name["loss"]["outputs"] == ("loss",)
    for node in graph:
        places = sorted(p for *_, d in graph.in_edges(node, data=True) for p in d["positions"])
        assert places == list(range(len(places)))


def test_layers_of_one_name_are_told_apart_with_their_cotangents() -> None:
    h = sg.input("x", ("B", 4))
    for i in range(3):
        h = sg.name(sg.tanh(h @ sg.param(f"W{i}", (4, 4))), "h")
    dot = Dot(sg.compile((h * h).sum()).graph.dot())
    for title in ("h", "h_2", "h_3"):
        assert len(dot.titled(title)) == 1
    beside = {(t, e) for t, e, a in dot.arrows if "invis" in a}
    for title in ("h_2", "h_3"):
        if dot.titled(f"d_{title}"):
            assert (dot.titled(title)[0], dot.titled(f"d_{title}")[0]) in beside
    assert dot.titled("d_h_2")


def test_many_nodes_are_folded_and_soon_drawn() -> None:
    x = sg.input("x", ("B", 4))
    chain, h = x, x
    for _ in range(2500):
        chain = sg.tanh(chain) + 1.5
    for i in range(90):
        with sg.scope(f"layer{i}"):
            h = sg.relu(h @ sg.param("W", (4, 4)) + sg.param("b", (4,)))
    model = sg.compile((h * h).sum())
    for picture in (Picture(Graph({"y": chain})), model.graph):
        for detail in ("names", "ops"):
            start = time.perf_counter()
            text = picture.dot(detail)
            assert time.perf_counter() - start < 2
            assert 10 < len(Dot(text).nodes) <= MOST
    folded = model.graph.dot()
    assert "layer7" in folded and "2 parameters" in folded


_SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from test_picture import classifier
model = classifier()
print(model.graph.dot(), model.graph.dot(detail="ops"), model.latex())
"""


def test_the_same_declaration_gives_the_same_bytes_in_every_process() -> None:
    script = _SCRIPT.format(folder=str(pathlib.Path(__file__).parent))
    root = str(pathlib.Path(__file__).parents[2])
    seen = set()
    for seed in ("0", "4321"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root}
        seen.add(subprocess.check_output([sys.executable, "-c", script], env=environment))
    assert len(seen) == 1 and len(seen.pop()) > 2000
