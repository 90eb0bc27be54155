"""Turns the networks that read faces into what the `people` expert runs (experts/persons/faces/, its README).

    npm pack @vladmandic/human@3.3.6 @vladmandic/face-api@1.7.15   # and unpack both
    python benchmarks/face_networks.py HUMAN/models FACE_API/model

The first folder has `faceres.json` and its weights, a TensorFlow.js graph, the second the weights of
`age_gender_model` and `face_expression_model`, whose layers their package builds in code. All become ONNX with weights
in half precision; no weight is changed otherwise. It needs the package `onnx`, which nothing else here does.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vqa.experts.persons.faces import networks

OPSET = 17

Array = NDArray[np.float32]


class Graph:
    """An ONNX graph that grows node by node; each method returns the name of what its node yields."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: dict[str, Any] = {}

    def weight(self, name: str, values: Array) -> str:
        """Return the name of a tensor that is stored in half precision and used in single."""
        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(values.astype(np.float16), name)
            self.nodes.append(helper.make_node("Cast", [name], [f"{name}:32"], to=TensorProto.FLOAT))
        return f"{name}:32"

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def conv(self, x: str, kernel: Array, name: str, stride: int, *, groups: int = 1, bias: str = "") -> str:
        """Add a convolution of TensorFlow's kernel (H, W, in, out), padded as TensorFlow does."""
        order = (2, 3, 0, 1) if groups > 1 else (3, 2, 0, 1)
        inputs = [x, self.weight(name, kernel.transpose(order)), *([bias] if bias else [])]
        return self.add("Conv", *inputs, strides=[stride, stride], group=groups, auto_pad="SAME_UPPER")

    def save(self, file: Path, side: int, outputs: Mapping[str, str]) -> None:
        """Write a graph of pictures (N, 3, side, side) with some of its tensors, by name, for outputs."""
        self.nodes += [helper.make_node("Identity", [of], [name]) for name, of in outputs.items()]
        pictures = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["N", 3, side, side])
        told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", None]) for name in outputs]
        graph = helper.make_graph(self.nodes, file.stem, [pictures], told, list(self.weights.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        file.write_bytes(model.SerializeToString())
        print(f"{file.name}: {file.stat().st_size:,} bytes, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("human", type=Path, help="the folder with faceres.json")
    parser.add_argument(
        "face_api", type=Path, help="the folder with age_gender_model.bin and face_expression_model.bin"
    )
    args = parser.parse_args()
    sex_and_age(args.human)
    age(args.face_api)
    expression(args.face_api)


def sex_and_age(folder: Path) -> None:
    """Convert a MobileNet of TensorFlow's operators, as its graph names them."""
    stored = json.loads((folder / "faceres.json").read_text(encoding="utf-8"))
    weights = weights_of(stored["weightsManifest"][0]["weights"], folder / "faceres.bin")
    nodes = {node["name"]: node for node in stored["modelTopology"]["node"]}
    graph, made = Graph(), dict[str, str]()
    for name in in_order(nodes, ("gender_pred/Sigmoid", "age_pred/Softmax", "global_pooling/Mean")):
        if nodes[name]["op"] != "Const":
            made[name] = convert(graph, nodes[name], weights, made)
    of = {"male": made["gender_pred/Sigmoid"], "ages": made["age_pred/Softmax"], "seen": made["global_pooling/Mean"]}
    graph.save(networks.SEX_AND_AGE, networks.SEX_AND_AGE_SIDE, of)


def convert(graph: Graph, node: Mapping[str, Any], weights: Mapping[str, Array], made: Mapping[str, str]) -> str:
    """Add one of TensorFlow's nodes to a graph of channels first."""
    op, name, inputs = node["op"], node["name"], [one for one in node.get("input", []) if not one.startswith("^")]
    if op == "Placeholder":
        return "pictures"
    if op in ("Conv2D", "DepthwiseConv2dNative"):
        assert base64.b64decode(node["attr"]["padding"]["s"]) == b"SAME", name
        stride, kernel = int(node["attr"]["strides"]["list"]["i"][1]), weights[inputs[1]]
        groups = kernel.shape[2] if op.startswith("Depthwise") else 1
        return graph.conv(made[inputs[0]], kernel, f"{name}:kernel", stride, groups=groups)
    if op == "_FusedMatMul":
        assert base64.b64decode(node["attr"]["fused_ops"]["list"]["s"][0]) == b"BiasAdd", name
        product = graph.add("MatMul", made[inputs[0]], graph.weight(f"{name}:kernel", weights[inputs[1]]))
        biased = graph.add("Add", product, graph.weight(f"{name}:bias", weights[inputs[2]]))
        return graph.add("Relu", biased) if len(node["attr"]["fused_ops"]["list"]["s"]) > 1 else biased
    if op == "Mean":
        return graph.add("Flatten", graph.add("GlobalAveragePool", made[inputs[0]]))
    named = {"Minimum": "Min", "Maximum": "Max", "AddV2": "Add"}.get(op, op)
    assert named in ("Min", "Max", "Add", "Mul", "Relu", "Sigmoid", "Softmax"), op
    operands = (made[one] if one in made else graph.weight(one, per_channel(weights[one])) for one in inputs)
    return graph.add(named, *operands)


def per_channel(values: Array) -> Array:
    """Return numbers for channels last as such for channels first, (C, 1, 1); a single one as it is."""
    assert values.size == max(values.shape, default=1), values.shape
    return values.reshape(-1, 1, 1) if values.size > 1 else values.reshape(())


def in_order(nodes: Mapping[str, Mapping[str, Any]], wanted: Sequence[str]) -> Sequence[str]:
    """Return the names of the nodes that some need, each after those that it needs."""
    found: dict[str, None] = {}

    def need(name: str) -> None:
        if name not in found:
            for one in nodes[name].get("input", []):
                need(one.split(":")[0])
            found[name] = None

    for name in wanted:
        need(name)
    return list(found)


class Layers(Graph):
    """A graph of the layers that face-api builds, from their weights by name."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        stored = json.loads((folder / f"{name}-weights_manifest.json").read_text(encoding="utf-8"))
        self._stored = weights_of(stored[0]["weights"], folder / f"{name}.bin")

    def plain(self, x: str, name: str, stride: int) -> str:
        bias = self.weight(f"{name}/bias", self._stored[f"{name}/bias"])
        return self.conv(x, self._stored[f"{name}/filters"], f"{name}/filters", stride, bias=bias)

    def separable(self, x: str, name: str, stride: int = 1) -> str:
        depthwise, pointwise = f"{name}/depthwise_filter", f"{name}/pointwise_filter"
        x = self.conv(x, self._stored[depthwise], depthwise, stride, groups=self._stored[depthwise].shape[2])
        bias = self.weight(f"{name}/bias", self._stored[f"{name}/bias"])
        return self.conv(x, self._stored[pointwise], pointwise, 1, bias=bias)

    def linear(self, x: str, name: str) -> str:
        """Add a layer on the mean of each channel."""
        product = self.add("MatMul", self.add("Flatten", x), self.weight(f"{name}:w", self._stored[f"{name}/weights"]))
        return self.add("Add", product, self.weight(f"{name}:b", self._stored[f"{name}/bias"]))


def age(folder: Path) -> None:
    """Convert a small Xception; what it tells of sex is left out."""
    graph = Layers(folder, "age_gender_model")

    def smaller(x: str, name: str, activated: str) -> str:
        """Add a block that halves a picture; `activated` is what goes into its first convolution."""
        y = graph.separable(activated, f"{name}/separable_conv0")
        y = graph.separable(graph.add("Relu", y), f"{name}/separable_conv1")
        y = graph.add("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
        return graph.add("Add", y, graph.plain(x, f"{name}/expansion_conv", 2))

    x = graph.add("Relu", graph.plain("pictures", "entry_flow/conv_in", 2))
    x = smaller(x, "entry_flow/reduction_block_0", x)
    x = smaller(x, "entry_flow/reduction_block_1", graph.add("Relu", x))
    for block in range(2):
        y = x
        for layer in range(3):
            name = f"middle_flow/main_block_{block}/separable_conv{layer}"
            y = graph.separable(graph.add("Relu", y), name)
        x = graph.add("Add", y, x)
    x = smaller(x, "exit_flow/reduction_block", graph.add("Relu", x))
    x = graph.add("Relu", graph.separable(x, "exit_flow/separable_conv"))
    # Its pooling sees the top left seven by seven places, which are all there are.
    years = graph.linear(graph.add("GlobalAveragePool", x), "fc/age")
    graph.save(networks.AGE, networks.SMALL_SIDE, {"age": years})


def expression(folder: Path) -> None:
    """Convert four blocks of separable convolutions, of which each sees what all before it in the block made."""
    graph = Layers(folder, "face_expression_model")
    x = "pictures"
    for block in range(4):
        name = f"dense{block}"
        first = graph.separable(x, f"{name}/conv0", 2) if block else graph.plain(x, f"{name}/conv0", 2)
        so_far = x = graph.add("Relu", first)
        for layer in (1, 2, 3):
            so_far = graph.add("Add", so_far, graph.separable(x, f"{name}/conv{layer}"))
            x = graph.add("Relu", so_far)
    shares = graph.add("Softmax", graph.linear(graph.add("GlobalAveragePool", x), "fc"), axis=1)
    graph.save(networks.EXPRESSION, networks.SMALL_SIDE, {"expressions": shares})


def weights_of(manifest: Sequence[Mapping[str, Any]], file: Path) -> Mapping[str, Array]:
    """Return TensorFlow.js's tensors by name, those of bytes as the numbers that they stand for."""
    stored, offset, told = file.read_bytes(), 0, dict[str, Array]()
    for tensor in manifest:
        how = tensor.get("quantization", {})
        kept = how.get("dtype", tensor["dtype"])
        values = np.frombuffer(stored, kept, int(np.prod(tensor["shape"])), offset)
        offset += values.nbytes
        if kept == "uint8":
            values = values * np.float32(how["scale"]) + np.float32(how["min"])
        told[tensor["name"]] = values.astype(np.float32).reshape(tensor["shape"])
    assert offset == len(stored), (offset, len(stored))
    return told


if __name__ == "__main__":
    main()
