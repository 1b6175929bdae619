"""The project's settings with the linter of migrations, which `./run lint` calls."""

from retail_pulse.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]  # noqa: F405

MIGRATION_LINTER_OPTIONS = {
    "include_apps": ["jobs", "stores", "access"],
    "warnings_as_errors": True,
    "no_cache": True,
    "ignore_name": [
        # Both are part of `0001_squashed_0006_what_waits_for_a_host`. Only databases from before it run them, and those
        # are to become what they always would have.
        "0005_what_people_do_to_jobs",
        "0006_what_waits_for_a_host",
    ],
}
