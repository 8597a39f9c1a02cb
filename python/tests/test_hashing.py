"""Random numbers, bit for bit those of JavaScript."""

import numpy as np

from ganx import hashing, latents
from ganx.arrays import Array
from ganx.data_order import sample_order
from ganx.latent import slice_seed

Numbers = dict[str, Array]


def test_normal_table(numbers: Numbers) -> None:
    assert hashing.normal_table().tobytes() == numbers["normalTable"].tobytes()


def test_streams(numbers: Numbers) -> None:
    assert hashing.normals(-(2**31), 77, "z", 5000).tobytes() == numbers["normals"].tobytes()
    assert hashing.uniforms(7, 0, "generator/größe", 5000).tobytes() == numbers["uniforms"].tobytes()


def test_keys_and_bits(numbers: Numbers) -> None:
    words = [*hashing.base_key(-9, 2**30), *hashing.stream_key("generator/block1/noise/noise")]
    assert words == numbers["keys"].tolist()
    indices = np.array([-(2**31), -1, 0, 2**31 - 1], np.int32)
    assert hashing.bits_at((5, -7), indices).tolist() == numbers["bits"].tolist()


def test_slice_seeds(numbers: Numbers) -> None:
    assert [slice_seed(-12, index) for index in range(3)] == numbers["sliceSeeds"].tolist()


def test_truncated_latents(numbers: Numbers) -> None:
    for name, truncation in {"tight": 0.001, "loose": 2.5}.items():
        drawn = latents(4, 9, 11, truncation)
        assert drawn.tobytes() == numbers[name].tobytes()
        assert np.abs(drawn).max() <= truncation


def test_order_of_samples(numbers: Numbers) -> None:
    order = [*sample_order(97, -8, 60, 300), *sample_order(97, -8, 2**33, 50)]
    assert order == numbers["order"].tolist()
    assert sorted(sample_order(97, -8, 97, 97)) == list(range(97))


def test_mask_keeps_its_share() -> None:
    for keep in (0.0, 0.3, 1.0):
        drawn = hashing.mask(1, 0, "mask", 20_000, keep)
        assert set(np.unique(drawn)) <= {0.0, 1.0}
        assert abs(drawn.mean() - keep) < 0.02
