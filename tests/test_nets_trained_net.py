import dataclasses

import pytest

from tellapart.nets.trained_net import TrainedNet


def test_trained_net__is_a_value():
    net = TrainedNet(backbone=None, head=None, weights=b"", selected={}, history=())
    with pytest.raises(dataclasses.FrozenInstanceError):
        net.weights = b"other"
