"""Are permissions asked in one place? Elsewhere, code asks the rules of `access/rights.py` by their names."""

import re

import pytest

from tests import ROOT

# What a user is or holds. A permission of the framework or of the admin is asked for by the name of a rule, too.
ASKED = re.compile(
    r"\.(is_staff|is_superuser|has_perms?|has_module_perms|get_(all|user|group)_permissions|user_permissions)\b"
    r"|\b(permission_required|staff_member_required|superuser_required|DjangoModelPermissions|IsAdminUser)\b"
    r"|is_(staff|superuser)=|{%.*\bperms\."
)
PACKAGES = ("api", "dashboard", "demo", "insights", "jobs", "photos", "retail_pulse", "stores", "tables", "webhooks")
FILES = [
    file
    for package in PACKAGES
    for ending in ("*.py", "*.html")
    for file in (ROOT / package).rglob(ending)
    if "migrations" not in file.parts
]
# Who reads whose jobs is decided by these alone, of the three that know an owner.
MODULES_THAT_NARROW = re.compile(r"filter\(\s*owner(_id)?=\s*(rights\.owner_of|request\.user|user\b|self\.user)")
NARROWED_TO_ONES_OWN = {
    # What one may change; what is personal.
    "jobs/models/job.py",
    "insights/models/report.py",
    "webhooks/models/endpoint.py",
}


def asks(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if ASKED.search(line)]


def test_nothing_but_access_asks_what_a_user_holds():
    found = {str(file.relative_to(ROOT)): lines for file in FILES if (lines := asks(file.read_text()))}
    assert found == {}


def test_jobs_are_narrowed_to_one_owner_only_where_others_may_not_be_read():
    found = {str(file.relative_to(ROOT)) for file in FILES if MODULES_THAT_NARROW.search(file.read_text())}
    assert found == NARROWED_TO_ONES_OWN


@pytest.mark.parametrize(
    "line",
    [
        "if request.user.is_staff:",
        "return user.has_perm('jobs.view_job')",
        "User.objects.filter(is_superuser=True)",
        "{% if perms.jobs.view_job %}",
        "@permission_required('jobs.view_job')",
    ],
)
def test_such_a_line_would_be_found(line):
    assert asks(line)
