from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "insights"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Engines refresh the summaries and check the alerts, and an audit compares them with the images."""
        from insights.alert_checker import AlertChecker
        from insights.audit import DAYS, SUMMARIES
        from insights.refresher import Refresher
        from jobs.engine.companion import companions
        from jobs.reporting.audit_checks import further_checks

        companions += [Refresher, AlertChecker]
        further_checks.extend([SUMMARIES, DAYS])
