#!/bin/sh
# Wait until the database answers, then become the application.
set -e

: "${DB_HOST:=127.0.0.1}"
: "${DB_PORT:=9}"
: "${WAIT_SECONDS:=2}"

i=0
until nc -z "$DB_HOST" "$DB_PORT" 2>/dev/null || [ "$i" -ge "$WAIT_SECONDS" ]; do
  i=$((i + 1))
  sleep 1
done

exec "$@"
