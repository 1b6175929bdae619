"""Asks every panel and page of the insights in this process, and refreshes; a separate program.

    python -m benchmarks.panels PID panels ROUNDS
    python -m benchmarks.panels PID refresh

PID is the database server's. Needs the environment variables of the service. Prints JSON. What a refresher keeps is
there; each answer is the first one of a process, which keeps nothing by itself.
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
    "/api/v1/problems": ["", "?by=area", "?by=category", "?by=host", f"?store={STORE}"],
    "/api/v1/trends": ["", "?by=category", "?measure=turnaround_median"],
}
USER = "bench"
# Views that a GET does not reach.
NOT_READ = ("act_on_matching",)
# Reports of all stores with every measure, by these.
DIMENSIONS = ("area", "store", "host")


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
    is_get = hasattr(view, "get") or (not isinstance(view, type) and view.__name__ not in NOT_READ)
    return is_get and any(str(name).partition(".")[0] == "insights" for name in used)


def _panels(pid: int, rounds: int) -> dict[str, Any]:
    from django.contrib.auth.models import User
    from django.test import Client

    from insights import day_sums, rate_windows
    from insights.models import Measure, Report
    from stores.models import Store

    user, _ = User.objects.get_or_create(username=USER, defaults={"is_staff": True, "is_superuser": True})
    client = Client(raise_request_exception=False, headers={"host": "127.0.0.1"})
    client.force_login(user)
    store = Store.objects.get(store_id=STORE)
    asked = [(kind, path + query) for kind, path in sorted(paths()) for query in QUERIES.get(path, [""])]
    asked.append(("page", f"/stores/{store.pk}/"))
    for dimension in DIMENSIONS:
        report, _ = Report.objects.get_or_create(
            owner=user, name=dimension, defaults={"dimension": dimension, "columns": Measure.values}
        )
        asked.append(("panel", f"/api/v1/reports/{report.pk}/rows"))
    days, _, _ = _cost(pid, lambda: list(day_sums.slices(None)))
    rates, _, _ = _cost(pid, lambda: list(rate_windows.slices()))
    # The first of all loads what Python has not loaded yet.
    first = {path: _ask(client, path, pid) for _, path in asked}
    again = {path: [_ask(client, path, pid) for _ in range(rounds)] for _, path in asked}
    found = [
        {
            "kind": kind,
            "path": path,
            "status": first[path]["status"],
            "bytes": first[path]["bytes"],
            "first_ms": first[path]["ms"],
            **{name: [each[name] for each in again[path]] for name in ("ms", "postgres_ms")},
        }
        for kind, path in asked
    ]
    return {"asked": found, "days_ms": 1000 * days, "rates_ms": 1000 * rates}


def _ask(client: Any, path: str, pid: int) -> dict[str, Any]:
    """What an answer costs a process that keeps nothing by itself."""
    from insights import kept

    kept.forget()
    seconds, server, answer = _cost(pid, lambda: _answer(client, path))
    status, body = answer
    return {"status": status, "bytes": len(body), "ms": 1000 * seconds, "postgres_ms": 1000 * server}


def _answer(client: Any, path: str) -> tuple[int, bytes]:
    answer = client.get(path)
    return answer.status_code, answer.getvalue()


def _refreshes(pid: int) -> dict[str, Any]:
    from django.db import connection

    from insights import day_sums, refresh

    found = {}
    for what in ("the first", "of what is summed already"):
        seconds, _, done = _cost(pid, refresh.refresh)
        mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found[what] = {"images": done.images, "us": 1e6 * seconds / max(1, done.images), "mb": mb}
        with connection.cursor() as cursor:
            cursor.execute("UPDATE insights_refreshed SET mark = '2020-01-01'")
    seconds, _, _ = _cost(pid, lambda: list(day_sums.slices(None)))
    us = 1e6 * seconds / max(1, found["the first"]["images"])
    found["the first"]["us"] += us
    found["the first"]["days_us"] = us
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
