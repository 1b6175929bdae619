"""The demo's jobs: three with an expected result, one to be paused, and one that runs for a while."""

import csv
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from demo.image_server import ImageServer


def now() -> str:
    """When the visits are made: on a day that has not ended, so that no alert of the history is judged by them."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Scene:
    """One job: its payload, its expected status, and the expected result of each URL: a perimeter or an error code."""

    title: str
    status: str
    visits: list[dict[str, Any]] = field(default_factory=list)
    expected: dict[str, int | str] = field(default_factory=dict)

    @property
    def payload(self) -> dict[str, Any]:
        return {"count": len(self.visits), "visits": self.visits}

    def add(self, store_id: str, *images: tuple[str, int | str]) -> None:
        self.visits.append({"store_id": store_id, "visit_time": now(), "image_url": [url for url, _ in images]})
        self.expected.update(images)

    def surprises(self, status: dict[str, Any], images: list[dict[str, Any]]) -> list[str]:
        """Results that were not as expected, one sentence each."""
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


# Images of each store in the job that runs while somebody looks: some 29,000, or two minutes at 64 slots.
LONG_IMAGES = 80
PAUSED_IMAGES = 200


def long_visits(fixtures: Path, server: ImageServer, images: int) -> list[dict[str, Any]]:
    """A visit of every store of the fixtures, with `images` images, some of them missing, late, or busy at first."""
    names, visit_time = server.names, now()
    visits = []
    for number, store_id in enumerate(_store_ids(fixtures)):
        urls = [f"{server.url}/{names[image % len(names)]}?store={number}&image={image}" for image in range(images)]
        if number % 7 == 0:
            urls[0] = f"{server.url}/404?store={number}"
        if number % 11 == 0:
            urls[-1] = f"{server.url}/busy/{names[0]}?store={number}"
        if number % 31 == 0:
            urls[images // 2] = f"{server.url}/slow?store={number}"
        visits.append({"store_id": store_id, "visit_time": visit_time, "image_url": urls})
    return visits


def _store_ids(fixtures: Path) -> list[str]:
    with (fixtures / "stores.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["StoreID"] for row in csv.DictReader(file)]


def scenes(fixtures: Path, server: ImageServer) -> list[Scene]:
    """Jobs on the images of `fixtures/images`, for stores of `fixtures/stores.csv`."""
    stores = _store_ids(fixtures)[:12]
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
