"""The project's settings for tests: a state directory of their own, no engine unless a test starts one."""

import os

from tests import ROOT

os.environ.setdefault("RETAIL_PULSE_HOME", str(ROOT / ".retail-pulse-test"))
os.environ.setdefault("ENGINE_AUTOSTART", "off")
os.environ.setdefault("FETCH_ALLOW_CIDRS", "127.0.0.1/32")
os.environ.setdefault("FETCH_ALLOW_PORTS", "1-65535")
os.environ.setdefault("GPU_MIN_SECONDS", "0")
os.environ.setdefault("GPU_MAX_SECONDS", "0")
os.environ.setdefault("BACKOFF_BASE_SECONDS", "0.01")

from retail_pulse.settings import *  # noqa: F403 - the environment above must be set first

# Tests make users; a slow password hash only costs time here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Where a process shall fail on purpose; see jobs/failpoints.py.
FAILPOINTS = os.environ.get("FAILPOINTS", "")
