"""Every page and list that a large database is asked for, as `test_large_database.py` fills it."""

from insights.models import Report
from jobs.models import ImageResult, Visit
from jobs.states import ImageState, JobOutcome, JobState
from proofs.world.large import BUSY_STORE, SMALL_AREA, SMALL_STORE
from stores.models import Category, Store, StoreGroup
from webhooks.models import Endpoint

TRENDS = (("area", "visits_per_store_week"), ("area", "turnaround_median"), ("category", "failure_rate"))


def insights(many, few):
    """What is made of visits, of all stores and narrowed to one, to few and to many: by index, or by a set."""
    areas = ("area=AREA-1", f"area={SMALL_AREA}")
    groups = (f"group={many}", f"group={few}")
    stores = (f"store={BUSY_STORE}", f"store={SMALL_STORE}")
    in_api = ("", *areas, "category=", "category=Bakery", *groups)
    in_pages = ("", *areas, "category=none", "category=Bakery", *groups)
    for path in ("problems", "risk", "areas", "trends", "rhythm", "rhythm/unvisited-stores"):
        yield from (f"/api/v1/{path}?{narrowed}" for narrowed in in_api)
    for path in ("problems", "trends", "rhythm", "rhythm/unvisited-stores"):
        yield from (f"/api/v1/{path}?{narrowed}" for narrowed in stores)
    for by in ("area", "host", "category", "group"):
        yield from (f"/api/v1/problems?by={by}&{narrowed}" for narrowed in in_api)
    for by, measure in TRENDS:
        for narrowed in ("", *areas, *groups):
            yield f"/api/v1/trends?weeks=52&by={by}&measure={measure}&{narrowed}"
    yield from (f"/api/v1/areas/matrix?{narrowed}" for narrowed in ("", "category=Bakery", *groups))
    yield from (f"/problems/?{narrowed}" for narrowed in in_pages)
    for path in ("visits", "visits/list", "visits/unvisited"):
        yield from (f"/{path}/?{narrowed}" for narrowed in in_api)
    yield from (f"/visits/{part}?{narrowed}" for part in ("", "list/", "unvisited/") for narrowed in stores)
    yield from (f"/problems/?by=group&{narrowed}" for narrowed in areas)
    for narrowed in in_pages:
        if "area" not in narrowed:
            yield f"/areas/?{narrowed}"
        for area in () if "area" in narrowed else areas:
            yield f"/areas/area/?{area}&{narrowed}"
    yield "/areas/?weeks=4&measure=turnaround_p95&trend=turnaround_median"


def photos(rows):
    """What was found about photos, of jobs of many and of few."""
    for code in ("blurred", "dark", "same_photo_other_store"):
        yield from (
            f"/api/v1/{path}finding={code}{more}"
            for path, more in (
                ("findings?", ""), ("findings?", "&limit=1000"), (f"findings?job={rows.images_job}&", ""),
                ("findings?store=K-0&", ""), (f"jobs/{rows.images_job}/images?", ""), ("visits?", ""),
                (f"jobs/{rows.failed_job}/images?", ""), ("visits?area=AREA-1&", ""), ("stores/K-0/visits?", ""),
            )
        )  # fmt: skip
    yield from ("/api/v1/findings", "/api/v1/findings?store=K-7", "/api/v1/finding-kinds", "/api/v1/photo-thresholds")
    yield from (
        f"/api/v1/needs-a-look?{narrowed}"
        for narrowed in (
            "", "judged=true", "reason=all_blurred_or_dark", "reason=same_photo_other_store", "reason=name_not_seen",
            "store=K-0", "area=AREA-1", "area=none",
        )
    )  # fmt: skip
    for job in (rows.images_job, rows.failed_job):
        image = ImageResult.objects.filter(job_id=job).order_by("pk").first()
        yield from (f"/api/v1/jobs/{job}/images/{image.pk}/evidence",)


def webhooks():
    """The webhooks' lists, and the log of each: narrowed to many, to few and to none."""
    before = Endpoint.objects.latest("pk").pk
    yield from ("/webhooks/", f"/webhooks/?before={before}", "/api/v1/webhooks", "/api/v1/webhooks?job=17")
    yield from ("/admin/webhooks/endpoint/", "/admin/webhooks/endpoint/?q=admin", "/admin/webhooks/delivery/")
    for endpoint in Endpoint.objects.lasting():
        delivery = endpoint.deliveries.latest("pk")
        page, api = f"/webhooks/{endpoint.pk}/", f"/api/v1/webhooks/{endpoint.pk}"
        yield from (page, f"{page}change/", f"{page}delete/", f"{page}deliveries/{delivery.pk}/", api)
        yield from (f"{api}/deliveries/{delivery.pk}", f"{api}/deliveries?limit=1000")
        for narrowed in ("state=pending", "state=failed", "state=delivered", "type=webhook.test", "type=job.started"):
            yield from (f"{page}?{narrowed}", f"{page}?{narrowed}&before={delivery.pk}", f"{api}/deliveries?{narrowed}")
        yield f"{page}?state=failed&type=webhook.test"
        yield f"/admin/webhooks/delivery/?endpoint={endpoint.pk}"
        yield f"/admin/webhooks/endpoint/{endpoint.pk}/change/"
        yield f"/admin/webhooks/delivery/{delivery.pk}/change/"
    yield f"/admin/webhooks/delivery/?q={delivery.event.uid}"


def pages(rows):
    """Every page of the dashboard and the admin that reads rows, and every GET of the APIs, with every filter."""
    failed, running, images, busy = rows.failed_job, rows.running_job, rows.images_job, rows.visits_job
    store = Store.objects.get(store_id=BUSY_STORE).pk
    image = ImageResult.objects.filter(job_id=failed).order_by("pk").first().pk
    visit = Visit.objects.filter(job_id=images).first().pk
    group = StoreGroup.objects.create(name="Mine", name_part="shop").pk
    small_group = StoreGroup.objects.create(name="Small", area=SMALL_AREA).pk
    yield from insights(group, small_group)
    yield from photos(rows)
    if Endpoint.objects.exists():
        yield from webhooks()
    for store_id in (SMALL_STORE, BUSY_STORE):
        yield f"/stores/{Store.objects.get(store_id=store_id).pk}/"
    yield from [
        "/jobs/",
        f"/jobs/?before={failed}",
        "/operations/",
        "/stores/",
        "/stores/?q=shop",
        "/stores/?area=AREA-1",
        "/jobs/forecasts/",
        "/stores/categories/rules/",
        "/photos/",
        "/photos/?judged=true",
        "/photos/thresholds/",
        f"/stores/{store}/photos/",
        f"/stores/?group={group}",
        "/stores/groups/",
        f"/stores/groups/{group}/",
        "/stores/duplicates/",
        "/stores/duplicates/?area=AREA-1",
        "/stores/route/",
        "/stores/route/?area=AREA-1",
        f"/stores/route/?group={group}",
        "/stores/?category=none",
        "/stores/?category=Bakery",
        "/stores/categories/",
        "/stores/categories/other-words/",
        f"/stores/categories/{Category.objects.get(name='Bakery').pk}/",
    ]
    yield from (f"/jobs/?stage={stage}" for stage in (*JobState, *JobOutcome))
    yield from (f"/jobs/?q={q}" for q in (BUSY_STORE, "U-7", "nobody", f"{failed}+{running}", "admin"))
    for job in (failed, running, images, busy):
        yield from (f"/jobs/{job}/photos/{query}" for query in ("", "?finding=blurred", "?store=K-7"))
        yield f"/visits/{Visit.objects.filter(job=job).order_by('pk').first().pk}/photos/"
        yield from (
            f"/jobs/{job}/{part}"
            for part in ("", "?part=status", "?part=failures", "?part=images", "retry/", "delete/")
        )
        yield from (
            f"/admin/jobs/job/{job}/change/",
            f"/api/v1/jobs/{job}",
            f"/api/status?jobid={job}&view=images&limit=9",
        )
        yield from (
            f"/api/v1/jobs/{job}/{part}"
            for part in ("images", "failures", "throughput", "areas", "actions", "retry", "store-errors")
        )
    for narrowed in (
        "store=K-7",
        "host=photos7.example",
        "area=AREA-1",
        "area=",
        f"group={group}",
        "code=http_404",
        "state=pending",
    ):
        yield from (f"/jobs/{running}/?part=images&{narrowed}", f"/api/v1/jobs/{running}/images?{narrowed}")
    yield from (f"/stores/{store}/", f"/jobs/{failed}/images/{image}/", f"/api/v1/jobs/{failed}/images/{image}")
    pending = ImageResult.objects.filter(job_id=running, state=ImageState.PENDING).order_by("-pk").first().pk
    yield from (f"/jobs/{running}/images/{pending}/", f"/api/v1/jobs/{running}/images/{pending}")
    yield from (
        f"/admin/jobs/{model}/"
        for model in ("job", "visit", "imageresult", "pausedhost", "worker", "deletedjob", "daytotal")
    )
    yield from (f"/admin/jobs/job/?status__exact={status}" for status in ("ongoing", "completed", "failed"))
    yield from (f"/admin/jobs/imageresult/?state__exact={state}" for state in ImageState)
    yield from (
        f"/admin/jobs/imageresult/?{part}" for part in (f"job={failed}", f"visit={visit}", "code=http_404", "q=K-0")
    )
    yield from (
        f"/admin/jobs/visit/?{part}" for part in (f"job={failed}", "q=K-0", "area=AREA-1", "job__status=failed")
    )
    yield from (f"/admin/jobs/visit/{visit}/change/", f"/admin/jobs/imageresult/{image}/change/")
    yield from (
        "/admin/stores/store/",
        "/admin/stores/store/?q=shop",
        "/admin/stores/store/?category=none",
        f"/admin/stores/store/{store}/change/",
    )
    yield from ("/admin/stores/storeimport/", "/stores/import/", "/admin/access/apikey/")
    yield from ("/admin/stores/category/", "/admin/stores/keyword/")
    yield from (
        "/api/v1/jobs",
        "/api/v1/hosts",
        "/api/v1/forecasts",
        "/api/v1/category-rules",
        "/api/v1/area-weights",
        "/api/v1/stores",
        "/api/v1/stores?q=shop",
        "/api/v1/stores?area=AREA-1",
        f"/api/v1/stores?group={group}",
        "/api/v1/groups",
        f"/api/v1/groups/{group}",
        f"/api/v1/groups/{group}/members",
        "/api/v1/similar-stores?store=K-0",
        "/api/v1/similar-stores?name=shop",
        "/api/v1/duplicate-stores",
        "/api/v1/duplicate-stores?area=AREA-1",
        f"/api/v1/duplicate-stores?group={group}",
        "/api/v1/stores?category=",
        "/api/v1/stores?category=Bakery",
        "/api/v1/categories",
        "/api/v1/keywords?kind=venue",
        "/api/v1/keywords:suggestions",
    )
    yield from (f"/api/v1/jobs?state={state}" for state in JobState)
    yield from (f"/api/v1/jobs?outcome={outcome}" for outcome in JobOutcome)
    yield from (f"/api/v1/jobs?{part}" for part in ("store=K-0", "store=U-7", "owner=admin", "created_from=2020-01-01"))
    for narrowed in ("", "store=K-0", "area=AREA-1", "area=", f"group={group}", "from=2026-11-27", "to=2026-11-26"):
        yield f"/api/v1/visits?{narrowed}"
    yield from (
        "/api/v1/stores/K-0",
        "/api/v1/stores/K-0/visits",
        "/api/visits?limit=1",
        "/api/visits?area=AREA-1&limit=1",
    )
    yield from (f"/alerts/?{part}" for part in ("", "state=all", "rule=overdue_store", "about=K-7", "state=over"))
    yield from ("/alerts/rules/overdue_store/", "/api/v1/alert-rules")
    yield from (
        f"/api/v1/alerts?{part}" for part in ("limit=1000", "state=open", "store=K-7", "area=A", "rule=area_visits")
    )
    yield from ("/reports/", "/reports/new/", "/api/v1/reports")
    for report in Report.objects.order_by("pk"):
        yield from (f"/reports/{report.pk}/", f"/reports/{report.pk}/change/", f"/api/v1/reports/{report.pk}/rows")
    yield from ("/api/visits?storeid=K-0", "/api/visits?startdate=2026-11-27&limit=5", "/api/visits?enddate=2026-11-26")
