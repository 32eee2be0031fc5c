"""What it takes to predict very many images: machines, hours, money, storage, and what is the bottleneck.

    python -m benchmarks.prediction.scale --gpus 64 --passes-per-image 8 --passes-per-second P \
        --dollars-per-hour D

P is what a GPU does, as the summary of `seg ensemble` says on the machine that you would rent, and D what it
costs. All else has a default, to be replaced by what you measure and your provider lists: nothing here is a
measurement.
"""

import argparse
from dataclasses import MISSING, dataclass, fields
from typing import Final

HOUR_S: Final = 3600.0
GB: Final = 1e9


@dataclass(frozen=True, kw_only=True)
class PredictionAtScale:
    """What is to be done, on what. A worker is one GPU with its share of the machine.

    Attributes:
        passes_per_second: of one GPU, measured.
        dollars_per_hour: of one GPU, with its share of the machine.
        passes_per_image: members times views.
        readers: images that a worker asks for at once: 8 by URI, 2 by path.
        latency_ms: from asking for an image to its first byte.
        decodes_per_second: images that one core decodes in a second, measured.
        requests_per_second: what the object store answers for all workers together.
        network_gbit: of one worker, to the object store.
        journal_mb_per_second: what the machine that keeps the journal writes.
        lost_per_hour: the chance that a worker is lost within an hour.
        images_at_risk: those that a lost worker held: two blocks.
        start_s: from a lost worker to its successor's first image.
    """

    passes_per_second: float
    dollars_per_hour: float
    images: float = 100e6
    passes_per_image: float = 8.0
    gpus: int = 64
    readers: int = 8
    latency_ms: float = 30.0
    decodes_per_second: float = 100.0
    image_kb: float = 300.0
    labels_kb: float = 10.0
    requests_per_second: float = 5500.0
    network_gbit: float = 10.0
    journal_mb_per_second: float = 200.0
    dollars_per_million_requests: float = 0.4
    dollars_per_gb_month: float = 0.023
    lost_per_hour: float = 0.01
    images_at_risk: float = 64.0
    start_s: float = 60.0


def rates_of_parts(plan: PredictionAtScale) -> dict[str, float]:
    """The images a second that each part of the way allows for all workers together."""
    return {
        "passes": plan.gpus * plan.passes_per_second / plan.passes_per_image,
        "read": plan.gpus * plan.readers / (plan.latency_ms / 1e3 + 1 / plan.decodes_per_second),
        "network": plan.gpus * plan.network_gbit * 1e9 / 8 / (plan.image_kb * 1e3),
        "requests": plan.requests_per_second,
        "journal": plan.journal_mb_per_second * 1e3 / plan.labels_kb,
    }


def images_per_second(plan: PredictionAtScale) -> float:
    """Of the slowest part, less what lost workers cost."""
    return min(rates_of_parts(plan).values()) * (1 - lost_share(plan))


def lost_share(plan: PredictionAtScale) -> float:
    """The share of a worker's time that goes into successors that start, and images that are done again."""
    again_s = plan.images_at_risk * plan.gpus / min(rates_of_parts(plan).values())
    return min(1.0, plan.lost_per_hour * (plan.start_s + again_s) / HOUR_S)


def hours_to_predict(plan: PredictionAtScale) -> float:
    return plan.images / images_per_second(plan) / HOUR_S


def dollars_per_million(plan: PredictionAtScale) -> float:
    """GPUs for as long as a million images take, and a request for each."""
    compute = 1e6 / images_per_second(plan) / HOUR_S * plan.gpus * plan.dollars_per_hour
    return compute + plan.dollars_per_million_requests


def storage_gb(plan: PredictionAtScale) -> tuple[float, float]:
    """Of the images, and of their label maps."""
    return plan.images * plan.image_kb * 1e3 / GB, plan.images * plan.labels_kb * 1e3 / GB


def scale_report(plan: PredictionAtScale) -> str:
    """A few lines for a terminal."""
    allowed = rates_of_parts(plan)
    slowest = min(allowed, key=lambda part: allowed[part])
    images_gb, labels_gb = storage_gb(plan)
    lost = plan.lost_per_hour * plan.gpus * hours_to_predict(plan)
    return "\n".join(
        [
            *(f"{part:>9}: {rate:12,.0f} images a second" for part, rate in allowed.items()),
            f"bottleneck: {slowest}; {images_per_second(plan):,.0f} images a second with"
            f" {lost_share(plan):.2%} lost to workers that die",
            f"{plan.images:,.0f} images: {hours_to_predict(plan):,.1f} hours on {plan.gpus} GPUs,"
            f" ${dollars_per_million(plan):,.2f} a million,"
            f" ${dollars_per_million(plan) * plan.images / 1e6:,.0f} in all",
            f"images {images_gb:,.0f} GB (${images_gb * plan.dollars_per_gb_month:,.0f} a month),"
            f" label maps {labels_gb:,.0f} GB (${labels_gb * plan.dollars_per_gb_month:,.0f} a month)",
            f"workers that die: {lost:,.1f}; images done again: {lost * plan.images_at_risk:,.0f} at most",
        ]
    )


def main() -> str:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for field in fields(PredictionAtScale):
        option, kind = f"--{field.name.replace('_', '-')}", int if field.type is int else float
        needed = field.default is MISSING
        parser.add_argument(option, type=kind, required=needed, default=None if needed else field.default)
    return scale_report(PredictionAtScale(**vars(parser.parse_args())))


if __name__ == "__main__":
    print(main())
