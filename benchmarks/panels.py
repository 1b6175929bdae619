"""Asks every panel and page of the insights in this process, and refreshes; a separate program.

    python -m benchmarks.panels PID panels ROUNDS
    python -m benchmarks.panels PID refresh

PID is the database server's. Needs the environment variables of the service. Prints JSON.
"""

import json
import resource
import sys
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

import django

from benchmarks.accounting import cpu_seconds

# What a path needs, where it needs something; of the stores that `proofs.world.visits` makes.
STORE = "L-77"
QUERIES = {
    "/areas/area/": ["?area=AREA-7"],
    "/api/v1/similar-stores": [f"?store={STORE}"],
    "/similar-stores/": [f"?store={STORE}"],
}
USER = "bench"


def main(pid: int, act: str, rounds: int) -> None:
    found = _panels(pid, rounds) if act == "panels" else _refreshes(pid)
    json.dump(found, sys.stdout)


def paths() -> Iterator[tuple[str, str]]:
    """Every page and every GET of the API that takes no part of its path, and whose module uses the app `insights`."""
    from django.urls import URLPattern, URLResolver, get_resolver

    def walk(patterns: list[Any], before: str) -> Iterator[tuple[str, str]]:
        for each in patterns:
            # As the API writes them: `^areas/?\\Z`.
            path = before + str(each.pattern).lstrip("^").removesuffix("\\Z").removesuffix("/?").replace("\\", "")
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, path)
            elif isinstance(each, URLPattern) and "<" not in path and "(" not in path:
                view = getattr(each.callback, "view_class", getattr(each.callback, "cls", each.callback))
                if _shows_insights(view):
                    yield ("panel" if path.startswith("api/") else "page"), f"/{path}"

    yield from walk(get_resolver().url_patterns, "")


def _shows_insights(view: Any) -> bool:
    module = sys.modules.get(view.__module__)
    used = (getattr(each, "__module__", None) or getattr(each, "__name__", "") for each in vars(module).values())
    is_get = hasattr(view, "get") or not isinstance(view, type)
    return is_get and any(str(name).partition(".")[0] == "insights" for name in used)


def _panels(pid: int, rounds: int) -> list[dict[str, Any]]:
    from django.contrib.auth.models import User
    from django.test import Client

    user, _ = User.objects.get_or_create(username=USER, defaults={"is_staff": True, "is_superuser": True})
    client = Client(raise_request_exception=False, headers={"host": "127.0.0.1"})
    client.force_login(user)
    found = []
    for kind, path in sorted(paths()):
        for query in QUERIES.get(path, [""]):
            found.append({"kind": kind, **_ask(client, path + query, pid, rounds)})
    return found


def _ask(client: Any, path: str, pid: int, rounds: int) -> dict[str, Any]:
    # The first one fills the caches.
    answer = client.get(path)
    body = answer.getvalue()
    total, postgres = [], []
    for _ in range(rounds):
        seconds, server, _ = _cost(pid, lambda: client.get(path).getvalue())
        total.append(1000 * seconds)
        postgres.append(1000 * server)
    return {"path": path, "status": answer.status_code, "bytes": len(body), "ms": total, "postgres_ms": postgres}


def _refreshes(pid: int) -> dict[str, Any]:
    from django.db import connection

    from insights import refresh

    found = {}
    for what in ("the first", "of what is summed already"):
        seconds, _, done = _cost(pid, refresh.refresh)
        mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found[what] = {"images": done.images, "us": 1e6 * seconds / max(1, done.images), "mb": mb}
        with connection.cursor() as cursor:
            cursor.execute("UPDATE insights_refreshed SET mark = '2020-01-01'")
    return found


def _cost[Answer](pid: int, act: Callable[[], Answer]) -> tuple[float, float, Answer]:
    """Seconds of processor time of this process and the database server, of the latter alone, and what came of it."""
    here, there = process_time(), cpu_seconds(pid)
    answer = act()
    server = cpu_seconds(pid) - there
    return process_time() - here + server, server, answer


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or ["1"])[0]))
