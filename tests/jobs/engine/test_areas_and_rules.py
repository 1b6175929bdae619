"""Areas and rules of categories with a real engine: real downloads, real measurements."""

import pytest
from PIL import Image

from jobs.imaging.pipeline import Pipeline
from jobs.models import ImageResult
from stores.models import Category, CategoryRule, Store
from tests.conftest import FIXTURES
from tests.factories import look, submit_visits
from tests.jobs.engine.test_contract import finished

THREADS = "jobs.engine.threads.ThreadEngine"

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_area_that_is_listed_last_is_half_done_when_the_job_is(start_engine, images, settings, monkeypatch):
    settings.GPU_MIN_SECONDS = settings.GPU_MAX_SECONDS = 0
    settings.WORKER_THREADS = 1  # One after the other, in the order of their turns.
    Store.objects.bulk_create(Store(store_id=area, name=area, area_code=area) for area in ("big", "middle", "small"))
    sizes = {"big": 108, "middle": 36, "small": 12}
    job = submit_visits(
        *((area, [f"{images.url}/{images.names[0]}?{area}{n}" for n in range(size)]) for area, size in sizes.items())
    )
    begun = []
    process = Pipeline.process

    def watched(pipeline, claim, **options):
        begun.append(claim.image_id)
        return process(pipeline, claim, **options)

    monkeypatch.setattr(Pipeline, "process", watched)
    start_engine(THREADS)
    finished(job)
    area_of = dict(ImageResult.objects.filter(job=job).values_list("pk", "visit__store_id"))
    for area, size in sizes.items():
        places = [place for place, image in enumerate(begun) if area_of[image] == area]
        # Give or take an image of the area.
        assert abs(places[size // 2] / len(begun) - 0.5) <= 1 / size, area


def test_an_image_that_its_category_finds_too_small_fails_with_its_size(start_engine, images):
    category = Category.objects.create(name="Bakery")
    Store.objects.create(store_id="B", name="b", area_code="A", category=category)
    with Image.open(FIXTURES / "images" / images.names[0]) as image:
        width, height = image.size
    rule = CategoryRule.objects.create(category=category, min_width=width, min_height=height)
    urls = [f"{images.url}/{images.names[0]}"]
    large_enough = submit_visits(("B", urls))
    rule.min_height = height + 1
    rule.save()
    too_small = submit_visits(("B", urls))
    start_engine(THREADS)
    assert finished(large_enough).status == "completed"
    assert finished(too_small).status == "failed"
    found = ImageResult.objects.get(job=too_small)
    assert (found.error_code, found.width, found.height, found.perimeter) == (
        "below_category_size",
        width,
        height,
        None,
    )
    assert found.attempts == 1
    assert found.error_message == (
        f"The image has {width:,} x {height:,} pixels (width x height); the store's category asks for at least "
        f"{width:,} x {height + 1:,}."
    )
    assert look(too_small).store_errors[0]["store_id"] == "B"
