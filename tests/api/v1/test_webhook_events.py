"""Is what webhooks are sent what the OpenAPI document says of it?"""

import json
from io import BytesIO

import pytest
from django.contrib.auth.models import User
from jsonschema import Draft202012Validator

from stores.importer import import_stores
from tests.api.v1.test_alerts import make_alert
from tests.factories import submit_job
from tests.webhooks.conftest import finish
from tests.webhooks.deliveries import make_endpoint
from webhooks import endpoints, outbox
from webhooks.kinds import SUBSCRIBABLE, EventType
from webhooks.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(v1):
    return v1.get("openapi.json").json()


def validator(document, event):
    content = document["webhooks"][event]["post"]["requestBody"]["content"]["application/json"]
    return Draft202012Validator({**content["schema"], "components": document["components"]})


def test_every_event_is_described(document):
    assert set(document["webhooks"]) == set(EventType.values)
    for event, methods in document["webhooks"].items():
        assert methods["post"]["summary"], event
        assert set(methods["post"]["responses"]) == {"2XX", "410", "default"}
        headers = {parameter["name"] for parameter in methods["post"]["parameters"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}


@pytest.mark.parametrize("event", EventType.values)
def test_every_example_is_of_its_schema(document, event):
    content = document["webhooks"][event]["post"]["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        validator(document, event).validate(example["value"])


def test_what_is_sent_is_what_the_document_says(document):
    root = User.objects.create_superuser("root")
    endpoint = make_endpoint(root, events=SUBSCRIBABLE)
    finish(submit_job(4, owner=root), failed=1, limit=1)
    import_stores(BytesIO(b"AreaCode,StoreName,StoreID\nA,Corner,S1\n"))
    outbox.tell_of_alerts([make_alert(owner_id=root.pk)])
    endpoints.send_test(endpoint)
    stored = Event.objects.order_by("pk")
    assert {event.type for event in stored} == set(EventType.values)
    for event in stored:
        body = json.loads(event.body)
        assert body["type"] == event.type
        validator(document, event.type).validate(body)
        # What is there is described, too.
        schema = document["components"]["schemas"]["".join(map(str.capitalize, event.type.split("."))) + "Event"]
        assert set(body["data"]) <= set(schema["properties"]["data"]["properties"]), event.type
