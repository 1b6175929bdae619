from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from access import checks  # noqa: F401 - registers them
        from access.framework import load_framework

        load_framework()

        from access.roles import make_groups

        # After Django has made the permissions of the same app: its receiver was connected earlier.
        post_migrate.connect(make_groups, dispatch_uid="access.roles.make_groups")
