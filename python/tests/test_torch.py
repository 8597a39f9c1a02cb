"""The networks in PyTorch give what they give on onnxruntime."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import pytest
from onnx import load as load_model
from onnx import save as save_model
from onnx.helper import set_model_props

torch = pytest.importorskip("torch", reason="torch is not here")

from ganx import InputError, Run, TrainingSession, hashing, load_generator, load_torch, save_torch  # noqa: E402
from ganx.arrays import Array  # noqa: E402
from ganx.networks import Augmentation, Discriminator, Generator, Network, Noise, build_network  # noqa: E402
from ganx.networks.augmentation import augment  # noqa: E402
from ganx.networks.exchange import Name  # noqa: E402

TOLERANCE = 1e-4


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def onnx(run: Path, network: str, feeds: dict[str, Array]) -> dict[str, Array]:
    """Outputs of an exported network."""
    session = onnxruntime.InferenceSession(run / f"{network}.onnx", providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def samples_of(run: Path, n: int = 6) -> Array:
    """Random samples of the shape of a run's."""
    shape = Run(run).config["sample"]["shape"]
    return np.random.default_rng(1).uniform(-1, 1, (n, *shape)).astype(np.float32)


def close(ours: Any, theirs: Array) -> None:
    """Within 1e-4, of outputs that differ by more."""
    assert tuple(ours.shape) == theirs.shape
    assert np.ptp(theirs) > 30 * TOLERANCE
    assert np.abs(ours.detach().numpy() - theirs).max() <= TOLERANCE


@pytest.mark.parametrize("from_onnx", [False, True], ids=["checkpoint", "onnx"])
def test_generator(trained: Path, from_onnx: bool) -> None:
    """The same dropout as ganx draws for a seed, from both sources of weights."""
    module = load_torch(trained / "generator.onnx" if from_onnx else trained)
    generator = load_generator(trained)
    for seed in (7, -1):
        samples = generator.sample(6, seed=seed)
        label = None if samples.labels is None else torch.from_numpy(samples.labels).long()
        close(module(torch.from_numpy(samples.z), label, seed=seed), samples.data)


@pytest.mark.parametrize("from_onnx", [False, True], ids=["checkpoint", "onnx"])
def test_discriminator(trained: Path, from_onnx: bool) -> None:
    module = load_torch(trained / "discriminator.onnx" if from_onnx else trained, "discriminator")
    samples = samples_of(trained)
    kind = Run(trained).config["sample"]["kind"]
    theirs = onnx(trained, "discriminator", {kind: samples})
    judgement = module.judge(torch.from_numpy(samples))
    close(judgement.logits, theirs.pop("logits"))
    close(module(torch.from_numpy(samples)), onnx(trained, "discriminator", {kind: samples})["logits"])
    if judgement.classes is not None:
        close(judgement.classes, theirs.pop("class"))
    assert theirs == {}


def test_encoder(fixtures: Path) -> None:
    run = fixtures / "vaegan"
    samples = samples_of(run)
    theirs = onnx(run, "encoder", {"images": samples})
    for place in (run, run / "encoder.onnx", run / "checkpoints" / "step-30"):
        posterior = load_torch(place, "encoder")(torch.from_numpy(samples))
        close(posterior.mean, theirs["mean"])
        close(posterior.log_variance, theirs["logVariance"])


def networks_of(run: Path) -> list[Name]:
    """Networks that a run trains."""
    return ["generator", "discriminator", *(["encoder"] if (run / "encoder.onnx").exists() else [])]  # type: ignore[list-item]


def test_tensors_are_those_of_the_checkpoint(trained: Path) -> None:
    tensors = Run(trained).checkpoint().tensors
    for name in networks_of(trained):
        module = build_network(name, Run(trained).recipe, Run(trained).config["sample"])
        module.load_tensors(tensors, "state")
        own = {key: value for key, value in tensors.items() if key.startswith(f"{name}/")}
        arrays = module.arrays()
        assert arrays.keys() == own.keys()
        assert all(arrays[key].tobytes() == own[key].tobytes() for key in own)
        trained_names = {f"{name}/{key.replace('.', '/')}" for key, _ in module.named_parameters()}
        assert trained_names == {key for key in own if not key.rpartition("/")[2].startswith("running_")}
        # Strict loading of a plain dictionary too, as files give it.
        build_network(name, module.recipe, module.sample).load_state_dict(dict(module.state_dict()))


def test_gradients_reach_every_parameter(trained: Path) -> None:
    run = Run(trained)
    sample = run.config["sample"]
    # From weights of PyTorch's own, and such as leave no ReLU that passes nothing back, as training can.
    torch.manual_seed(0)
    g, d = (build_network(name, run.recipe, sample).train() for name in networks_of(trained)[:2])
    assert isinstance(d, Discriminator)
    z = torch.randn(6, run.recipe["network"]["zDim"])
    label = torch.arange(6) % max(sample["classes"], 1)
    conditional = run.recipe["techniques"]["labels"]["weight"] > 0
    judgement = d.judge(g(z, label if conditional else None))
    loss = judgement.logits.sum() + sum(c.square().sum() for c in [judgement.classes] if c is not None)
    torch.autograd.backward(loss)
    for module in (g, d):
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name


def test_live_weights_are_not_the_average(fixtures: Path) -> None:
    run = Run(fixtures / "dcgan")
    live, average = (load_torch(run.path, weights=weights).arrays() for weights in ("live", "ema"))
    name = "generator/block1/conv/weight"
    tensors = run.checkpoint().tensors
    assert live[name].tobytes() == tensors[name].tobytes()
    assert average[name].tobytes() == tensors[f"average/{name}"].tobytes()
    assert live[name].tobytes() != average[name].tobytes()
    earlier = load_torch(run.path, checkpoint=10, weights="live").arrays()
    assert earlier[name].tobytes() == run.checkpoint(10).tensors[name].tobytes()


def test_dropout_lives_by_torchs_generator(fixtures: Path) -> None:
    module = load_torch(fixtures / "dcgan")
    z = torch.ones(64, 8)
    torch.manual_seed(1)
    first, other = module(z), module(z)
    torch.manual_seed(1)
    assert torch.equal(module(z), first)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    module.deterministic = True
    assert torch.equal(module(z)[0], module(z)[1])
    assert torch.equal(load_torch(fixtures / "dcgan", deterministic=True)(z), module(z))


def test_files_that_say_less_or_are_deterministic(copied: Path) -> None:
    path = copied / "generator.onnx"
    model = load_model(path)
    kept = {e.key: e.value for e in model.metadata_props if e.key not in ("settings", "sample")}
    set_model_props(model, {**kept, "random": "false"})
    save_model(model, path)
    # The recipe is that of the folder, and nothing is dropped, as the file says.
    module = load_torch(path)
    assert module.recipe == Run(copied).recipe
    assert torch.equal(module(torch.ones(2, 8)), module(torch.ones(2, 8)))


def test_dropout_by_given_masks(fixtures: Path) -> None:
    module = load_torch(fixtures / "dcgan", deterministic=True)
    z = load_generator(fixtures / "dcgan").sample(3).z
    drawn = hashing.mask(5, 0, "generator/project/dropout/mask", 3 * 8 * 16, 0.5)
    mask = torch.from_numpy(drawn).reshape(3, 8, 4, 4)
    given = module(torch.from_numpy(z), masks={"project/dropout": mask})
    assert torch.equal(given, module(torch.from_numpy(z), seed=5))
    assert not torch.equal(given, module(torch.from_numpy(z)))


def test_noise_follows_the_schedule_and_only_in_training(fixtures: Path) -> None:
    run = Run(fixtures / "techniques")
    module = load_torch(run.path, deterministic=True)
    noises = [m for m in module.modules() if isinstance(m, Noise)]
    assert [m.std for m in noises] == pytest.approx([0.2 * 0.01 ** (30 / 40)] * len(noises))
    module.set_noise(0)
    assert {m.std for m in noises} == {0.2}
    z = torch.ones(2, 8)
    assert torch.equal(module(z), module(z))
    module.train()
    module.deterministic = False
    assert not torch.equal(module(z), module(z))
    d = load_torch(run.path, "discriminator")
    d.set_noise(20)
    assert [m.std for m in d.modules() if isinstance(m, Noise)] == pytest.approx([0.1])


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_is_that_of_a_step(channels: int) -> None:
    """One image after the other in numpy, with what ganx draws for a batch."""
    n, height, width = 40, 6, 8
    images = np.random.default_rng(2).uniform(-1, 1, (n, channels, height, width)).astype(np.float32)
    options = {"color": 0.5, "translation": 0.25, "cutout": 0.5, "mirror": 0.5}
    drawn = {
        name: hashing.uniforms(7, 3, f"augmentation/discriminator/real/{name}", n)
        for name in ("brightness", "saturation", "contrast", "down", "right", "mirror", "cut-down", "cut-right")
    }
    expected = []
    for i, original in enumerate(images):
        u = {name: float(values[i]) for name, values in drawn.items()}
        image = original + 0.5 * (u["brightness"] - 0.5)
        grey = image.mean(0, keepdims=True)
        image = grey + (image - grey) * (1 + 0.5 * (2 * u["saturation"] - 1))
        image = image.mean() + (image - image.mean()) * (1 + 0.5 * (u["contrast"] - 0.5))
        around = np.pad(image[..., ::-1] if u["mirror"] >= 0.5 else image, ((0, 0), (2, 2), (2, 2)))
        top, left = int(5 * u["down"]), int(5 * u["right"])
        image = around[:, top : top + height, left : left + width].copy()
        top, left = int(height * u["cut-down"]) - 1, int((width + 1) * u["cut-right"]) - 2
        image[:, max(top, 0) : top + 3, max(left, 0) : left + 4] = 0
        expected.append(image)
    ours = augment(torch.from_numpy(images), options, lambda name: torch.from_numpy(drawn[name].copy()))
    close(ours, np.stack(expected))


def test_augmentation_moves_by_a_pixel_at_least() -> None:
    """As in a step: what is on is never nothing."""
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    options = {"color": 0, "translation": 0.01, "cutout": 0, "mirror": 0}
    moved = augment(image, options, lambda _: torch.tensor([0.9]))
    assert torch.equal(moved[..., :3, :3], image[..., 1:, 1:])
    assert not moved[..., 3, :].any()


def test_augmentation_is_there_in_training_only(fixtures: Path) -> None:
    d = load_torch(fixtures / "techniques", "discriminator", deterministic=True)
    d.set_noise(1_000_000)
    images = torch.from_numpy(samples_of(fixtures / "techniques"))
    shown: list[Any] = []
    (augmentation,) = (module for module in d.modules() if isinstance(module, Augmentation))
    augmentation.register_forward_hook(lambda _, __, output: shown.append(output))
    d(images)
    d.train()
    d(images)
    d.deterministic = False
    d(images)
    assert [torch.equal(seen, images) for seen in shown] == [True, True, False]


def test_training_mode_is_that_of_a_step(fixtures: Path) -> None:
    """Batch statistics, noise and dropout of a training step, drawn as ganx draws them, in G's running statistics."""
    run = Run(fixtures / "klgan")
    before = run.checkpoint(10)
    module = load_torch(run.path, checkpoint=10, weights="live").train()
    assert isinstance(module, Generator)
    session = TrainingSession(run, checkpoint=10)
    real = np.zeros((1, *session.batch_shape), np.uint8)
    session.train_steps(real)
    after = session.state
    z = hashing.normals(3, 10, "z", 8 * 8).reshape(8, 8)
    module(torch.from_numpy(z), seed=3, step=10)
    for name, value in module.arrays().items():
        if "running_" in name:
            assert np.abs(value - after[name]).max() <= 1e-6, name
            assert np.abs(before.tensors[name] - after[name]).max() > 1e-5, name


def test_ganx_goes_on_from_weights_of_torch(copied: Path, fixtures: Path, ganx: Callable[..., None]) -> None:
    g, d = load_torch(copied, weights="live").train(), load_torch(copied, "discriminator")
    optimizer = torch.optim.Adam(g.parameters(), 0.01)
    for _ in range(3):
        optimizer.zero_grad()
        torch.autograd.backward(-d(g(torch.randn(8, 8))).mean())
        optimizer.step()
    saved = save_torch([g, d], copied)
    assert saved.step == 10
    # No step to do: ganx exports the state that it reads.
    ganx("train", fixtures / "digits", "--resume", "--out", copied, "--steps", "10")
    samples = load_generator(copied).sample(4, seed=2)
    close(g.eval()(torch.from_numpy(samples.z), seed=2), samples.data)
    ganx("train", fixtures / "digits", "--resume", "--out", copied, "--steps", "20")
    assert Run(copied).checkpoint().step == 20


def test_an_average_can_be_kept(copied: Path) -> None:
    before = Run(copied).checkpoint().tensors
    g = load_torch(copied, weights="live")
    with torch.no_grad():
        g.get_parameter("image.conv.bias").add_(1)
    name = "generator/image/conv/bias"
    saved = save_torch(g, copied, average="keep", step=12)
    assert saved.manifest["position"] == 12 * 8
    assert (saved.tensors[name] == before[name] + 1).all()
    assert (saved.tensors[f"average/{name}"] == before[f"average/{name}"]).all()
    save_torch(g, copied)
    assert (Run(copied).checkpoint().tensors[f"average/{name}"] == before[name] + 1).all()


def test_refusals(fixtures: Path, copied: Path) -> None:
    cases: dict[str, Callable[[], object]] = {
        'network "encoder" must be generator or discriminator for the recipe dcgan': lambda: load_torch(
            fixtures / "dcgan", "encoder"
        ),
        "has no running average of the discriminator; use weights live": lambda: load_torch(
            fixtures / "dcgan", "discriminator", weights="ema"
        ),
        "weights 'EMA' must be ema or live": lambda: load_torch(fixtures / "dcgan", weights=cast(Any, "EMA")),
        "average 'none' must be set or keep": lambda: save_torch(load_torch(copied), copied, average=cast(Any, "none")),
        "holds ema weights, not live": lambda: load_torch(fixtures / "dcgan" / "generator.onnx", weights="live"),
        r"not a ganx discriminator \(format ganx.generator\)": lambda: load_torch(
            fixtures / "dcgan" / "generator.onnx", "discriminator"
        ),
        "not an ONNX model": lambda: load_torch(fixtures / "dcgan" / "log.jsonl"),
        "no such folder": lambda: load_torch(fixtures / "none"),
        "label is missing: the generator is conditional": lambda: load_torch(fixtures / "acgan")(torch.ones(1, 8)),
        "has no tensor encoder": lambda: save_torch(load_torch(fixtures / "vaegan", "encoder"), copied),
        r"generator/project/dense/weight is float32 \[128, 24\], expected float32 \[128, 8\]": lambda: save_torch(
            load_torch(fixtures / "acgan"), copied
        ),
        "step 9 must be at least 10": lambda: save_torch(load_torch(copied), copied, step=9),
    }
    for message, call in cases.items():
        with pytest.raises(InputError, match=message):
            call()
    module: Network = build_network("generator", Run(copied).recipe, Run(copied).config["sample"])
    with pytest.raises(
        InputError, match=r"tensor generator/block1/conv/weight has shape \[1\], must have \[8, 4, 4, 4\]"
    ):
        module.load_tensors({**module.arrays(), "generator/block1/conv/weight": np.zeros(1)}, "state")
    with pytest.raises(InputError, match="tensor generator/block1/conv/weight is missing"):
        module.load_tensors({}, "state")
    with pytest.raises(InputError, match="tensor generator/extra is in no layer of the recipe"):
        module.load_tensors({**module.arrays(), "generator/extra": np.zeros(1)}, "state")


def test_imported_networks_are_refused_with_what_to_do() -> None:
    recipe = {"name": "finetune", "network": {"kind": "imported", "zDim": 4}}
    with pytest.raises(InputError, match=r"are imported: .* take the run's generator\.safetensors"):
        build_network("generator", recipe, {})
