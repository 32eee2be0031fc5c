"""A run reads what its spec names once."""

from collections import Counter
from pathlib import Path

import onnx
import pytest

from seg.engine.jobs.predict import run_ensemble
from seg.engine.resolved import resolve_ensemble
from seg.files.atomic import sha256_of
from seg.spec import load_ensemble


def test_a_run_parses_and_hashes_every_model_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With `runtime: auto`, which hashes models to find what it measured before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    parsed: Counter[Path] = Counter()
    hashed: Counter[Path] = Counter()
    parse = onnx.load

    def counted_parse(path: Path, *, load_external_data: bool) -> onnx.ModelProto:
        parsed[path] += 1
        return parse(path, load_external_data=load_external_data)

    def counted_hash(path: Path) -> str:
        hashed[path] += 1
        return sha256_of(path)

    spec = load_ensemble(project).model_copy(update={"runtime": "auto"})
    run_ensemble(spec)
    monkeypatch.setattr(onnx, "load", counted_parse)
    monkeypatch.setattr("seg.engine.member_files.sha256_of", counted_hash)
    run_ensemble(spec, restart=True)
    models = {spec.model(member) for member in spec.running}
    assert parsed == hashed == Counter(dict.fromkeys(models, 1))


def test_images_are_listed_and_sampled_once(project: Path) -> None:
    resolved = resolve_ensemble(project)
    assert resolved.samples is resolved.samples
    assert resolved.sample_frames is resolved.sample_frames
    assert [c.name for c in resolved.classes] == [c.name for c in resolved.files[-1].card.classes]
