"""What the frame of every page tells the user of: read once for a request, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F
from django.db.models.functions import JSONObject
from django.http import HttpRequest

from insights.alerts import visible_to
from webhooks.endpoints import needing_attention
from webhooks.models import Endpoint
from webhooks.models.endpoint import MOST_ENDPOINTS

# Open alerts are counted up to here.
MOST_ALERTS = 99


@dataclass(frozen=True, slots=True)
class News:
    """`alerts` are the open ones, counted up to one more than MOST_ALERTS; `disabled` are the user's webhooks that the
    service has switched off by itself."""

    alerts: int
    disabled: Sequence[Endpoint]


def news_of(request: HttpRequest) -> News:
    """For who is signed in."""
    if not hasattr(request, "_news"):
        request._news = _read(request.user)  # type: ignore[attr-defined,arg-type]  # signed in
    news: News = request._news  # type: ignore[attr-defined]
    return news


def _read(user: User) -> News:
    fields = ("id", "name", "url", "disabled_for", "disabled_at")
    said = JSONObject(**{name: F(name) for name in fields})
    alerts = visible_to(user).open().order_by().values("pk")[: MOST_ALERTS + 1]
    disabled = needing_attention(user).order_by("pk").values(said=said)[:MOST_ENDPOINTS]
    found = User.objects.filter(pk=user.pk).values_list(ArraySubquery(alerts), ArraySubquery(disabled)).first()
    open_alerts, endpoints = found or ([], [])
    return News(
        len(open_alerts),
        [Endpoint(**{**each, "disabled_at": datetime.fromisoformat(each["disabled_at"])}) for each in endpoints],
    )
