"""Arrays on disk survive the way there and back, and nothing torn or foreign is read."""

from pathlib import Path

import numpy as np
import pytest

import symgrad as sg


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "hidden.W": rng.normal(size=(3, 4)),
        "not contiguous": rng.normal(size=(6, 5)).T[::2],
        "single": np.float32(2.5),
        "empty": np.zeros((0, 3), np.float32),
        "flags": np.array([True, False]),
        "steps": np.array(7),
        "file": np.zeros(2),
    }
    path = sg.save_arrays(tmp_path / f"params{suffix}", arrays)
    found = sg.load_arrays(path)
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        assert found[name].dtype == np.asarray(value).dtype
        np.testing.assert_array_equal(found[name], value)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_torn_or_foreign_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = sg.save_arrays(tmp_path / f"params{suffix}", {"W": np.arange(1000.0)})
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"not an archive"):
        path.write_bytes(data)
        with pytest.raises(sg.CompileError, match="no whole"):
            sg.load_arrays(path)


def test_pickles_are_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(sg.DTypeError, match="names: expected numbers"):
        sg.save_arrays(tmp_path / "a.npz", {"names": np.array(["a", None], object)})
    np.savez(tmp_path / "b.npz", x=np.array([{}], object))
    with pytest.raises(sg.CompileError, match="no whole"):
        sg.load_arrays(tmp_path / "b.npz")
    with pytest.raises(sg.CompileError, match=r"\.npz or \.safetensors"):
        sg.save_arrays(tmp_path / "a.pkl", {})


def test_params_of_another_model_are_refused() -> None:
    w = sg.param("w", (3,))
    model = sg.compile((w * w).sum())
    model.check_params({"w": np.zeros(3)})
    with pytest.raises(sg.ShapeError, match=r"w: expected shape \(3,\); got \(4,\)"):
        model.check_params({"w": np.zeros(4)})
    with pytest.raises(sg.CompileError, match="no parameter 'v'"):
        model.check_params({"w": np.zeros(3), "v": np.zeros(3)})
    with pytest.raises(sg.CompileError, match="has no 'w'"):
        model.check_params({})
