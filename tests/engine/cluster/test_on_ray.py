"""Two nodes of Ray on this machine: submissions as from one process, whatever dies."""

import importlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data.images.images import write_image
from seg.engine.cluster.dispatch import Block
from seg.engine.cluster.ray_pool import RayPool, _RayActor
from seg.engine.cluster.remote_images import ImageRef, images_to_predict, read_image_ref
from seg.engine.cluster.worker import WorkerJob
from seg.engine.jobs.predict import run_ensemble
from seg.errors import DataError, MissingRuntimeError, ModelError, SpecError
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.cluster.object_store import object_store

pytestmark = pytest.mark.cluster

IMAGES = 64
STORE_BYTES = 80 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and one more node, with a core each."""
    pytest.importorskip("ray", reason="needs segensemble[ray]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
        made.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture
def many(project: Path) -> EnsembleSpec:
    """Images enough that a node can die among them, and the submission of one process beside."""
    rng = np.random.default_rng(1)
    for number in range(IMAGES):
        image_hwc = rng.integers(0, 256, (300 + number % 2, 320, 3), dtype=np.uint8)
        write_image(project.parent / f"images/{number}.png", image_hwc)
    spec = load_ensemble(project)
    run_ensemble(moved(spec, "plain.csv"))
    return spec


def moved(spec: EnsembleSpec, name: str) -> EnsembleSpec:
    output = spec.output.model_copy(update={"file": spec.output.file.with_name(name)})
    return spec.model_copy(update={"output": output})


def plain(spec: EnsembleSpec) -> bytes:
    return spec.output.file.with_name("plain.csv").read_bytes()


def test_a_node_dies_and_the_submission_is_that_of_one_process(
    cluster: Any, many: EnsembleSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seg.engine.cluster import run_on_cluster

    node = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    cluster.wait_for_nodes()
    submit, workers = RayPool.submit, set[str]()
    journal = many.output.file.with_name("submission.csv.journal")
    is_dead = threading.Event()

    def both_have_begun() -> bool:
        return len(workers) == 2 and journal.exists() and journal.stat().st_size >= 1000

    def noting(pool: RayPool, worker: str, block: Block) -> None:
        workers.add(worker)
        if both_have_begun():
            # However fast the others are, some of the work is left for when the node has died.
            is_dead.wait(60)
        submit(pool, worker, block)

    def kill() -> None:
        while not both_have_begun():
            time.sleep(0.002)
        cluster.remove_node(node, allow_graceful=False)
        is_dead.set()

    monkeypatch.setattr(RayPool, "submit", noting)
    killer = threading.Thread(target=kill)
    killer.start()
    summary = run_on_cluster(many, "ray", workers=2)
    killer.join()
    assert many.output.file.read_bytes() == plain(many)
    # One may be started in its place on the same node, before Ray has seen that it is gone.
    at_work = [worker for worker in summary.lost if "was loading" not in worker]
    assert len(at_work) == 1, "the run ended before the node died"
    block = IMAGES // 16
    assert 0 < summary.redone <= 2 * block
    assert sum(worker.images for worker in summary.workers) == IMAGES
    assert summary.passes == IMAGES * 16
    assert "sent again" in summary.text()


def test_what_one_machine_began_a_cluster_ends_and_names_what_it_cannot_read(
    cluster: Any, many: EnsembleSpec
) -> None:
    from seg.engine.cluster import run_on_cluster

    folder = many.output.file.parent / "images"
    kept = [(folder / f"{number}.png", (folder / f"{number}.png").read_bytes()) for number in (3, 17)]
    kept[0][0].write_bytes(b"")
    with pytest.raises(DataError, match=r"3\.png: is empty"):
        run_on_cluster(many, "ray")
    assert not many.output.file.exists()
    kept[0][0].write_bytes(kept[0][1])
    assert run_on_cluster(many, "ray").images_now == 1
    assert many.output.file.read_bytes() == plain(many)
    many.output.file.unlink()
    assert run_ensemble(many).images_now == 0
    assert many.output.file.read_bytes() == plain(many)


def test_an_image_that_kills_its_worker_is_named_and_all_others_are_done(
    cluster: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seg.engine.cluster import ray_pool as ray_fleet
    from seg.engine.cluster import run_on_cluster

    class Fragile:
        """The worker, which is imported where nothing is patched, behind a trap."""

        def __init__(self, job: WorkerJob) -> None:
            self.worker = importlib.import_module("seg.engine.cluster.ray_pool")._RayActor(job)

        def load(self, *shipment: Any) -> Any:
            return self.worker.load(*shipment)

        def predict(self, images: Sequence[ImageRef]) -> Any:
            if any(image.id == "5" for image in images):
                os._exit(1)
            return self.worker.predict(images)

    for number in range(7, 16):
        write_image(project.parent / f"images/{number}.png", np.full((8, 8, 3), number, dtype=np.uint8))
    spec = load_ensemble(project)
    with monkeypatch.context() as patch:
        patch.setattr(ray_fleet, "_RayActor", Fragile)
        with pytest.raises(DataError) as raised:
            run_on_cluster(spec, "ray", workers=1)
    named, unreadable_images_advice = str(raised.value).splitlines()
    assert "5.png: no worker can predict it" in named
    assert "1 image could not be read" in unreadable_images_advice
    assert run_on_cluster(spec, "ray", workers=1).images_now == 1


def test_what_a_cluster_cannot_do_is_one_line(cluster: Any, many: EnsembleSpec) -> None:
    from seg.engine.cluster import run_on_cluster

    with pytest.raises(MissingRuntimeError, match="not for 1 workers with a core and 1 GPUs"):
        run_on_cluster(many, "ray", gpus=1)
    with pytest.raises(SpecError, match="--cluster: must be 'ray' or"):
        run_on_cluster(many, "dask")
    damaged = many.running[0].model_copy(update={"model": many.output.file.with_name("plain.csv")})
    with pytest.raises(ModelError):
        run_on_cluster(many.model_copy(update={"members": (damaged,)}), "ray")
    with pytest.raises(MissingRuntimeError, match=r"a worker has seg .*, but this machine 0\.0\.0"):
        _RayActor(WorkerJob(many, ["cpu", "cpu"], cores=1, version="0.0.0")).load({})


def test_images_by_uri_are_those_of_the_folder(many: EnsembleSpec) -> None:
    pytest.importorskip("pyarrow", reason="needs segensemble[ray]")
    folder = many.output.file.parent / "images"
    (folder / "notes.txt").write_text("no image")
    by_path = images_to_predict(many)
    by_uri = images_to_predict(many, f"file://{folder}")
    assert [image.id for image in by_uri] == [image.id for image in by_path]
    assert all(image.version for image in by_uri)
    for one, other in zip(by_uri[:3], by_path[:3], strict=True):
        np.testing.assert_array_equal(read_image_ref(one), read_image_ref(other))
    (folder / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"file:///.*0\.png: "):
        read_image_ref(by_uri[0])
    (folder / "0.png").unlink()
    with pytest.raises(DataError, match=r"file:///.*0\.png: cannot be read"):
        read_image_ref(by_uri[0])


def test_a_list_may_have_uris(many: EnsembleSpec) -> None:
    folder = many.output.file.parent
    listing = folder / "uris.txt"
    listing.write_text(f"file://{folder}/images/5.png\nfile://{folder}/images/2.png\n")
    document = json.loads((folder / "spec.yaml").read_text())
    document["data"]["predict"] = {"images": "uris.txt"}
    (folder / "spec.yaml").write_text(json.dumps(document))
    spec = load_ensemble(folder / "spec.yaml")
    assert [image.id for image in images_to_predict(spec)] == ["5", "2"]
    listing.write_text(f"file://{folder}/images/5.png\nimages/2.png\n")
    with pytest.raises(DataError, match=r"has URIs and paths, such as 'images/2\.png'"):
        images_to_predict(spec)
    with pytest.raises(DataError, match="cannot be opened"):
        images_to_predict(spec, "nowhere://bucket")


def test_images_in_a_bucket_are_those_of_the_folder(
    many: EnsembleSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the S3 client of pyarrow, from a store that a URI's query names."""
    pytest.importorskip("pyarrow", reason="needs segensemble[ray]")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anyone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    by_path = images_to_predict(many)
    objects = {f"drive/{one.id}.png": Path(one.place).read_bytes() for one in by_path}
    with object_store("photos", objects | {"drive/notes.txt": b"no image"}) as query:
        below = images_to_predict(many, f"s3://photos/drive{query}")
        listing = tmp_path / "uris.txt"
        listing.write_text("".join(f"s3://photos/drive/{one.id}.png{query}\n" for one in by_path))
        source = many.data.to_predict.model_copy(update={"images": (listing,)})
        listed = images_to_predict(
            many.model_copy(update={"data": many.data.model_copy(update={"predict": source})})
        )
        for found in (below, listed):
            assert [image.id for image in found] == [image.id for image in by_path]
            np.testing.assert_array_equal(read_image_ref(found[2]), read_image_ref(by_path[2]))
        assert all(image.version for image in below)
        with pytest.raises(DataError, match=r"s3://photos/nothing\?.*: (cannot be listed|has no image)"):
            images_to_predict(many, f"s3://photos/nothing{query}")
        with pytest.raises(DataError, match=r"gone\.png\?.*: cannot be read"):
            read_image_ref(replace(below[0], place=f"s3://photos/drive/gone.png{query}"))
