"""Every setting of Retail Pulse: its name in the environment, its default and its limits. Nothing else reads it.

Durations end in `_SECONDS`, sizes in `_BYTES`. A wrong value stops the start with the values allowed.
"""

import hmac
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from retail_pulse.db.pool import check_or_drain
from retail_pulse.db.timeouts import TimeoutConnection
from retail_pulse.environment import (
    address,
    base_url,
    boolean,
    broker_url,
    choice,
    cidrs,
    env,
    integer,
    listed,
    mail_address,
    mailers,
    origins,
    ports,
    seconds,
    secret_key,
    time_zone,
)
from retail_pulse.logs.config import logging_config
from retail_pulse.photo_storage import photo_storage
from retail_pulse.version import VERSION

BASE_DIR = Path(__file__).resolve().parent.parent

env.read_env(BASE_DIR / ".env", overwrite=False)


# The embedded database, the secret key and the log. Ignored by git, and named so that nobody takes it for a cache.
RETAIL_PULSE_HOME = Path(env.str("RETAIL_PULSE_HOME", default=str(BASE_DIR / ".retail-pulse"))).absolute()

DEBUG = boolean("DEBUG", default=False)
SECRET_KEY = secret_key(RETAIL_PULSE_HOME)
SECRET_KEY_IS_KEPT = not env.ENVIRON.get("SECRET_KEY")
# Set in every pod: there, more than one process is the rule, and what one keeps for itself is gone with it.
IN_KUBERNETES = "KUBERNETES_SERVICE_HOST" in env.ENVIRON
ALLOWED_HOSTS = listed("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = listed("CSRF_TRUSTED_ORIGINS")
# Whose pages may read the API's answers with a key or a token (CORS).
CORS_ORIGINS = origins("CORS_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "retail_pulse",
    "access",
    "stores",
    "jobs",
    "photos",
    "insights",
    "webhooks",
    "api",
    "dashboard",
    "demo",
]
MIDDLEWARE = [
    "retail_pulse.request_ids.RequestIds",
    "retail_pulse.health.Probes",
    "api.middleware.Answers",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "api.middleware.BodyLimits",
    "api.middleware.NULs",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "api.middleware.OwnPages",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "api.middleware.TooOftenAnswers",
]
if CORS_ORIGINS:
    # Before all that may refuse a request: its page shall be able to read why.
    MIDDLEWARE.insert(MIDDLEWARE.index("retail_pulse.health.Probes") + 1, "corsheaders.middleware.CorsMiddleware")
ROOT_URLCONF = "retail_pulse.urls"
WSGI_APPLICATION = "retail_pulse.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = "retail_pulse.formats"
USE_TZ = True
STATIC_URL = "static/"
# WhiteNoise reads each app's own static folder, so that no collectstatic step can be forgotten.
WHITENOISE_USE_FINDERS = True
AUTHENTICATION_BACKENDS = ["access.passwords.ThrottledPasswords"]
LOGIN_URL = LOGOUT_REDIRECT_URL = "dashboard:sign_in"
LOGIN_REDIRECT_URL = "dashboard:home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
] + [{"NAME": "access.passwords.LongestPassword"}]
# Where people reach the service, for links that commands print and mails hold; empty: where a request came in.
PUBLIC_URL = base_url("PUBLIC_URL")
# For so many days a link sets a password: that of an invitation, and one in place of a forgotten password.
PASSWORD_LINK_DAYS = integer("PASSWORD_LINK_DAYS", 3, 1, 30)
PASSWORD_RESET_TIMEOUT = PASSWORD_LINK_DAYS * 86_400
# The server that such links are mailed by; empty: administrators hand them over.
EMAIL_URL = env.str("EMAIL_URL", default="")
MAILERS = mailers("EMAIL_URL")
DEFAULT_FROM_EMAIL = mail_address("DEFAULT_FROM_EMAIL", "retail-pulse@localhost")

# Never with credentials of a browser: a page of another origin brings a key or a token.
CORS_ALLOWED_ORIGINS = CORS_ORIGINS
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "POST", "PATCH", "DELETE"]
CORS_ALLOW_HEADERS = [
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
    "prefer",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = [
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
]
# For how long a browser need not ask again; none keeps it for longer than two hours.
CORS_PREFLIGHT_MAX_AGE = 7_200

# Threads of the web server; each may hold one database connection.
WEB_THREADS = integer("WEB_THREADS", 8, 1, 256)
# For the head of a request, from its first byte; until it is there, it takes no thread.
WEB_HEAD_SECONDS = seconds("WEB_HEAD_SECONDS", 10, 0.1, 3600)
# How long a body may be waited for in all, and how fast it must come beyond that.
WEB_BODY_SECONDS = seconds("WEB_BODY_SECONDS", 10, 0.1, 3600)
WEB_BODY_BYTES_PER_SECOND = integer("WEB_BODY_BYTES_PER_SECOND", 1_000, 1, 1_000_000)
# From the end of a request's head to its answer's last byte; then the client is cut off, and its thread is freed.
WEB_REQUEST_SECONDS = seconds("WEB_REQUEST_SECONDS", 60, 1, 3600)
# Threads that may be busy with live event streams; a client that finds none free polls every few seconds instead.
LIVE_STREAMS = integer("LIVE_STREAMS", WEB_THREADS // 2, 0, WEB_THREADS - 1)
# Those of one user, or of one address without a user.
LIVE_STREAMS_PER_CLIENT = integer("LIVE_STREAMS_PER_CLIENT", max(1, LIVE_STREAMS // 2), 1, 256)
# An engine's threads use up to ten: they claim, record, send webhooks, and for moments delete old jobs, delete photos,
# delete old events, look at photos, refresh the insights, check alerts and publish Celery's messages.
DATABASE_POOL_SIZE = integer("DATABASE_POOL_SIZE", WEB_THREADS + 10, 3, 500)
# The statement timeout of a serving process. The server breaks a statement off a tenth sooner; a connection on which
# one has gone unanswered for this long is closed.
DATABASE_PATIENCE_SECONDS = seconds("DATABASE_PATIENCE_SECONDS", 30, 1, 3600)
# An export: for as long it may hold a snapshot, which slows the queue down.
EXPORT_SECONDS = seconds("EXPORT_SECONDS", 600, 1, 86_400)
# What may take longer, by name, in commands as well. Those that write let others wait for as long.
LONG_STATEMENT_SECONDS = {
    "action on a job": 300.0,
    "store import": 300.0,
    "export": EXPORT_SECONDS,
    "audit": 3_600.0,
    "prune": 600.0,
    "refresh": 600.0,
    "alerts": 300.0,
    "migration": 3_600.0,
}
DATABASE_URL = env.str("DATABASE_URL", default="")
# For dedicated connections and migrations: through a transaction pooler, an advisory lock would mean nothing.
DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", default="")
# Without any direct connection: liveness by the heartbeat alone, and polling instead of NOTIFY.
LEASE_ONLY = boolean("LEASE_ONLY", default=False)
# A worker whose heartbeat is older than this is dead, whatever its lock says.
LEASE_SECONDS = seconds("LEASE_SECONDS", 30, 1, 3600)

_POSTGRES_URL = "postgresql://user:password@host:5432/name"
if DATABASE_URL:
    # A wrong URL is not repeated, because it may hold a password; the library would repeat other schemes in a warning.
    if not DATABASE_URL.startswith(("postgresql://", "postgres://")):
        raise ImproperlyConfigured(f"DATABASE_URL: allowed is {_POSTGRES_URL}.")
    try:
        _database: dict[str, Any] = dict(env.db_url("DATABASE_URL"))
    except ValueError:
        raise ImproperlyConfigured(f"DATABASE_URL: allowed is {_POSTGRES_URL}.") from None
else:
    _database = {"ENGINE": "retail_pulse.postgres", "NAME": "retail_pulse"}
try:
    conninfo_to_dict(DATABASE_DIRECT_URL)
except ProgrammingError:
    raise ImproperlyConfigured(f"DATABASE_DIRECT_URL: allowed is {_POSTGRES_URL}.") from None
# A process frozen within a transaction keeps its rows locked, and nobody can rescue them; this ends it with its lease.
# A transaction pooler would refuse the option.
DATABASE_HAS_POOLER = bool(LEASE_ONLY or DATABASE_DIRECT_URL)
_lock_limit = (
    {} if DATABASE_HAS_POOLER else {"options": f"-c idle_in_transaction_session_timeout={round(LEASE_SECONDS * 1000)}"}
)
_database["OPTIONS"] = {
    # A thread waits this long for a free connection before its request is answered 503.
    "pool": {
        "min_size": 0,
        "max_size": DATABASE_POOL_SIZE,
        "timeout": 5.0,
        "max_idle": 60.0,
        "check": check_or_drain,
        "connection_class": TimeoutConnection,
    },
    "connect_timeout": 5,
    # A dead peer is noticed within about 15 seconds instead of the kernel's two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
    # Options in the URL take precedence.
    **_lock_limit,
    **_database.get("OPTIONS", {}),
}
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        # Outside a transaction a cursor of the server belongs to a session, which a transaction pooler does not keep.
        "DISABLE_SERVER_SIDE_CURSORS": DATABASE_HAS_POOLER,
    }
}

# Where requests and failed sign-ins are counted.
_CACHE_URL = "locmemcache://"
CACHE_URL = env.str("CACHE_URL", default=_CACHE_URL)
try:
    _cache: dict[str, Any] = env.cache_url_config(CACHE_URL)
except ImproperlyConfigured:
    # Not repeated, because it may hold a password.
    raise ImproperlyConfigured(
        f"CACHE_URL: allowed is {_CACHE_URL}, dbcache://table, rediscache://host:6379/0 or pymemcache://host:11211."
    ) from None
if CACHE_URL == _CACHE_URL:
    # A few hundred bytes each; beyond this number, the least recently used are dropped.
    _cache["OPTIONS"] = {"MAX_ENTRIES": 20_000}
CACHES = {"default": _cache}

# The API without credentials; `serve` and `demo` switch it on when they bind to loopback.
API_OPEN = boolean("API_OPEN", default=False)
API_OPEN_IS_UNSET = "API_OPEN" not in env.ENVIRON
MAX_IMAGES_PER_JOB = integer("MAX_IMAGES_PER_JOB", 100_000, 1, 1_000_000)
# 100,000 visits take up to 13 MB of JSON.
MAX_BODY_BYTES = integer("MAX_BODY_BYTES", 32 * 2**20, 1_024, 2**30)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
# Images of one user that are not final yet; all callers without credentials count as one user.
MAX_PENDING_IMAGES = integer("MAX_PENDING_IMAGES", 1_000_000, 1, 2**31)
# Requests of one user, or of one address without credentials; 0 is no limit.
API_RATE_PER_MINUTE = integer("API_RATE_PER_MINUTE", 6_000, 0, 1_000_000)
# Failed sign-ins allowed for one name in one window; five times as many from one address.
LOGIN_FAILURES = integer("LOGIN_FAILURES", 10, 1, 1_000)
LOGIN_WINDOW_SECONDS = integer("LOGIN_WINDOW_SECONDS", 300, 1, 86_400)
# The operator's proxies that append to X-Forwarded-For; 0: that header is ignored.
PROXIES = integer("PROXIES", 0, 0, 10)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["access.authentication.Bearer", "access.authentication.Session"],
    "DEFAULT_PERMISSION_CLASSES": ["access.permissions.SignedInOrOpen", "access.permissions.WithinScope"],
    "DEFAULT_THROTTLE_CLASSES": ["access.throttles.RequestRate"],
    "DEFAULT_PARSER_CLASSES": ["jobs.submission.strict_json.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.negotiation.AlwaysJSON",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "api.problems.answer",
    "DEFAULT_SCHEMA_CLASS": "api.v1.openapi.Operation",
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Retail Pulse",
    "VERSION": VERSION,
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SCHEMA_PATH_PREFIX": r"/api(/v1)?",
    "PREPROCESSING_HOOKS": ["api.v1.openapi.choose_paths"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.v1.openapi.finish",
    ],
    "ENUM_NAME_OVERRIDES": {
        **{name: f"jobs.states.{name}" for name in ("ImageState", "JobState", "JobOutcome", "JobStatus", "OnError")},
        "AlertState": "insights.models.alert.Alert.State",
        "FindingCode": "photos.kinds.CHOICES",
        "EventType": "webhooks.kinds.EventType",
        "DeliveryState": "webhooks.models.DeliveryState",
    },
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # From this service's own files, so that it works where no other host can be reached.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Without the badge of an external validator.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}
# Users' tokens, see access/tokens.py; only a new password or a deactivated user ends them sooner.
JWT_ACCESS_SECONDS = integer("JWT_ACCESS_SECONDS", 900, 10, 86_400)
JWT_REFRESH_SECONDS = integer("JWT_REFRESH_SECONDS", 86_400, 60, 31_536_000)
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    # A separate key: nothing else that this service signs can pass as a token.
    "SIGNING_KEY": hmac.digest(SECRET_KEY.encode(), b"retail_pulse.tokens", "sha256").hex(),
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=JWT_ACCESS_SECONDS),
    "REFRESH_TOKEN_LIFETIME": timedelta(seconds=JWT_REFRESH_SECONDS),
}

# The names of this service's own engines; any other value is the dotted path of a class.
_ENGINES = {"threads": "jobs.engine.threads.ThreadEngine", "celery": "jobs.engine.celery.CeleryEngine"}
ENGINE = env.str("ENGINE", default="threads")
ENGINE = _ENGINES.get(ENGINE, ENGINE)
# Hands out the shifts of ENGINE=celery.
BROKER_URL = broker_url("BROKER_URL")
# For how long one message lets a process claim; far below the minute after which a broker hands it out again.
SHIFT_SECONDS = seconds("SHIFT_SECONDS", 20, 1, 50)
# Whether workers send Celery's events, which Flower lives on.
BROKER_EVENTS = boolean("BROKER_EVENTS", default=False)
# A message for each so many ready images.
SHIFT_IMAGES = integer("SHIFT_IMAGES", 64, 1, 100_000)
# `off`: this web process serves requests only, and `work` processes do the work.
ENGINE_AUTOSTART = choice("ENGINE_AUTOSTART", "auto", ["auto", "off"])
# Worker slots of one process: images in flight at once.
WORKER_THREADS = integer("WORKER_THREADS", 64, 1, 1024)
MAX_ATTEMPTS = integer("MAX_ATTEMPTS", 3, 1, 100)
# Counted separately from attempts: healthy images must not fail because processes are killed.
MAX_CRASHES = integer("MAX_CRASHES", 10, 1, 1000)
BACKOFF_BASE_SECONDS = seconds("BACKOFF_BASE_SECONDS", 1, 0, 3600)
BACKOFF_MAX_SECONDS = seconds("BACKOFF_MAX_SECONDS", 60, 0, 86_400)
# Ended jobs are deleted after so many days, with all that belongs to them; 0: they are kept.
RETENTION_DAYS = integer("RETENTION_DAYS", 0, 0, 36_500)
# In which days, weeks and hours of the day begin, in all figures about visits.
INSIGHTS_TIME_ZONE = time_zone("INSIGHTS_TIME_ZONE", "UTC")
# How long images in flight may finish after SIGTERM before they are handed back.
SHUTDOWN_SECONDS = seconds("SHUTDOWN_SECONDS", 15, 0, 3600)

# For the whole download, redirects included: the library's own timeouts are per read.
FETCH_DEADLINE_SECONDS = seconds("FETCH_DEADLINE_SECONDS", 30, 0.1, 3600)
FETCH_MAX_BYTES = integer("FETCH_MAX_BYTES", 25 * 2**20, 1, 2**31)
# What all downloads of a process may keep in memory together; beyond that they use temporary files.
FETCH_MEMORY_BYTES = integer("FETCH_MEMORY_BYTES", 64 * 2**20, 0, 2**40)
FETCH_MAX_REDIRECTS = integer("FETCH_MAX_REDIRECTS", 5, 0, 20)
# Networks that are not public but may be fetched from.
FETCH_ALLOW_CIDRS = cidrs("FETCH_ALLOW_CIDRS")
FETCH_ALLOW_PORTS = ports("FETCH_ALLOW_PORTS", "80,443")
# Most downloads at once from one host, per process, whatever it could handle; 0 is no cap.
FETCH_PER_HOST = integer("FETCH_PER_HOST", 0, 0, 1024)
# How long a host's refusals (429, 503, Retry-After, timeouts) cost its images no attempt; 0: each costs one.
HOST_PATIENCE_SECONDS = seconds("HOST_PATIENCE_SECONDS", 120, 0, 86_400)
# Threads of one process that send webhooks; 0: this one sends none.
WEBHOOK_THREADS = integer("WEBHOOK_THREADS", 16, 0, 256)
# For one attempt, from looking up the name to the last byte of the answer that is read.
WEBHOOK_SECONDS = seconds("WEBHOOK_SECONDS", 15, 0.1, 300)
# Events, deliveries and the log of their attempts are deleted after so many days.
WEBHOOK_LOG_DAYS = integer("WEBHOOK_LOG_DAYS", 30, 6, 3_650)
# Networks that are not public but may be told: apart from those that images are fetched from, since a POST may change
# something there.
WEBHOOK_ALLOW_CIDRS = cidrs("WEBHOOK_ALLOW_CIDRS")
WEBHOOK_ALLOW_PORTS = ports("WEBHOOK_ALLOW_PORTS", "80,443")
# `header`: size only. `complete`: also that nothing is missing. `decode`: every pixel.
IMAGE_CHECK = choice("IMAGE_CHECK", "complete", ["header", "complete", "decode"])
IMAGE_MAX_PIXELS = integer("IMAGE_MAX_PIXELS", 500_000_000, 1, 2**40)
# Photos for people to look at: a `thumbnail` of each, or the `original` as well.
KEEP_IMAGES = choice("KEEP_IMAGES", "off", ["off", "thumbnail", "original"])
# What all kept photos may take together; what comes then is measured and not kept.
KEEP_BYTES = integer("KEEP_BYTES", 10 * 2**30, 1, 2**50)
# Kept photos are deleted after so many days; 0: with their job.
KEEP_DAYS = integer("KEEP_DAYS", 0, 0, 36_500)
# In RETAIL_PULSE_HOME where it is relative; not used where photos are kept in a bucket.
KEEP_FOLDER = env.str("KEEP_FOLDER", default="photos")
KEEP_BUCKET = env.str("KEEP_BUCKET", default="")
# Of a server other than Amazon's that speaks S3.
KEEP_ENDPOINT = env.str("KEEP_ENDPOINT", default="")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "photos": photo_storage(RETAIL_PULSE_HOME / KEEP_FOLDER, KEEP_BUCKET, KEEP_ENDPOINT),
}
# What is kept of each photo beside its result, each level with those before it, see jobs/imaging/photo_evidence.py.
PHOTO_EVIDENCE = choice("PHOTO_EVIDENCE", "off", ["off", "hash", "header", "look"])
# Evidence is deleted after so many days, at the latest with its job; 0: only then.
PHOTO_EVIDENCE_DAYS = integer("PHOTO_EVIDENCE_DAYS", 90, 0, 36_500)
# Where real models are plugged in: the dotted paths of classes, separated by commas; see jobs/imaging/gpu.py.
GPU_STEP = env.str("GPU_STEP", default="jobs.imaging.gpu.SimulatedGPU")
# Images that a model of the kind BatchStep gets in one call at most.
GPU_BATCH = integer("GPU_BATCH", 32, 1, 1024)
# How long a free model waits for the images that are being prepared for it.
GPU_LINGER_SECONDS = seconds("GPU_LINGER_SECONDS", 0.005, 0, 1)
# A call of such a model that takes longer ends the process.
GPU_STEP_SECONDS = seconds("GPU_STEP_SECONDS", 60, 0.1, 3600)
# Threads of such a model in one process, each with an instance of its own.
GPU_THREADS = integer("GPU_THREADS", 1, 1, 64)
# What the steps that come with the service compute with, see docs/model.md: the file of OnnxStep, the server of
# HttpStep and KServeStep, and the file with the names of the model's classes, one a line.
GPU_MODEL = env.str("GPU_MODEL", default="")
GPU_URL = env.str("GPU_URL", default="")
GPU_LABELS = env.str("GPU_LABELS", default="")
# How many classes are kept of an answer, and whether its numbers become parts of 1.
GPU_TOP = integer("GPU_TOP", 5, 1, 100)
GPU_SOFTMAX = boolean("GPU_SOFTMAX", False)
# How a photo becomes a model's input: what becomes of a byte, and how it gets the model's height and width.
GPU_NORMALISATION = choice("GPU_NORMALISATION", "unit", ["unit", "signed", "imagenet", "byte"])
GPU_RESIZE = choice("GPU_RESIZE", "stretch", ["stretch", "crop", "pad"])
GPU_MIN_SECONDS = seconds("GPU_MIN_SECONDS", 0.1, 0, 3600)
GPU_MAX_SECONDS = seconds("GPU_MAX_SECONDS", 0.4, 0, 3600)

# The stock admin and this service's pages need nothing from other origins and nothing inline.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# True where the service runs behind a proxy that terminates TLS: secure cookies, HSTS, redirect to https.
HTTPS = boolean("HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

# `/metrics` and the probes of each process; 0 is none. Whoever reaches the port may read it.
METRICS_PORT = integer("METRICS_PORT", 0, 0, 65_535)
METRICS_HOST = address("METRICS_HOST", "127.0.0.1")
if METRICS_PORT:
    MIDDLEWARE.insert(MIDDLEWARE.index("retail_pulse.health.Probes") + 1, "retail_pulse.telemetry.answers.CountAnswers")

LOG_LEVEL = choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])
# JSON lines, appended to by every process; empty means none. A relative name is relative to RETAIL_PULSE_HOME.
LOG_FILE = env.str("LOG_FILE", default="retail-pulse.log")
LOGGING = logging_config(LOG_LEVEL, RETAIL_PULSE_HOME / LOG_FILE if LOG_FILE else None)

# Where errors are reported; empty is nowhere.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
# By which Sentry tells installations apart.
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="production")
if SENTRY_DSN:
    try:
        from retail_pulse.sentry import report_errors
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but the extra sentry is not installed: pip install 'retail-pulse[sentry]', or unset it."
        ) from None
    report_errors(SENTRY_DSN, SENTRY_ENVIRONMENT, VERSION)
