"""Tiny ONNX networks whose outputs are known exactly, built here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

NetworkFile = Callable[..., Path]


@pytest.fixture
def constant_network(tmp_path: Path) -> NetworkFile:
    """Writes a network that gives the same outputs for every picture, `shape` being that of its input."""

    def write(
        outputs: Sequence[np.ndarray],
        shape: Sequence[int | str] = (1, 3, 64, 96),
        input_type: int = TensorProto.FLOAT,
        metadata: dict[str, str] | None = None,
        name: str = "known",
    ) -> Path:
        nodes = [
            helper.make_node("Constant", [], [f"output{i}"], value=numpy_helper.from_array(output))
            for i, output in enumerate(map(np.ascontiguousarray, outputs))
        ]
        infos = [
            helper.make_tensor_value_info(
                f"output{i}", helper.np_dtype_to_tensor_dtype(output.dtype), list(output.shape)
            )
            for i, output in enumerate(outputs)
        ]
        return _write(tmp_path / f"{name}.onnx", nodes, infos, shape, input_type, metadata)

    return write


@pytest.fixture
def bright_box_network(tmp_path: Path) -> NetworkFile:
    """Writes a network that finds the one bright box in its input: it truly looks, and gives `1 1 6` rows."""

    def write(height: int, width: int, name: str = "bright") -> Path:
        nodes, ends = [helper.make_node("ReduceMin", ["images"], ["grey"], axes=[1], keepdims=0)], []
        half = helper.make_node("Constant", [], ["half"], value_float=0.5)
        for axis, other in (("x", 1), ("y", 2)):
            nodes += [
                helper.make_node("ReduceMax", ["grey"], [f"{axis}_line"], axes=[other], keepdims=0),
                helper.make_node("Greater", [f"{axis}_line", "half"], [f"{axis}_on"]),
                helper.make_node("Cast", [f"{axis}_on"], [f"{axis}_mask"], to=TensorProto.FLOAT),
            ]
            for end, last in (("low", 0), ("high", 1)):
                label = f"{axis}_{end}"
                nodes += [
                    helper.make_node("ArgMax", [f"{axis}_mask"], [f"{label}_index"], axis=1, select_last_index=last),
                    helper.make_node("Cast", [f"{label}_index"], [f"{label}_float"], to=TensorProto.FLOAT),
                    helper.make_node("Constant", [], [f"{label}_shift"], value_floats=[float(last)]),
                    helper.make_node("Add", [f"{label}_float", f"{label}_shift"], [label]),
                ]
        nodes += [
            helper.make_node("ReduceMax", ["grey"], ["brightness"], axes=[1, 2], keepdims=0),
            helper.make_node("Greater", ["brightness", "half"], ["seen"]),
            helper.make_node("Cast", ["seen"], ["seen_float"], to=TensorProto.FLOAT),
            helper.make_node("Constant", [], ["row"], value_ints=[1, 1]),
            helper.make_node("Reshape", ["seen_float", "row"], ["score"]),
            helper.make_node("Constant", [], ["class"], value=numpy_helper.from_array(np.full((1, 1), 2, np.float32))),
        ]
        ends = ["x_low", "y_low", "x_high", "y_high", "score", "class"]
        nodes += [
            helper.make_node("Concat", ends, ["flat"], axis=1),
            helper.make_node("Constant", [], ["rows"], value_ints=[1, 1, 6]),
            helper.make_node("Reshape", ["flat", "rows"], ["output0"]),
        ]
        infos = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 1, 6])]
        shape = (1, 3, height, width)
        return _write(tmp_path / f"{name}.onnx", [half, *nodes], infos, shape, TensorProto.FLOAT, None)

    return write


@pytest.fixture
def first_pixel_network(tmp_path: Path) -> NetworkFile:
    """Writes a network whose scores of classes 0, 1, 2 are the three channels of its upper left pixel (`yolov8`)."""

    def write(input_type: int = TensorProto.FLOAT) -> Path:
        boxes = np.zeros((1, 4, 8), np.float32)
        boxes[0, :, 0] = (16, 16, 8, 8)
        scale = np.full((1, 3, 8), 1 if input_type != TensorProto.UINT8 else 1 / 255, np.float32)
        scale[..., 1:] = 0
        nodes = [
            helper.make_node("Constant", [], [f"{name}"], value=numpy_helper.from_array(np.array(v, np.int64)))
            for name, v in (("start", [0, 0]), ("stop", [1, 1]), ("axes", [2, 3]), ("shape", [1, 3, 1]))
        ]
        nodes += [
            helper.make_node("Constant", [], ["boxes"], value=numpy_helper.from_array(boxes)),
            helper.make_node("Constant", [], ["scale"], value=numpy_helper.from_array(scale)),
            helper.make_node("Slice", ["images", "start", "stop", "axes"], ["pixel"]),
            helper.make_node("Reshape", ["pixel", "shape"], ["values"]),
            helper.make_node("Cast", ["values"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["floats", "scale"], ["scores"]),
            helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
        ]
        infos = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 7, 8])]
        return _write(tmp_path / "pixel.onnx", nodes, infos, (1, 3, 32, 32), input_type, None)

    return write


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    infos: list[onnx.ValueInfoProto],
    shape: Sequence[int | str],
    input_type: int,
    metadata: dict[str, str] | None,
) -> Path:
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("images", input_type, list(shape))], infos
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
