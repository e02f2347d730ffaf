"""Settings that the whole suite shares."""

import gc
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import settings

# The suite is the same on every run; `make fuzz` looks further, from a new seed each time.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile("suite")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect only test files under tests/: --doctest-modules would import all the others."""
    if collection_path.suffix != ".py":
        return None
    patterns = config.getini("python_files")
    return None if any(fnmatch(collection_path.name, p) for p in patterns) else True


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays to the end: the collector need not look at it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
