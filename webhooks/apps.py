from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from jobs.engine.companion import Beside


class WebhooksConfig(AppConfig):
    name = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What happens is stored for those who ask, engines deliver it, an audit checks that none is lost."""
        from insights import alerts
        from jobs.deletion.belongings import of_jobs
        from jobs.engine.companion import companions, in_every_engine
        from jobs.queue import milestones
        from jobs.reporting.audit_checks import further_checks
        from jobs.reporting.gauges import further_gauges
        from stores import importer
        from webhooks import outbox
        from webhooks.audit import DELIVERIES, TOLD
        from webhooks.gauges import undelivered
        from webhooks.retention import Forgetter, forget_jobs

        milestones.listeners.append(outbox.tell_of_jobs)
        importer.listeners.append(outbox.tell_of_import)
        alerts.listeners.append(outbox.tell_of_alerts)
        in_every_engine.append(_sender)
        companions.append(Forgetter)
        of_jobs.append(forget_jobs)
        further_checks.extend([TOLD, DELIVERIES])
        further_gauges.append(undelivered)


def _sender(worker_id: int) -> "Beside":
    """Imported with the first engine: its library of HTTP takes a tenth of a second."""
    from webhooks.sender import Sender

    return Sender(worker_id)
