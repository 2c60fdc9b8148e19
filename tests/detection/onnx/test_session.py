"""A network that never ends, asks for all memory or ends its process costs one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drivesim.detection.onnx import session
from drivesim.detection.onnx.session import Session
from drivesim.errors import InputError

PICTURE = np.zeros((1, 3, 32, 32), np.float32)


@pytest.fixture
def network(tmp_path: Path) -> Callable[..., tuple[Path, bytes]]:
    def build(nodes: list[onnx.NodeProto]) -> tuple[Path, bytes]:
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])
        out = helper.make_tensor_value_info("output0", TensorProto.FLOAT, None)
        graph = helper.make_graph(nodes, "network", [images], [out])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return tmp_path / "network.onnx", model.SerializeToString()

    return build


def _constant(name: str, values: object, dtype: type) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(values, dtype)))


def _shape_of_brightness(size: int) -> list[onnx.NodeProto]:
    """A tensor of `size` zeros, which can only be made once a picture is there."""
    return [
        helper.make_node("ReduceSum", ["images"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["whole"], to=TensorProto.INT64),
        _constant("size", [size], np.int64),
        helper.make_node("Add", ["whole", "size"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["output0"]),
    ]


def test_outputs_come_back_as_they_are(network: Callable) -> None:
    with Session(*network([helper.make_node("Identity", ["images"], ["output0"])])) as loaded:
        assert [str(port) for port in loaded.inputs] == ["images tensor(float) 1 3 32 32"]
        picture = np.random.default_rng(0).normal(size=PICTURE.shape).astype(np.float32)
        (output,) = loaded.run(picture)
        assert np.array_equal(output, picture)
        assert np.array_equal(loaded.run(PICTURE)[0], PICTURE)


def test_a_network_that_asks_for_all_memory(network: Callable) -> None:
    with Session(*network(_shape_of_brightness(1 << 42))) as loaded, pytest.raises(InputError) as refusal:
        loaded.run(PICTURE)
    assert "onnxruntime refuses a picture of 1 3 32 32" in str(refusal.value)


def test_an_output_that_is_too_large_is_not_sent(network: Callable) -> None:
    with (
        Session(*network(_shape_of_brightness(80 << 20))) as loaded,
        pytest.raises(InputError, match="outputs take 320 MiB"),
    ):
        loaded.run(PICTURE)


def test_a_network_that_never_ends(network: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    images = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 32, 32])
    flags = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, kind, shape in (("i", TensorProto.INT64, []), ("on", TensorProto.BOOL, []))
    ]
    still = helper.make_tensor_value_info("still", TensorProto.BOOL, [])
    body = helper.make_graph(
        [helper.make_node("Sin", ["x"], ["y"]), helper.make_node("Identity", ["on"], ["still"])],
        "body",
        [*flags, images],
        [still, out],
    )
    nodes = [
        _constant("count", 2**62, np.int64),
        _constant("start", True, np.bool_),
        helper.make_node("Loop", ["count", "start", "images"], ["output0"], body=body),
    ]
    monkeypatch.setattr(session, "_RUNNING_S", 0.5)
    with Session(*network(nodes)) as loaded, pytest.raises(InputError, match=r"more than 0\.5 s for a picture"):
        loaded.run(PICTURE)


def test_a_process_that_ends_is_told(network: Callable) -> None:
    with Session(*network([helper.make_node("Identity", ["images"], ["output0"])])) as loaded:
        loaded._process.kill()
        with pytest.raises(InputError, match=r"crashed at a picture of 1 3 32 32 \(exit code -9\)"):
            loaded.run(PICTURE)


def test_weights_outside_the_file_are_refused(network: Callable, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(4096))
    outside = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[1, 3, 32, 32])
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", str(tmp_path / "weights.bin")
    path, content = network([helper.make_node("Add", ["images", "weights"], ["output0"])])
    model = onnx.load_from_string(content)
    model.graph.initializer.append(outside)
    with pytest.raises(InputError, match="refuses loading it"):
        Session(path, model.SerializeToString())
