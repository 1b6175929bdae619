"""Endpoints of webhooks, written into the service's database, with a receiver behind each."""

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from proofs.world.cluster import DATABASE, Cluster

# As `manage.py createsuperuser` makes one, who may read all jobs; nobody can sign in as this one.
_READER = """
    INSERT INTO auth_user (
        username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined
    ) VALUES (%s, '!', true, true, true, '', '', '', now()) RETURNING id
"""
_ENDPOINT = """
    INSERT INTO webhooks_endpoint (owner_id, url, secret, events, of_all) VALUES (%s, %s, %s, %s, %s) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`owner` is the number of a user, None nobody; those `of_all` are told of everybody's jobs."""

    name: str
    url: str
    owner: int | None = None
    of_all: bool = False


def new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def add_endpoint(
    cluster: Cluster,
    endpoint: Endpoint,
    secret: str,
    events: Iterable[str] = ("job.ended",),
    database: str = DATABASE,
) -> int:
    """Its number. Past the limit for one user, and for addresses that the service would not admit, too."""
    values = [endpoint.owner, endpoint.url, secret, list(events), endpoint.of_all]
    return int(cluster.query(_ENDPOINT, values, database)[0][0])


def add_reader(cluster: Cluster, name: str) -> int:
    """A user who may read all jobs."""
    return int(cluster.query(_READER, [name])[0][0])
