"""All settings of Stroma. The environment is read through `config.env` only.

`STROMA_ENV` is the purpose of the installation: `training` (demo accounts, invented patients; the default),
`production` (refuses DEBUG, the default secret key and demo accounts) or `test`.
"""

import sys
from pathlib import Path

import bootstrap_wrapper
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from config import databases, due_schedule, env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("STROMA_DATA", str(BASE_DIR / "data")))
VERSION = "0.1.0"

ENVIRONMENT = env.text("STROMA_ENV", "test" if "pytest" in sys.modules else "training")
if ENVIRONMENT not in {"training", "production", "test"}:
    raise env.Misconfigured(f"Unexpected value STROMA_ENV={ENVIRONMENT}: use training or production")
PRODUCTION = ENVIRONMENT == "production"

DEFAULT_SECRET_KEY = "training-only-key-that-production-refuses-to-start-with"  # noqa: S105
SECRET_KEY = env.text("SECRET_KEY", DEFAULT_SECRET_KEY)
DEBUG = env.flag("DEBUG", default=False)
if PRODUCTION and DEBUG:
    raise env.Misconfigured("Production refuses to start with DEBUG=True: remove it from the environment")
if PRODUCTION and (SECRET_KEY == DEFAULT_SECRET_KEY or len(SECRET_KEY) < 50):
    raise env.Misconfigured("Production needs its own SECRET_KEY of at least 50 characters")

HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver")
if PRODUCTION and not ALLOWED_HOSTS:
    raise env.Misconfigured(
        "Production needs ALLOWED_HOSTS, for instance ALLOWED_HOSTS=stroma.hospital.example"
    )
if not PRODUCTION and HOST not in {"127.0.0.1", "localhost", "0.0.0.0"}:  # noqa: S104
    ALLOWED_HOSTS.append(HOST)
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")
# Only these may say from where a request came and whether it was encrypted (config.proxies).
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", "127.0.0.1,::1" if PRODUCTION else "")

INSTALLED_APPS = [
    "audit",
    "accounts",
    "trials",
    "patients",
    "dosing",
    "safety",
    "reports",
    "exports",
    "operation",
    "demo",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "simple_history",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_filters",
    "django_htmx",
    "lucide",
    "django_tasks",
    "django_tasks_db",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
]

MIDDLEWARE = [
    # First: it answers by address, while the database is away, and must see whether a proxy sent the request.
    "operation.health.HealthMiddleware",
    # Everything after it reads the address of the client and whether the connection is encrypted.
    "config.proxies.TrustedProxiesMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.compression.CompressedPagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.storable_text.StorableTextMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Before SessionLimitsMiddleware, which records the end of a session as an event of the actor.
    "audit.middleware.ActorMiddleware",
    # Within the actor, around everything that fetches rows: an answer whose reading is not recorded is not sent.
    "trials.blinding.treatment_reads.TreatmentReadsMiddleware",
    "accounts.middleware.ProfileLanguageMiddleware",
    "accounts.middleware.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    # Within the messages, which it adds to.
    "trials.number_warnings.NumberWarningsMiddleware",
    # The innermost: it sees the error of a view before any other.
    "config.unavailable.UnavailableMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.installation",
            ],
            "builtins": ["accounts.templatetags.addresses"],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

DATABASES = {"default": databases.from_url(env.text("DATABASE_URL"), DATA_DIR / "stroma.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all workers and machines.
CACHES = {
    "default": {
        "BACKEND": "config.checked_cache.CheckedCache",
        "LOCATION": "stroma_cache",
        # Django keeps 300 entries: the answers to own questions alone would push the counts of failed sign-ins out.
        "OPTIONS": {"MAX_ENTRIES": 5000},
    },
}

# Audit trail (docs/audit.md). History rows are written by database triggers, never by signals.
SIMPLE_HISTORY_ENABLED = False
SIMPLE_HISTORY_DATE_INDEX = False
SEAL_FILE = Path(env.text("SEAL_FILE", str(DATA_DIR / "seals.log")))
# Further places for the heads of the seals: files or folders of other machines, and people who get one mail a day.
SEAL_COPIES = env.names("SEAL_COPIES")
SEAL_MAIL_TO = env.names("SEAL_MAIL_TO")
SEAL_MAIL_HOURS = env.number("SEAL_MAIL_HOURS", 24)
# Longest time that a row of the trail waits for its seal; under load it waits a minute.
SEAL_AFTER_MINUTES = env.number("SEAL_AFTER_MINUTES", 15)
if not 1 <= SEAL_AFTER_MINUTES <= 60:
    raise env.Misconfigured(
        f"Unexpected value SEAL_AFTER_MINUTES={SEAL_AFTER_MINUTES}: use 1 to 60; rows without a seal can be forged"
    )

# Outgoing mail.
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.number("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 20
# Links for a password and invitations go by mail; without a mail server two people hand over a link in halves.
SENDS_MAIL = bool(EMAIL_HOST)
if not (EMAIL_HOST or PRODUCTION):
    # In training, mails are printed.
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
# The start page, for the links in mails that no request asked for.
ADDRESS = env.text(
    "STROMA_ADDRESS", f"https://{ALLOWED_HOSTS[0]}/" if PRODUCTION else "http://127.0.0.1:8000/"
)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "stroma@localhost")
if SEAL_MAIL_TO and not EMAIL_HOST:
    raise env.Misconfigured(
        "SEAL_MAIL_TO needs a mail server: set EMAIL_HOST, for instance mail.hospital.example"
    )

# load_protocol renders every page of a file before it stores it (trials.versions.rehearsal): about half a minute.
REHEARSE_PROTOCOLS = ENVIRONMENT != "test"

# Operation (docs/deploy.md): backups, what is due, health.
_key_file = env.text("STROMA_BACKUP_KEY_FILE", "" if PRODUCTION else str(DATA_DIR / "backup.key"))
BACKUP_KEY_FILE = Path(_key_file) if _key_file else None
_backups = env.text("STROMA_BACKUP_DIR")
BACKUP_DIR = Path(_backups) if _backups else None
BACKUP_HOUR = env.number("STROMA_BACKUP_HOUR", 2)
BACKUPS_KEPT = env.number("STROMA_BACKUPS_KEPT", 30)
# Copies of the investigator by schedule: a folder that the site controls, and how often.
_site_copies = env.text("STROMA_SITE_COPY_DIR")
SITE_COPY_DIR = Path(_site_copies) if _site_copies else None
SITE_COPY_DAYS = env.number("STROMA_SITE_COPY_DAYS", 7)
# Besides the schedule: a copy after each signature of a casebook.
SITE_COPY_AT_SIGNATURE = env.flag("STROMA_SITE_COPY_AT_SIGNATURE", default=False)
if SITE_COPY_DAYS < 1:
    raise env.Misconfigured(f"Unexpected value STROMA_SITE_COPY_DAYS={SITE_COPY_DAYS}: use 1 or more days")
# What the page System tells of this installation: what the clock follows, and where the validation pack is kept.
TIME_SOURCE = env.text("STROMA_TIME_SOURCE")
VALIDATION_PACK = Path(env.text("STROMA_VALIDATION_PACK", str(BASE_DIR / "build" / "validation")))
HEALTH_TOKEN = env.text("STROMA_HEALTH_TOKEN")
if HEALTH_TOKEN and len(HEALTH_TOKEN) < 20:
    raise env.Misconfigured("STROMA_HEALTH_TOKEN needs at least 20 characters: anyone can try to guess it")
if BACKUP_HOUR > 23:
    raise env.Misconfigured(
        f"Unexpected value STROMA_BACKUP_HOUR={BACKUP_HOUR}: use an hour from 0 to 23 (UTC)"
    )
# Work that `manage.py due` starts, a line each (config/due_schedule.py).
DUE = due_schedule.work(backup_hour=BACKUP_HOUR)

# Background tasks (docs/deploy.md): a worker reads them from the database. Tests run them at once.
TASKS = {
    "default": {
        "BACKEND": "django_tasks.backends.immediate.ImmediateBackend"
        if ENVIRONMENT == "test"
        else "django_tasks_db.DatabaseBackend"
    }
}
# Generated documents: never below STATIC_ROOT, served only by a view that checks permissions.
DOCUMENTS_DIR = Path(env.text("DOCUMENTS_DIR", str(DATA_DIR / "documents")))
DOCUMENTS_KEPT_HOURS = env.number("DOCUMENTS_KEPT_HOURS", 72)

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PersonBackend"]
PASSWORD_HASHERS = ["accounts.passwords.hashers.PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.passwords.password_rules.GuessedFirst"},
]
# Password of the invented users of a training installation (manage.py demo).
DEMO_PASSWORD = env.text("DEMO_PASSWORD", "stroma training 2026")
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/trials/"
ACCOUNT_ADAPTER = "accounts.sign_in.adapters.AccountAdapter"
ACCOUNT_FORMS = {"login": "accounts.forms.SignInForm", "change_password": "accounts.forms.OwnPasswordForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_SESSION_REMEMBER = False
# Guessing is slowed down by `accounts.sign_in.attempts`. The package's own limits close a door for everybody behind one
# address; the one left counts codes after a correct password, beyond what `accounts.sign_in.attempts` lets through.
ACCOUNT_RATE_LIMITS = {"login": "", "login_failed": "100/5m/key"}
MFA_FORMS = {"authenticate": "accounts.forms.FactorCodeForm"}
# The browsers of a person, so that guesses from elsewhere do not make their owner wait.
KNOWN_BROWSER_COOKIE = "__Host-known" if PRODUCTION else "known"
MFA_ADAPTER = "accounts.sign_in.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Stroma"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
# In production: who manages people or data, who knows the treatment, and who comes from outside to read everything.
SECOND_FACTOR_ROLES = [
    role
    for role in env.names(
        "SECOND_FACTOR_ROLES",
        (
            "administrator,data_manager,cell_laboratory,statistician,inspector,principal_investigator,"
            "unblinded_monitor,pharmacist,data_monitoring_board"
        )
        if PRODUCTION
        else "none",
    )
    if role != "none"
]
# Who may enter and sign, and under what. In training, accounts and files are ready to be used.
DELEGATIONS_NEED_APPROVAL = env.flag("DELEGATIONS_NEED_APPROVAL", default=PRODUCTION)
VERSIONS_NEED_APPROVAL = env.flag("VERSIONS_NEED_APPROVAL", default=PRODUCTION)
TRAINING_REQUIRED = env.flag("TRAINING_REQUIRED", default=PRODUCTION)
# Further documents to be read, besides those of the protocol file: a TOML file with [[training]] tables.
_training = env.text("TRAINING_FILE")
TRAINING_FILE = Path(_training) if _training else None
USERSESSIONS_TRACK_ACTIVITY = False

SESSION_ENGINE = "accounts.sessions.store"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = env.number("SESSION_IDLE_MINUTES", 15) * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "accounts.views.csrf_failure"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
# With separators, an English field would read "137,0" as 1370: a tenfold dose error.
USE_THOUSAND_SEPARATOR = False

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static", ("bootstrap", bootstrap_wrapper.get_bootstrap_dir())]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Files attached to forms: no URL leads here, only a view that checks permissions.
    "attachments": {
        "BACKEND": "django.core.files.storage.InMemoryStorage"
        if ENVIRONMENT == "test"
        else "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {}
        if ENVIRONMENT == "test"
        else {
            "location": env.text("ATTACHMENTS_DIR", str(DATA_DIR / "attachments")),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "documents": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DOCUMENTS_DIR, "file_permissions_mode": 0o600},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if ENVIRONMENT == "test"
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
WHITENOISE_AUTOREFRESH = ENVIRONMENT == "test"
WHITENOISE_USE_FINDERS = ENVIRONMENT == "test"

DATA_UPLOAD_MAX_NUMBER_FIELDS = 3000

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}

if ENVIRONMENT == "test":
    PASSWORD_HASHERS = ["accounts.passwords.hashers.QuickHasherForTests"]

# After the last variable was read: a backup keeps them (operation/backups/backup.py).
VARIABLES_READ = env.given()
