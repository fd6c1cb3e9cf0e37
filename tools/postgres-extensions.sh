#!/usr/bin/env bash
# PostgreSQL 17 with TimescaleDB (Apache edition), AGE and pgvector, as Debian 13 packages them, in a folder of its own
# beside whatever this machine runs; needs root and debootstrap. The first call takes a minute or two.
#
#   tools/postgres-extensions.sh test [vitest arguments]   every suite that opens a ledger, on that server
#   tools/postgres-extensions.sh refused                   what TimescaleDB's Apache edition refuses, and what Clew says and does instead
#   tools/postgres-extensions.sh url                       starts it if needed and prints its address
#   tools/postgres-extensions.sh stop
#
# CLEW_PG17_DIR (default /var/tmp/clew-postgres-17) holds it; CLEW_PG17_PRELOAD lists what the server loads at its start.
set -euo pipefail
dir=${CLEW_PG17_DIR:-/var/tmp/clew-postgres-17}
preload=${CLEW_PG17_PRELOAD-timescaledb,age}
root=$dir/root
bin=/usr/lib/postgresql/17/bin
data=/var/lib/postgresql/clew
packages=ca-certificates,postgresql-17,postgresql-17-pgvector,postgresql-17-age,postgresql-17-timescaledb

inside() { chroot --userspec=postgres:postgres "$root" env PATH="$bin:/usr/bin:/bin" LC_ALL=C.UTF-8 "$@"; }

build() {
  [ -x "$root$bin/initdb" ] && return
  [ "$(id -u)" = 0 ] || { echo "This needs root: it makes a Debian 13 in $root." >&2; exit 1; }
  command -v debootstrap >/dev/null || { echo "This needs Debian's package debootstrap." >&2; exit 1; }
  mkdir -p "$dir"
  debootstrap --variant=minbase --include="$packages" trixie "$root" http://deb.debian.org/debian >&2
}

running() { inside pg_ctl -D "$data" status >/dev/null 2>&1; }

start() {
  running && return
  mkdir -p "$root/dev/shm" && chmod 1777 "$root/dev/shm"
  [ -d "$root$data" ] || inside initdb -D "$data" -U clew -A trust -E UTF8 -N >/dev/null
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  echo "$port" >"$dir/port"
  inside pg_ctl -D "$data" -w -l /tmp/postgres.log start -o "-c port=$port -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories=/tmp -c shared_preload_libraries=$preload -c fsync=off -c max_connections=200 \
    -c timescaledb.telemetry_level=off" >&2 </dev/null
}

url() { echo "postgres://clew@127.0.0.1:$(cat "$dir/port")/postgres"; }

# The licensed statements as the migrations and guides name them, each with the server's own answer.
refused() {
  local database=clew_refused
  inside psql -qX -h 127.0.0.1 -p "$(cat "$dir/port")" -U clew postgres <<SQL
DROP DATABASE IF EXISTS $database;
CREATE DATABASE $database;
SQL
  echo "What the server answers:"
  inside psql -X -t -h 127.0.0.1 -p "$(cat "$dir/port")" -U clew "$database" 2>&1 <<'SQL' | sed -n 's/^ *\(ERROR\|psql:.*ERROR\): */  refused: /p; s/^asked: /  /p'
SET client_min_messages = error;
CREATE EXTENSION timescaledb;
CREATE TABLE sample (at TIMESTAMPTZ NOT NULL, value DOUBLE PRECISION);
SELECT create_hypertable('sample', 'at');
\echo asked: ALTER TABLE … SET (timescaledb.compress)
ALTER TABLE sample SET (timescaledb.compress);
\echo asked: add_compression_policy
SELECT add_compression_policy('sample', INTERVAL '7 days');
\echo asked: add_retention_policy
SELECT add_retention_policy('sample', INTERVAL '180 days');
\echo asked: CREATE MATERIALIZED VIEW … WITH (timescaledb.continuous)
CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous) AS SELECT time_bucket('1 hour', at) AS hour, avg(value) FROM sample GROUP BY 1;
SQL
  echo "What Clew says of its ledger there:"
  CLEW_URL="postgres://clew@127.0.0.1:$(cat "$dir/port")/$database" node_modules/.bin/node --input-type=module -e "
    import { openLedger } from './src/ledger/index.ts';
    import { createLogger, systemClock } from './src/lib/index.ts';
    const ledger = await openLedger({ dir: '', url: process.env.CLEW_URL, clock: systemClock, log: createLogger({ level: 'silent' }) });
    for (const { name, present, message } of ledger.capabilities.list) console.log('  ' + (present ? 'there:  ' : 'absent: ') + name + ': ' + message);
    await ledger.close();"
}

case ${1:-test} in
  refused) build; start; cd "$(dirname "$0")/.."; refused ;;
  url) build; start; url ;;
  stop) ! running || inside pg_ctl -D "$data" -m fast stop >&2 ;;
  test)
    shift || true
    build
    # From an empty cluster: templates that an earlier state of the code made are gone.
    ! running || inside pg_ctl -D "$data" -m fast stop >&2
    rm -rf "${root:?}$data"
    start
    cd "$(dirname "$0")/.."
    trap 'inside pg_ctl -D "$data" -m fast stop >&2' EXIT
    refused
    CLEW_TEST_PG_URL=$(url) node_modules/.bin/vitest run --project postgresql "$@"
    ;;
  *) echo "unknown: $1 (test, refused, url, stop)" >&2; exit 1 ;;
esac
