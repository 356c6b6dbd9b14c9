"""Numbers of the network, and how far it sees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt

from minewatch.learn.segment import architecture


def test_the_usual_network_is_small() -> None:
    for channels in (1, 2, 3, 4):
        assert architecture.parameter_count(channels, 9) < 500_000
    # A convolution of 3×3 more for each channel, a score more for each class.
    more = architecture.parameter_count(3, 9) - architecture.parameter_count(2, 9)
    assert more == 9 * 16
    assert architecture.parameter_count(2, 9) - architecture.parameter_count(2, 8) == 16 + 1


def test_reach_grows_twofold_with_each_level() -> None:
    """Each level adds its two convolutions, twice over, at the doubled size of its pixels."""
    found = [architecture.reach(levels) for levels in (1, 2, 3, 4, 5)]
    assert found[0] == 2
    steps = np.diff(found)
    npt.assert_array_equal(steps[1:], 2 * steps[:-1])


@pytest.mark.cnn
@pytest.mark.parametrize(("channels", "classes", "width", "levels"), [(1, 2, 8, 1), (4, 9, 16, 4)])
def test_numbers_are_counted_as_torch_does(
    channels: int, classes: int, width: int, levels: int
) -> None:
    network = architecture.unet(channels, classes, width=width, levels=levels)
    counted = sum(each.numel() for each in network.parameters())
    assert counted == architecture.parameter_count(channels, classes, width=width, levels=levels)


@pytest.mark.cnn
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_reach_is_where_gradients_end(levels: int) -> None:
    """With weights above 0 only maxima close paths, and images drawn anew open them."""
    torch = pytest.importorskip("torch")
    network = architecture.unet(1, 2, width=2, levels=levels).eval()
    middle, reach = 40, architecture.reach(levels)
    farthest = 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for each in network.parameters():
            torch.nn.init.uniform_(each, 0.1, 1)
        for pixel in range(middle, middle + architecture.step(levels)):
            seen = torch.zeros(80, 80)
            for _ in range(2):
                image = torch.rand(1, 1, 80, 80, requires_grad=True)
                network(image)[0, 0, pixel, pixel].backward()
                seen += image.grad[0, 0] != 0
            at = torch.nonzero(seen)
            farthest = max(farthest, int(abs(at - pixel).max()))
    assert farthest == reach


@pytest.mark.cnn
@pytest.mark.parametrize("levels", [1, 2, 4])
def test_the_graph_answers_as_the_network_does(levels: int) -> None:
    torch = pytest.importorskip("torch")
    from minewatch.learn.networks import session
    from minewatch.learn.segment.epochs import numbers_of
    from minewatch.learn.segment.graphs import unet_graph

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        network = architecture.unet(3, 5, width=4, levels=levels).train()
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.weight.uniform_(-2, 2)
                    module.bias.normal_()
            for _ in range(2):
                network(2 * torch.randn(4, 3, 32, 32) + 1)
        image = torch.randn(2, 3, 32, 48)
        with torch.no_grad():
            expected = network.eval()(image).softmax(dim=1).numpy()
    run = session(unet_graph(numbers_of(network), levels=levels))
    found = run.run(None, {"images": image.numpy()})[0]
    # float32, some twenty layers deep
    npt.assert_allclose(found, expected, atol=2e-6)
    assert expected.std() > 0.05
