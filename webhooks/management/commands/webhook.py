import argparse
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from webhooks import endpoints, replays
from webhooks.kinds import SUBSCRIBABLE, EventType
from webhooks.models import Attempt, Delivery, Endpoint

# Lines of a list or a log, unless told otherwise.
LINES = 50
MOST_LINES = 10_000
_TIME = "%Y-%m-%d %H:%M:%S"


class Command(BaseCommand):
    help = "Show and change the endpoints of webhooks, of all users: docs/webhooks.md. Times are UTC."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listed = actions.add_parser("list", help="the endpoints, the newest first")
        listed.add_argument("--user", metavar="NAME", help="those of this user alone")
        _add_lines(listed)

        add = actions.add_parser("add", help="make an endpoint and show its secret, once")
        add.add_argument("url", metavar="URL", help="where the events are sent")
        add.add_argument("--user", metavar="NAME", help="whose jobs it is told of; by default those of nobody")
        add.add_argument(
            "--events",
            metavar="EVENTS",
            default=EventType.JOB_ENDED.value,
            help=f"separated by commas, of: {', '.join(SUBSCRIBABLE)}; by default %(default)s",
        )
        add.add_argument("--name", default="", help="what it is for")
        add.add_argument("--all-jobs", action="store_true", help="tell it of everybody's jobs; the user may read these")

        for action, does in {
            "test": "send an event webhook.test",
            "rotate": "make a new secret and show it, once; the old one signs as well for a day",
            "enable": "send again, also after it was disabled for failing",
            "disable": "send nothing more",
            "delete": "delete it with its log",
        }.items():
            actions.add_parser(action, help=does).add_argument("id", type=int, metavar="ID")

        replay = actions.add_parser("replay", help="send again what has failed, or one delivery")
        replay.add_argument("id", type=int, metavar="ID")
        what = replay.add_mutually_exclusive_group(required=True)
        what.add_argument("--since", metavar="TIME", help="all that has failed since then, such as 2026-03-01T12:00")
        what.add_argument("--delivery", type=int, metavar="DELIVERY", help="this one, delivered or failed")

        log = actions.add_parser("log", help="the last attempts and what came back, the newest first")
        log.add_argument("id", type=int, metavar="ID")
        _add_lines(log)

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except endpoints.Refused as refused:
            raise CommandError(str(refused)) from None

    def _list(self, user: str | None, lines: int, **_: Any) -> None:
        found = Endpoint.objects.lasting().select_related("owner").order_by("-pk")
        if user is not None:
            found = found.filter(owner=_user(user))
        for each in found[:lines]:
            owner = each.owner.get_username() if each.owner else "nobody"
            state = f"disabled: {each.get_disabled_for_display()}" if each.disabled_for else "enabled"
            whose = "everybody's jobs" if each.of_all else "own jobs"
            self.stdout.write(f"{each.pk}\t{owner}\t{whose}\t{state}\t{','.join(each.events)}\t{each.url}\t{each.name}")

    def _add(self, url: str, user: str | None, events: str, name: str, all_jobs: bool, **_: Any) -> None:
        owner = None if user is None else _user(user)
        asked = [each.strip() for each in events.split(",") if each.strip()]
        made = endpoints.create(owner, url, asked, name=name, of_all=all_jobs)
        self._show_secret(made)

    def _test(self, id: int, **_: Any) -> None:  # noqa: A002 - as the argument is called
        delivery = endpoints.send_test(_endpoint(id))
        self.stdout.write(
            f"Delivery {delivery.pk} is sent by the next engine; `webhook log {id}` shows what came back."
        )

    def _rotate(self, id: int, **_: Any) -> None:  # noqa: A002
        self._show_secret(endpoints.rotate(_endpoint(id)))

    def _enable(self, id: int, **_: Any) -> None:  # noqa: A002
        since = endpoints.enable(_endpoint(id))
        self.stdout.write(f"Endpoint {id} is enabled.")
        if since is not None:
            again = f"webhook replay {id} --since {since:%Y-%m-%dT%H:%M:%S}"
            self.stdout.write(f"What has failed meanwhile is sent by: {again}")

    def _disable(self, id: int, **_: Any) -> None:  # noqa: A002
        endpoints.disable(_endpoint(id))
        self.stdout.write(f"Endpoint {id} is disabled.")

    def _delete(self, id: int, **_: Any) -> None:  # noqa: A002
        endpoints.delete(_endpoint(id))
        self.stdout.write(f"Endpoint {id} is deleted.")

    def _replay(self, id: int, since: str | None, delivery: int | None, **_: Any) -> None:  # noqa: A002
        endpoint = _endpoint(id)
        if delivery is not None:
            found = Delivery.objects.filter(endpoint_id=endpoint.pk, pk=delivery).first()
            if found is None:
                raise CommandError(f"Endpoint {id} has no delivery {delivery}.")
            replays.replay(found)
            self.stdout.write(f"Delivery {delivery} is sent again.")
            return
        try:
            begin = parse_datetime(since or "")
        except ValueError:
            begin = None
        if begin is None:
            raise CommandError(f"--since {since}: allowed is a time in UTC, such as 2026-03-01T12:00.")
        begin = make_aware(begin) if is_naive(begin) else begin
        total = replays.replay_failed(endpoint, begin).deliveries
        self.stdout.write(f"{total:,} deliver{pluralize(total, 'y is,ies are')} sent again.")

    def _log(self, id: int, lines: int, **_: Any) -> None:  # noqa: A002
        endpoint = _endpoint(id)
        # Through the deliveries, which have an index by endpoint; each has some attempts.
        recent = Delivery.objects.filter(endpoint_id=endpoint.pk).order_by("-pk").values_list("pk", flat=True)[:lines]
        found = Attempt.objects.filter(delivery__in=list(recent)).select_related("delivery__event").order_by("-pk")
        for each in found[:lines]:
            came = str(each.status) if each.status is not None else f"{each.error_code}: {each.error_message}"
            event = each.delivery.event
            self.stdout.write(
                f"{each.sent_at.strftime(_TIME)}\tdelivery {each.delivery_id}\tattempt {each.number}\t{event.type}\t"
                f"{event.uid}\t{came}\t{each.milliseconds:,} ms\t{each.answer[:80]!r}"
            )

    def _show_secret(self, endpoint: Endpoint) -> None:
        self.stdout.write(endpoint.secret)
        self.stderr.write(f"The secret of endpoint {endpoint.pk}, {endpoint.url}. Keep it now: it is shown this once.")


def _add_lines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lines", type=_lines, default=LINES, metavar="N", help="how many; by default %(default)s")


def _lines(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_LINES:
        raise argparse.ArgumentTypeError(f"from 1 to {MOST_LINES:,}")
    return int(text)


def _user(name: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no user {name!r}.")
    return found


def _endpoint(endpoint_id: int) -> Endpoint:
    found = Endpoint.objects.filter(pk=endpoint_id).first()
    if found is None:
        raise CommandError(f"There is no endpoint {endpoint_id}; `webhook list` names them.")
    return found
