"""What a device is called for a user."""

from __future__ import annotations

import torch

from SlicerLIMNet.session.devices import describe_device


def test_a_cpu_is_said_to_be_slower():
    assert describe_device("cpu") == "CPU, slower"


def test_a_gpu_has_its_name_and_free_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4_100_000_000, 8_000_000_000))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA RTX 4000")
    assert describe_device("cuda:1") == "NVIDIA RTX 4000, 4.1 GB free"


def test_an_apple_gpu_has_a_name():
    assert describe_device("mps") == "Apple GPU"
