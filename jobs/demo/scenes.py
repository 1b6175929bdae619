"""The demo's three jobs, and what each must end in."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from jobs.demo.image_server import ImageServer

VISIT_TIME = "2026-11-22T09:30:00+05:30"


@dataclass
class Scene:
    """One job: its payload, its expected status, and what each URL must end in: a perimeter or an error code."""

    title: str
    status: str
    visits: list[dict[str, Any]] = field(default_factory=list)
    expected: dict[str, int | str] = field(default_factory=dict)

    @property
    def payload(self) -> dict[str, Any]:
        return {"count": len(self.visits), "visits": self.visits}

    def add(self, store_id: str, *images: tuple[str, int | str]) -> None:
        self.visits.append({"store_id": store_id, "visit_time": VISIT_TIME, "image_url": [url for url, _ in images]})
        self.expected.update(images)

    def surprises(self, status: dict[str, Any], images: list[dict[str, Any]]) -> list[str]:
        """What came out otherwise than expected, a sentence each."""
        found = []
        if status["status"] != self.status:
            found.append(f"{self.title}: the job is {status['status']}, not {self.status}.")
        outcomes = {image["image_url"]: _outcome(image) for image in images}
        for url, expected in self.expected.items():
            if outcomes.get(url) != expected:
                found.append(f"{self.title}: {url} ended as {outcomes.get(url)}, not {expected}.")
        return found


def _outcome(image: dict[str, Any]) -> Any:
    """The perimeter, the error's code, or the state of an image that is not final."""
    return image["perimeter"] or (image["error"]["code"] if image["error"] else image["state"])


def scenes(fixtures: Path, server: ImageServer) -> list[Scene]:
    """Jobs on the images of `fixtures/images`, for stores of `fixtures/stores.csv`."""
    with (fixtures / "stores.csv").open(encoding="utf-8-sig", newline="") as file:
        stores = [row["StoreID"] for row in csv.DictReader(file)][:12]
    perimeters = {}
    for name in server.names:
        with Image.open(fixtures / "images" / name) as image:
            perimeters[name] = 2 * (image.height + image.width)
    names = list(perimeters)

    good = Scene("all good", status="completed")
    for number, store_id in enumerate(stores):
        good.add(
            store_id,
            *((f"{server.url}/{name}?visit={number}", perimeters[name]) for name in names),
        )

    failing = Scene("some failing", status="failed")
    first = names[0]
    failing.add(stores[0], (f"{server.url}/{first}?shelf=1", perimeters[first]), (f"{server.url}/404", "http_404"))
    failing.add(stores[1], (f"{server.url}/slow", "deadline"), (f"{server.url}/truncated", "truncated"))
    failing.add(stores[2], (f"{server.url}/not-an-image", "not_an_image"))
    failing.add(stores[3], (f"{server.url}/flaky/{first}?now={server.port}", perimeters[first]))
    failing.add(stores[4], ("http://169.254.169.254/latest/meta-data/", "blocked"), (f"{server.url}/inside", "blocked"))
    failing.add(stores[5], (f"{server.url}/bomb", "too_many_pixels"), (f"{server.url}/busy/{first}", perimeters[first]))

    unknown = Scene("unknown stores", status="failed")
    unknown.add("S00339218", (f"{server.url}/{first}?unknown=1", "unknown_store"))
    unknown.add("S01408764", (f"{server.url}/{first}?unknown=2", "unknown_store"))
    unknown.add(stores[0], (f"{server.url}/{first}?known=1", perimeters[first]))
    return [good, failing, unknown]
