"""System checks for settings that must agree with each other; every management command runs them."""

import ipaddress
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from jobs.engine.companion import companions, in_every_engine
from jobs.imaging.guard import Network
from jobs.queue.quarantine import batch_size

CELERY = "jobs.engine.celery.CeleryEngine"
EVERYTHING = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
# IPv6 addresses that embed IPv4 ones: allowing them would silently allow the embedded addresses.
TRANSLATION = [
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::ffff:0:0:0/96")
]
# By default; few slots are no mistake where no model takes batches.
USUAL_BATCH = 32
LOCAL = [ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10")]


@register(Tags.compatibility)
def gpu_bounds_are_ordered(**_: Any) -> list[CheckMessage]:
    if settings.GPU_MIN_SECONDS <= settings.GPU_MAX_SECONDS:
        return []
    return [
        Error(
            f"GPU_MIN_SECONDS ({settings.GPU_MIN_SECONDS:g}) is above GPU_MAX_SECONDS ({settings.GPU_MAX_SECONDS:g}).",
            hint="Raise GPU_MAX_SECONDS or lower GPU_MIN_SECONDS; equal bounds and 0 are legal.",
            id="jobs.E001",
        )
    ]


@register(Tags.compatibility)
def backoff_bounds_are_ordered(**_: Any) -> list[CheckMessage]:
    if settings.BACKOFF_BASE_SECONDS <= settings.BACKOFF_MAX_SECONDS:
        return []
    return [
        Error(
            f"BACKOFF_BASE_SECONDS ({settings.BACKOFF_BASE_SECONDS:g}) is above "
            f"BACKOFF_MAX_SECONDS ({settings.BACKOFF_MAX_SECONDS:g}).",
            hint="Raise BACKOFF_MAX_SECONDS or lower BACKOFF_BASE_SECONDS.",
            id="jobs.E002",
        )
    ]


@register(Tags.compatibility)
def largest_job_fits_in_the_queue(**_: Any) -> list[CheckMessage]:
    if settings.MAX_IMAGES_PER_JOB <= settings.MAX_PENDING_IMAGES:
        return []
    return [
        Error(
            f"MAX_IMAGES_PER_JOB ({settings.MAX_IMAGES_PER_JOB:,}) is above "
            f"MAX_PENDING_IMAGES ({settings.MAX_PENDING_IMAGES:,}): the largest jobs could never be submitted.",
            hint="Raise MAX_PENDING_IMAGES or lower MAX_IMAGES_PER_JOB.",
            id="jobs.E004",
        )
    ]


@register(Tags.compatibility)
def celery_can_be_used(**_: Any) -> list[CheckMessage]:
    if settings.ENGINE != CELERY:
        return []
    if not settings.BROKER_URL:
        return [
            Error(
                "ENGINE=celery has no broker.",
                hint="Set BROKER_URL, such as redis://127.0.0.1:6379/0, or remove ENGINE.",
                id="jobs.E005",
            )
        ]
    needed = ["celery", *(["redis"] if settings.BROKER_URL.startswith("redis") else [])]
    return [
        Error(
            f"ENGINE=celery needs the package {package}, which is not installed.",
            hint="Install the extra `celery`, such as: pip install 'celery>=5.7' 'kombu[redis]>=5.7'",
            id="jobs.E006",
        )
        for package in needed
        if find_spec(package) is None
    ]


@register(Tags.compatibility)
def allowed_networks_are_narrow(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{name} contains {network}, which lets clients reach every address behind this service.",
            hint="Name the networks of your own servers instead.",
            id="jobs.E003",
        )
        for name, network in _allowed()
        if network in EVERYTHING or any(network.overlaps(translation) for translation in TRANSLATION)
    ]


@register(Tags.compatibility)
def pool_is_large_enough(**_: Any) -> list[CheckMessage]:
    # The claimer, the recorder, what deletes old jobs and what deletes photos, and its other companions; the publisher
    # of Celery's messages.
    of_engine = 4 + len(companions) + len(in_every_engine) + (settings.ENGINE == CELERY)
    needed = settings.WEB_THREADS + of_engine
    if needed <= settings.DATABASE_POOL_SIZE:
        return []
    return [
        checks.Warning(
            f"DATABASE_POOL_SIZE ({settings.DATABASE_POOL_SIZE}) is below WEB_THREADS + {of_engine} ({needed}): "
            "under load, requests wait for a connection and are answered 503.",
            hint=f"Raise DATABASE_POOL_SIZE, or lower WEB_THREADS. The {of_engine} are the engine's threads.",
            id="jobs.W001",
        )
    ]


@register(Tags.compatibility)
def lease_only_is_needed(**_: Any) -> list[CheckMessage]:
    if not (settings.LEASE_ONLY and settings.DATABASE_DIRECT_URL):
        return []
    return [
        checks.Warning(
            "LEASE_ONLY is on although DATABASE_DIRECT_URL gives the engine a direct connection.",
            hint="Remove LEASE_ONLY: a direct connection notices a dead worker at once, not after LEASE_SECONDS.",
            id="jobs.W002",
        )
    ]


@register(Tags.compatibility)
def quarantine_isolates_poison_pills(**_: Any) -> list[CheckMessage]:
    needed = next(crashes for crashes in count(1) if batch_size(crashes, settings.WORKER_THREADS) == 1) + 1
    if needed <= settings.MAX_CRASHES:
        return []
    return [
        checks.Warning(
            f"MAX_CRASHES ({settings.MAX_CRASHES}) is below {needed} at {settings.WORKER_THREADS} WORKER_THREADS: "
            "an image that kills its process also fails healthy ones that were in flight with it.",
            hint="Raise MAX_CRASHES, or lower WORKER_THREADS.",
            id="jobs.W004",
        )
    ]


@register(Tags.compatibility)
def batches_can_be_full(**_: Any) -> list[CheckMessage]:
    if max(settings.WORKER_THREADS, USUAL_BATCH) >= settings.GPU_BATCH:
        return []
    return [
        checks.Warning(
            f"GPU_BATCH ({settings.GPU_BATCH}) is above WORKER_THREADS ({settings.WORKER_THREADS}): "
            "no more images wait for a model than there are worker slots, so that no batch is ever full.",
            hint="Raise WORKER_THREADS to twice GPU_BATCH, so that one batch gathers while another is computed.",
            id="jobs.W005",
        )
    ]


@register(Tags.security, deploy=True)
def local_addresses_are_not_allowed(**_: Any) -> list[CheckMessage]:
    return [
        checks.Warning(
            f"{name} contains {network}: clients can make this service reach its own machine.",
            hint="Fine for trying things out; remove it unless every client is trusted.",
            id="jobs.W003",
        )
        for name, network in _allowed()
        if any(network.overlaps(local) for local in LOCAL)
    ]


def _allowed() -> Iterator[tuple[str, Network]]:
    """The networks that are opened, each with the name of its setting."""
    for name in ("FETCH_ALLOW_CIDRS", "WEBHOOK_ALLOW_CIDRS"):
        for network in getattr(settings, name):
            yield name, network
