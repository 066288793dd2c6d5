#!/bin/sh
# Run once by the PostgreSQL image: the role under which pages are served. `manage.py grant_role` gives it its rights.
set -eu
password=$(cat /run/secrets/app_password)
psql --set ON_ERROR_STOP=1 --set password="$password" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE stroma_app LOGIN PASSWORD :'password';
SQL
