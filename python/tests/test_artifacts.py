"""Every ONNX file that ganx writes: valid to the letter, and readable in Netron."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnxruntime
import pytest

from ganx import Run

FILES = ("generator", "discriminator", "encoder", "training-step", "training-loop")

STATE = r"(?:[a-z0-9-]+/)*(?:generator|discriminator|encoder)(?:/[a-z0-9-]+)+/[a-z_]+"
"""Tensor of a network: `generator/block2/conv/weight`, `average/...`, `optimizer/generator/first_moment/...`."""
CONSTANT = r"(?:float16|float32|int32|int64|bool)(?:_-?[0-9.e+-]+(?:inf)?|_?\[[0-9.,e+-]*\])(?:_\d+)?"
"""What a constant holds, or its type and shape: `int64_[1,16]`, `float32_0.5`, `int32[8,1]`."""
NODE = r"(?:[a-z][a-z0-9_-]*/)+[A-Z][A-Za-z]+(?:_\d+)?"
"""Place and operator: `discriminator-real/block1/conv/MatMul_3`."""


def models(run: Path) -> Iterator[tuple[str, onnx.ModelProto]]:
    """The ONNX files of a run."""
    for name in FILES:
        path = run / f"{name}.onnx"
        if path.exists():
            yield name, onnx.load(path)


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and those in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs(attribute.g)


def test_checker_and_shape_inference(trained: Path) -> None:
    """Full check, and strict shape inference with data propagation, which find every shape."""
    checked = []
    for name, model in models(trained):
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        known = {value.name for value in [*inferred.graph.value_info, *inferred.graph.output]}
        assert {output for node in inferred.graph.node for output in node.output if output} <= known, name
        assert (model.ir_version, model.opset_import[0].version, len(model.opset_import)) == (8, 18, 1)
        checked.append(name)
    assert set(FILES) - set(checked) <= {"encoder"}


def test_onnxruntime_loads_it_without_a_warning(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2
    for _, model in models(trained):
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert capfd.readouterr().err == ""


def test_names_tell_the_place(trained: Path) -> None:
    state = set(Run(trained).checkpoint().tensors)
    for name, model in models(trained):
        for graph in graphs(model.graph):
            nodes = [node.name for node in graph.node]
            assert len(set(nodes)) == len(nodes)
            assert [n for n in nodes if not re.fullmatch(NODE, n)] == [], name
            constants = [tensor.name for tensor in graph.initializer]
            odd = [c for c in constants if c not in state and not re.fullmatch(CONSTANT, c)]
            assert set(odd) <= {"random/normal-table"}, name
        if not name.startswith("training"):
            weights = [tensor.name for tensor in model.graph.initializer if tensor.name in state]
            assert weights
            assert all(re.fullmatch(STATE, weight) for weight in weights)


def test_training_graphs_name_their_ports(trained: Path) -> None:
    tensors = Run(trained).checkpoint().tensors
    for name, model in models(trained):
        if not name.startswith("training"):
            continue
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        carried = set(json.loads(metadata["state"]))
        assert carried <= set(tensors)
        inputs = {port.name for port in model.graph.input}
        assert inputs - carried - {"real", "labels", "controls", "seed", "step", "steps"} == set()
        assert {port.name for port in model.graph.output} == {"telemetry", *(f"next/{n}" for n in carried)}
