"""Is the OpenAPI document valid, and does it say what the service does?"""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from jsonschema import Draft202012Validator
from referencing import Registry

from api.v1 import urls
from api.v1.openapi import TAGS
from insights.models import ForecastRange, Measure, Report
from jobs.errors import HTTPStatus
from jobs.imaging.exif import Exif
from jobs.models import Visit
from jobs.queue.photo_rows import insert_photos
from photos import findings
from photos.looking import judge
from stores.models import Category, CategoryRule, Store, StoreGroup
from tests.api.payloads import submission, visit, work_off
from tests.api.v1.test_alerts import make_alert
from tests.factories import make_staff, make_stores, pause_host, submit_job
from tests.insights.summaries import visits
from tests.photos.conftest import NOON, photo, visited
from tests.webhooks.deliveries import make_endpoint, make_failed
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def documents_looked_through_once():
    """Otherwise jsonschema looks through a whole document again for each reference in it."""

    def resolver(registry, resource):
        uri = resource.id() or ""
        return registry.with_resource(uri, resource).crawl().resolver(uri)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "resolver_with_root", resolver)
        yield


@pytest.fixture
def document(v1):
    return v1.get("openapi.json").json()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def validator(document, operation, status, kind="application/json"):
    schema = operation["responses"][str(status)]["content"][kind]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


def test_it_is_valid_and_made_without_a_warning():
    out = StringIO()
    call_command("spectacular", format="openapi-json", validate=True, fail_on_warn=True, stdout=out)
    assert json.loads(out.getvalue())["openapi"].startswith("3.1")


def test_it_is_read_without_signing_in(v1, settings):
    settings.API_OPEN = False
    response = v1.get("openapi.json")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/vnd.oai.openapi+json"
    assert v1.client.get("/docs/").status_code == 200


def test_it_describes_every_path(document):
    described = {path.replace("{", "(").replace("}", ")") for path in document["paths"]}
    paths = {f"/api/v1/{pattern}" for pattern in urls.urlpatterns}
    assert len([path for path in described if path.startswith("/api/v1/")]) == len(paths) - 1  # but itself


def test_every_operation_has_a_summary_a_tag_and_documented_refusals(document):
    assert [tag["name"] for tag in document["tags"]] == list(TAGS)
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert set(operation["tags"]) <= set(TAGS), where
        statuses = set(operation["responses"])
        assert {"400", "401", "408", "414", "429", "431", "500", "503"} <= statuses, where
        if "{" in path:
            assert "404" in statuses, where
        if method in ("post", "patch"):
            assert {"411", "413", "415"} <= statuses, where


def test_credentials_are_described(document):
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session"}


def examples(document):
    for path, method, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            for name, example in content.get("examples", {}).items():
                yield path, method, operation, kind, name, example["value"]


def test_every_example_runs(as_user, document, settings):
    settings.MAX_ATTEMPTS = 1
    root = User.objects.create_superuser("root")
    v1 = as_user(root)
    category = Category.objects.create(name="Bakery").pk
    found = list(examples(document))
    assert len(found) >= 4
    for path, method, operation, kind, name, value in found:
        job = submit_job()
        Store.objects.filter(store_id__startswith="DEMO").delete()
        Store.objects.bulk_create(
            Store(store_id=f"DEMO000{number}", name="Shop", area_code="A", latitude=0, longitude=number)
            for number in (1, 2, 3)
        )
        report = Report.objects.create(name=f"Of job {job.pk}", owner=root)
        alert = make_alert(f"{path} {name}")
        Endpoint.objects.all().delete()
        failed = make_failed(make_endpoint(root))
        url = path.format(
            job_id=job.pk, alert_id=alert.pk, report_id=report.pk, category_id=category,
            visit_id=job.visits.get().pk, webhook_id=failed.endpoint_id, delivery_id=failed.pk,
        )  # fmt: skip
        response = v1.client.generic(method.upper(), url, json.dumps(value), content_type=kind)
        assert response.status_code in (200, 201), (path, name, response.content)
        validator(document, operation, response.status_code).validate(response.json())


def test_what_the_service_answers_is_what_the_document_says(as_user, document, settings):
    settings.MAX_ATTEMPTS = 1
    # Staff may see everything.
    staff = make_staff("change_pausedhost", "view_job")
    v1 = as_user(staff)
    _, later = visited(("T-1", NOON, [photo("a")]), ("T-2", NOON, [photo("a", brightness=9.0)]), owner=staff)
    findings.find()
    judged = Visit.objects.get(images=later)
    judge(judged, staff, timezone.now(), is_fine=False)
    pause_host("a.test:443")
    make_stores("T-1")
    make_stores("T-2")
    Store.objects.update(name="Twin Store", words=["TWIN", "STORE"])
    group = StoreGroup.objects.create(name="Mine", area="A-1").pk
    job = v1.post("jobs", submission(visit("T-1", "http://a/1", "http://a/2"), visit("gone"))).json()["id"]
    work_off({"http://a/2": HTTPStatus(404)})
    v1.post(f"jobs/{job}/retry", {"code": "http_404"})
    image = v1.get(f"jobs/{job}/images").json()["results"][2]["id"]
    insert_photos([(image, photo(exif=Exif(NOON, 60, "A", 1.0, 2.0)))])
    report = Report.objects.create(owner=staff, columns=Measure.values).pk
    visits("T-1", range(40))
    alert = make_alert(of_all=True).pk
    rule = CategoryRule.objects.create(category=Category.objects.create(name="Bakery"))
    failed = make_failed(make_endpoint(staff))
    ForecastRange.objects.create(stage=25, size=0, jobs=0, judged=0, covered=0)
    checked = 0
    for path, method, operation in operations(document):
        if (
            method != "get"
            or not path.startswith("/api/v1/")
            or any(word in path for word in ("import", "events", "export", "thumbnail", "preview", "original"))
        ):
            continue
        url = path.format(
            job_id=job, image_id=image, store_id="T-1", group_id=group, alert_id=alert, report_id=report,
            category_id=rule.category_id, visit_id=judged.pk, webhook_id=failed.endpoint_id, delivery_id=failed.pk,
        )  # fmt: skip
        url += {"/api/v1/similar-stores": "?store=T-1"}.get(path, "")
        response = v1.client.get(url)
        assert response.status_code == 200, url
        validator(document, operation, 200, response["Content-Type"]).validate(response.json())
        checked += 1
    assert checked >= 13


def test_a_refusal_is_what_the_document_says(v1, document):
    operation = document["paths"]["/api/v1/jobs"]["post"]
    problem = v1.post("jobs", submission(count=7)).json()
    validator(document, operation, 400, "application/problem+json").validate(problem)


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "BREW"])
def test_the_page_is_read_only(v1, method):
    assert v1.client.generic(method, "/docs/").status_code == 405


def test_the_page_loads_nothing_from_other_origins_and_relaxes_only_styles(v1):
    response = v1.client.get("/docs/")
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "unsafe-eval" not in policy
    assert b"http" not in response.content.replace(b"http-equiv", b"")
    assert "'unsafe-inline'" not in v1.client.get("/admin/login/")["Content-Security-Policy"]
