"""Checks that settings of access agree with each other and with where they are used; every command runs them."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

OWN_MEMORY = ("django.core.cache.backends.locmem.LocMemCache", "django.core.cache.backends.dummy.DummyCache")


@register(Tags.compatibility)
def refresh_tokens_outlive_access_tokens(**_: Any) -> list[CheckMessage]:
    if settings.JWT_ACCESS_SECONDS <= settings.JWT_REFRESH_SECONDS:
        return []
    return [
        Error(
            f"JWT_ACCESS_SECONDS ({settings.JWT_ACCESS_SECONDS:,}) is above "
            f"JWT_REFRESH_SECONDS ({settings.JWT_REFRESH_SECONDS:,}), so that refreshing would gain nothing.",
            hint="Raise JWT_REFRESH_SECONDS or lower JWT_ACCESS_SECONDS.",
            id="access.E001",
        )
    ]


@register(Tags.compatibility)
def pods_share_the_secret_key(**_: Any) -> list[CheckMessage]:
    if not (settings.IN_KUBERNETES and settings.SECRET_KEY_IS_KEPT):
        return []
    return [
        Error(
            "SECRET_KEY is unset in Kubernetes, where each pod would make its own: "
            "people signed in at one would be strangers to the others, and to the next.",
            hint="Give every pod the same SECRET_KEY from a Secret, see deploy/kubernetes/.",
            id="access.E002",
        )
    ]


@register(Tags.compatibility)
def mailed_links_lead_here(**_: Any) -> list[CheckMessage]:
    if not settings.EMAIL_URL or settings.PUBLIC_URL or "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "EMAIL_URL is set while ALLOWED_HOSTS takes every name: whoever asks for somebody's link by mail could "
            "have it lead to a host of their own.",
            hint="Set PUBLIC_URL, such as https://pulse.example, or name the hosts in ALLOWED_HOSTS.",
            id="access.E003",
        )
    ]


@register(Tags.compatibility)
def pods_share_the_cache(**_: Any) -> list[CheckMessage]:
    if not settings.IN_KUBERNETES or settings.CACHES["default"]["BACKEND"] not in OWN_MEMORY:
        return []
    return [
        checks.Warning(
            "CACHE_URL names each process's own memory in Kubernetes: "
            "requests and failed sign-ins are counted by each pod for itself, so that its limits hold for one pod.",
            hint="Name a shared cache: CACHE_URL=rediscache://host:6379/0 or pymemcache://host:11211.",
            id="access.W001",
        )
    ]
