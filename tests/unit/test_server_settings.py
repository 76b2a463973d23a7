"""The embedded server's configuration for machines of all sizes."""

from __future__ import annotations

import pytest

from imgsim.store.server_settings import free_shared_memory, machine_memory, render

MB = 1 << 20


def settings(memory: int, shared_memory: int | None) -> dict[str, str]:
    """The configuration file as a mapping."""
    text = render(port=5433, memory=memory, shared_memory=shared_memory)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.split(" = ") for line in lines)


def test_it_is_reached_by_loopback_only() -> None:
    found = settings(memory=8192 * MB, shared_memory=None)
    assert found["listen_addresses"] == "'127.0.0.1'"
    assert found["unix_socket_directories"] == "''"
    assert found["port"] == "5433"


@pytest.mark.parametrize(
    ("memory", "buffers", "maintenance"),
    [(256, "32MB", "64MB"), (2048, "128MB", "256MB"), (65536, "256MB", "512MB")],
)
def test_memory_is_bounded_by_the_machine(memory: int, buffers: str, maintenance: str) -> None:
    found = settings(memory=memory * MB, shared_memory=None)
    assert found["shared_buffers"] == buffers
    assert found["maintenance_work_mem"] == maintenance


@pytest.mark.parametrize(
    ("shared_memory", "expected"), [(64 * MB, "mmap"), (511 * MB, "mmap"), (4096 * MB, None)]
)
def test_small_shared_memory_is_avoided(shared_memory: int, expected: str | None) -> None:
    found = settings(memory=8192 * MB, shared_memory=shared_memory)
    assert found.get("dynamic_shared_memory_type") == expected


def test_the_machine_is_measured() -> None:
    assert machine_memory() > 64 * MB
    shared = free_shared_memory()
    assert shared is None or shared >= 0
