"""Can a list of the admin be narrowed by what no page may show?"""

import pytest
from django.contrib import admin
from django.db.models import CharField, TextField
from django.test import RequestFactory

# In the name of a text that is a secret, or a hash by which one could be told.
TELLING = ("secret", "password", "token", "hash", "hmac")


SECRETS = [
    pytest.param(model_admin, field.name, id=f"{model._meta.label}.{field.name}")
    for model, model_admin in admin.site._registry.items()
    for field in model._meta.concrete_fields
    if isinstance(field, CharField | TextField) and any(word in field.name for word in TELLING)
]


def test_there_are_secrets_to_keep():
    assert {each.values[1] for each in SECRETS} == {"secret", "old_secret", "secret_sha256", "password"}


@pytest.mark.parametrize(("model_admin", "field"), SECRETS)
@pytest.mark.parametrize("lookup", ["", "__startswith", "__regex", "__in"])
def test_no_secret_is_learnt_by_narrowing_a_list(model_admin, field, lookup):
    request = RequestFactory().get("/")
    assert not model_admin.lookup_allowed(f"{field}{lookup}", "x", request)
