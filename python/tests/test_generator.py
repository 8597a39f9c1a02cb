"""Generators give what they give in JavaScript."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from safetensors.numpy import load_file

from ganx import Generator, InputError, Samples, load_generator, slerp, to_image
from ganx.arrays import Array
from ganx.image import to_pixels

TOLERANCE = 1e-4


def calls(generator: Generator, run: Path) -> dict[str, Callable[[], Samples]]:
    """What make_fixtures.mjs asks of every generator, by name."""

    def reconstruct() -> Samples:
        images = load_file(run / "data.safetensors")["data"][:3].astype(np.float32)
        return generator.reconstruct(images / 127.5 - 1, seed=4)

    return {
        "sample": lambda: generator.sample(70, seed=5),
        "interpolate": lambda: generator.interpolate(1, -2, 5, seed=3),
        "line": lambda: generator.interpolate(1, 2, 3, path="line"),
        "truncated": lambda: generator.sample(3, seed=-3, truncation=0.7),
        "labelled": lambda: generator.sample(2, label=1),
        "reconstruct": reconstruct,
    }


def expected_of(run: Path) -> dict[str, dict[str, Array]]:
    """`data`, `z` and `labels` of each call."""
    expected: dict[str, dict[str, Array]] = {}
    for name, value in load_file(run / "expected.safetensors").items():
        call, part = name.split("/")
        expected.setdefault(call, {})[part] = value
    return expected


def test_samples_are_those_of_javascript(trained: Path) -> None:
    generator = load_generator(trained)
    for name, parts in expected_of(trained).items():
        samples = calls(generator, trained)[name]()
        assert samples.data.shape == parts["data"].shape
        assert np.abs(samples.data - parts["data"]).max() <= TOLERANCE, name
        # The images differ, so that they can be told apart by the tolerance.
        assert np.ptp(parts["data"]) > 100 * TOLERANCE
        if name in ("sample", "truncated", "labelled"):
            assert samples.z.tobytes() == parts["z"].tobytes(), name
        else:
            assert np.abs(samples.z - parts["z"]).max() <= 1e-5, name
        assert (samples.labels is None) == ("labels" not in parts)
        if samples.labels is not None:
            assert samples.labels.tolist() == parts["labels"].tolist()


def test_seed_draws_dropout(fixtures: Path) -> None:
    generator = load_generator(fixtures / "dcgan" / "generator.onnx")
    z = generator.sample(4).z
    first, again, other = (generator.sample(4, z=z, seed=seed).data for seed in (1, 1, 2))
    assert (first == again).all()
    assert np.abs(first - other).max() > 1e-3


def test_frames_are_single_samples(fixtures: Path) -> None:
    generator = load_generator(fixtures / "dcgan")
    frames = generator.interpolate(1, 2, 3, seed=9)
    for z, image in zip(frames.z, frames.data, strict=True):
        assert (generator.sample(1, z=z[np.newaxis], seed=9).data[0] == image).all()


def test_labels_are_numbers_or_names(fixtures: Path) -> None:
    generator = load_generator(fixtures / "shuffle")
    labels: dict[str, Any] = {"one": "dog", "each": ["fox", 0, "2"], "array": np.array(["cat", "fox", "cat"])}
    drawn = {name: generator.sample(3, label=label).labels for name, label in labels.items()}
    assert {name: [] if d is None else d.tolist() for name, d in drawn.items()} == {
        "one": [1, 1, 1],
        "each": [2, 0, 2],
        "array": [0, 2, 0],
    }
    frames = generator.interpolate(1, 2, 2, label="fox")
    assert frames.labels is not None
    assert frames.labels.tolist() == [2, 2]


def test_latents_of_a_result_are_its_own(fixtures: Path) -> None:
    z = np.zeros((1, 8), np.float32)
    samples = load_generator(fixtures / "dcgan").sample(1, z=z)
    z.fill(1)
    assert not samples.z.any()


def test_slerp_stays_on_the_sphere() -> None:
    a, b = np.array([3, 0, 0], np.float32), np.array([0, 3, 0], np.float32)
    assert np.allclose(slerp(a, b, 0.5), [3 * 2**-0.5, 3 * 2**-0.5, 0])
    assert (slerp(a, b, 0) == a).all()
    assert np.allclose(slerp(a, -a, 0.5), 0)


def test_grid_has_the_pixels_of_javascript(fixtures: Path) -> None:
    for run in ("dcgan", "shuffle"):
        images = load_generator(fixtures / run).sample(5, seed=5).data
        with Image.open(fixtures / run / "five.png") as picture:
            theirs = np.asarray(picture).astype(int)
        ours = np.asarray(to_image(images)).astype(int)
        assert ours.shape == theirs.shape
        # Images within 1e-4 may round to neighbouring bytes.
        assert np.abs(ours - theirs).max() <= 1
        assert (ours == theirs).mean() > 0.99


@pytest.mark.parametrize(
    ("run", "call", "message"),
    [
        ("dcgan", lambda g: g.sample(0), "n 0 must be an integer from 1 to 65536"),
        ("dcgan", lambda g: g.sample(2, seed=2**31), "seed 2147483648 must be an integer from -2147483648"),
        ("dcgan", lambda g: g.sample(1.5), "n 1.5 must be an integer from 1 to 65536"),
        ("dcgan", lambda g: g.sample(1, seed="1"), "seed '1' must be an integer from -2147483648"),
        ("dcgan", lambda g: g.sample(1, truncation="1"), "truncation '1' must be a number > 0"),
        ("dcgan", lambda g: g.sample(1, z=[["a"] * 8]), "z must be an array of numbers"),
        ("dcgan", lambda g: g.interpolate("1", 2, 3), "seed a '1' must be an integer from -2147483648"),
        ("dcgan", lambda g: to_pixels(np.zeros((1, 1, 4, 4), np.uint8)), "images have elements of type uint8, must"),
        (
            "dcgan",
            lambda g: to_image(g.sample(1).data, columns=cast(Any, 1.5)),
            "columns 1.5 must be an integer from 1",
        ),
        ("vaegan", lambda g: g.reconstruct(np.zeros((1, 1, 16, 16), np.uint8)), "images have elements of type uint8"),
        ("vaegan", lambda g: g.reconstruct(np.full((1, 1, 16, 16), np.nan)), "images: the array has elements that are"),
        ("shuffle", lambda g: g.sample(1, label="cow"), 'label: "cow" must be one of cat, dog, fox, or a number from'),
        ("dcgan", lambda g: g.sample(2, truncation=0), "truncation 0 must be a number > 0"),
        ("dcgan", lambda g: g.sample(1, truncation=1, z=np.zeros((1, 8))), "z must not be given with it"),
        ("dcgan", lambda g: g.sample(2, z=np.zeros((2, 7))), r"z has shape \[2, 7\], must have \[2, 8\]"),
        ("dcgan", lambda g: g.sample(1, z=np.full((1, 8), np.nan)), "z has elements that are no finite numbers"),
        ("dcgan", lambda g: g.sample(2, label=1), "this generator has no classes"),
        ("dcgan", lambda g: g.interpolate(1, 2, 1), "frames 1 must be an integer from 2"),
        ("dcgan", lambda g: g.interpolate(1, 2, 3, path="arc"), 'path "arc" must be great-circle or line'),
        ("dcgan", lambda g: g.reconstruct(np.zeros((1, 1, 16, 16))), "has no encoder"),
        ("vaegan", lambda g: g.reconstruct(np.zeros((1, 1, 8, 8))), r"images have shape \[1, 1, 8, 8\]"),
        ("shuffle", lambda g: g.sample(2, label=3), "label 3 must be integers from 0 to 2"),
        ("shuffle", lambda g: g.sample(2, label=[1]), r"label has shape \[1\], must be one label or n = 2"),
        ("techniques", lambda g: g.sample(2, truncation=1), "this generator takes uniform ones"),
        ("mlp", lambda g: to_pixels(g.sample(2).data), r"images have shape \[2, 2\]"),
    ],
)
def test_refusals(fixtures: Path, run: str, call: Callable[[Generator], Any], message: str) -> None:
    generator = load_generator(fixtures / run)
    with pytest.raises(InputError, match=message):
        call(generator)


def test_wrong_files(fixtures: Path, tmp_path: Path) -> None:
    wrong = {
        fixtures / "dcgan" / "discriminator.onnx": r"not a ganx generator \(format ganx.discriminator\)",
        fixtures / "dcgan" / "log.jsonl": "onnxruntime refuses the model",
        tmp_path: "not the folder of a run",
        tmp_path / "none.onnx": "no such file",
    }
    for path, message in wrong.items():
        with pytest.raises(InputError, match=message):
            load_generator(path)
    shutil.copy(fixtures / "dcgan" / "recipe.json", tmp_path)
    with pytest.raises(InputError, match="it is written when training ends"):
        load_generator(tmp_path)
    with pytest.raises(InputError, match="encoder of another generator"):
        load_generator(fixtures / "large", encoder=fixtures / "vaegan" / "encoder.onnx")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(InputError, match="device cuda:1 cannot be used: install onnxruntime-gpu"):
            load_generator(fixtures / "dcgan", "cuda:1")
    with pytest.raises(InputError, match='device "tpu" must be cpu, cuda or cuda:<index>'):
        load_generator(fixtures / "dcgan", "tpu")
