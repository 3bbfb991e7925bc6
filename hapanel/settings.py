"""Everything that can be set, read once from HAPANEL_* variables and refused loudly when wrong.

Each variable is declared by one call below and documented in docs/settings.md (a test compares the
two). `*_FILE` variants read a secret from a file, as container and service managers hand them over.
"""

from __future__ import annotations

import sys
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from hapanel.environment import Environment, database_from_url, redis_locations

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

VAR_DIR = env.folder("HAPANEL_VAR", BASE_DIR / "var")
TESTING = "pytest" in sys.modules
DEBUG = env.flag("HAPANEL_DEBUG", False)
DEMO = env.flag("HAPANEL_DEMO", False)
SECRET_KEY = env.secret("HAPANEL_SECRET_KEY", generated_in=VAR_DIR / "secret-key")
# The first key encrypts cluster secrets, all of them decrypt: that is how keys are rotated.
ENCRYPTION_KEYS = env.secrets("HAPANEL_ENCRYPTION_KEYS", generated_in=VAR_DIR / "encryption-keys")
ALLOWED_HOSTS = env.words("HAPANEL_ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
if not {"127.0.0.1", "*"} & set(ALLOWED_HOSTS):
    ALLOWED_HOSTS.append("127.0.0.1")  # health checks ask there, whatever people call the panel
CSRF_TRUSTED_ORIGINS = env.words("HAPANEL_TRUSTED_ORIGINS", [])
HTTPS = env.flag("HAPANEL_HTTPS", False)
# Reverse proxies in front of the panel: only then is X-Forwarded-For believed (throttling, audit).
PROXY_COUNT = env.number("HAPANEL_PROXY_COUNT", 0, least=0)

# Seconds between two rounds of observation; twice that without an answer is stale.
OBSERVE_SECONDS = env.number("HAPANEL_OBSERVE_SECONDS", 3, least=1)
STALE_AFTER_SECONDS = 2 * OBSERVE_SECONDS
PROBE_SECONDS = env.number("HAPANEL_PROBE_SECONDS", 10, least=1)
STATUS_PAGE_PUBLIC = env.flag("HAPANEL_STATUS_PUBLIC", False)
LAB_URL = env.text("HAPANEL_LAB_URL", "")
LAB_TOKEN = env.text("HAPANEL_LAB_TOKEN", "")

DATABASES = {
    "default": database_from_url(
        env.secret_text("HAPANEL_DATABASE_URL", f"sqlite:///{VAR_DIR / 'hapanel.sqlite3'}")
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS = redis_locations(
    env.secret_text("HAPANEL_REDIS_URL", f"unix://{VAR_DIR / 'redis' / 'redis.sock'}")
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS.client_url,
        "KEY_PREFIX": "hapanel",
    }
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "template_partials",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "django_prometheus",
    "hapanel.ui",
    "hapanel.live",
    "hapanel.audit",
    "hapanel.accounts",
    "nodes",
    "vms",
    "hapanel.operations",
    "hapanel.helpdesk",
    "hapanel.web",
    "hapanel.commands",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hapanel.ui.security.ContentSecurityPolicyMiddleware",
    "hapanel.ui.security.NoNulMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hapanel.accounts.preferences.PreferencesMiddleware",
    "hapanel.live.middleware.NewestHintMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
if DEMO:
    MIDDLEWARE.insert(0, "hapanel.accounts.demo_door.LoopbackOnlyMiddleware")

ROOT_URLCONF = "hapanel.urls"
WSGI_APPLICATION = "hapanel.asgi.django_application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hapanel.web.frame.frame",
            ],
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_COUNT else None
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "hapanel.web.pages.csrf_failure"

# Ten wrong passwords for one account from one address lock that pair for a quarter of an hour: one
# person's typing error at the help desk must not lock the others who share its address.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
AXES_CLIENT_IP_CALLABLE = "hapanel.audit.actor.client_address"
AXES_LOCKOUT_CALLABLE = "hapanel.accounts.throttle.locked_out"
AXES_VERBOSE = False

LANGUAGE_CODE = env.choice("HAPANEL_LANGUAGE", "en", ["en", "id"])
LANGUAGES = [("en", _("English")), ("id", _("Bahasa Indonesia"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.time_zone("HAPANEL_TIME_ZONE", "Asia/Jakarta" if DEMO else "UTC")

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG or TESTING
WHITENOISE_AUTOREFRESH = DEBUG

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hapanel.accounts.bearer.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hapanel.rest.permissions.RuleTablePermission"],
    "DEFAULT_PAGINATION_CLASS": "hapanel.rest.pagination.CursorPage",
    "PAGE_SIZE": 100,
    "DEFAULT_FILTER_BACKENDS": ["hapanel.rest.filters.StrictFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hapanel.rest.parsers.SmallJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "hapanel.rest.schema.ProblemSchema",
    "DEFAULT_THROTTLE_CLASSES": ["hapanel.rest.throttles.PerPersonThrottle"],
    "DEFAULT_THROTTLE_RATES": {"person": env.rate("HAPANEL_API_RATE", "1200/min")},
    "EXCEPTION_HANDLER": "hapanel.rest.problem.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "NUM_PROXIES": PROXY_COUNT,
    # What ?version= of the schema may be; it stands in the name of the file.
    "ALLOWED_VERSIONS": ("1",),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "HA Panel",
    "DESCRIPTION": (
        "High-availability clusters: seeing, judging, operating. Times are ISO 8601 in UTC, sizes "
        "bytes. What nobody has seen lately is told as unknown or null. Errors are problems with a "
        "cause and a remedy in the language of Accept-Language. docs/api.md has a walk through."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Only where two lists of words bear the same field's name.
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "hapanel.api.events.describe_events",
    ],
    "ENUM_NAME_OVERRIDES": {
        "Level": "hapanel.api.readiness.LEVELS",
        "DrbdHealth": "hapanel.drbd.findings.CODES",
        "ReadinessCode": "hapanel.api.readiness.CODES",
        "MigrationMode": ["online", "restart", "offline"],
        "ClusterMode": ["watch", "operate"],
        "HaRequest": ["started", "stopped", "disabled", "ignored"],
        "HaChange": [
            "add_ha_resource",
            "change_ha_resource",
            "remove_ha_resource",
            "add_ha_rule",
            "change_ha_rule",
            "remove_ha_rule",
            "disarm_ha",
            "arm_ha",
        ],
        "ServiceState": ["up", "degraded", "down", "maintenance", "unknown"],
        "OperationState": [
            "scheduled",
            "queued",
            "running",
            "succeeded",
            "failed",
            "cancelled",
            "needs_attention",
        ],
    },
}

LOG_LEVEL = env.choice("HAPANEL_LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    # /readyz answers 503 on purpose while the panel starts, and is asked four times a second.
    "filters": {
        "not_on_purpose": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", None) != 503,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # proxmoxer logs request bodies, which may hold secrets, at INFO.
    "loggers": {
        "proxmoxer": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},
        "django.request": {"level": "ERROR", "filters": ["not_on_purpose"]},
        "axes": {"level": "WARNING"},  # good sign-ins are in the audit log
        # Two lines for each of several tasks a second say nothing; failures are still told.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}

env.refuse_unknown()
