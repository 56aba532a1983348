#!/bin/sh
# Makes src/function/builtin.rs again from the catalog of an installed PostgreSQL.
#
#   tools/function-table.sh [BIN]  > src/function/builtin.rs
#
# BIN is the folder of initdb and pg_ctl. The server is a throwaway one in a temporary folder; it
# refuses to run as root, so as root the script goes on as the user postgres.
set -eu
bin=${1:-/usr/lib/postgresql/15/bin}
if [ "$(id -u)" = 0 ]; then
    exec su postgres -s /bin/sh -c 'exec sh -s -- "$0"' "$bin" < "$0"
fi

folder=$(mktemp -d)
trap '"$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
"$bin/initdb" -D "$folder/data" -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
"$bin/pg_ctl" -D "$folder/data" -w start -l "$folder/log" \
    -o "-k $folder -c listen_addresses='' -p 5432" >/dev/null
query() { psql -X -h "$folder" -p 5432 -d postgres -Atc "$1"; }

# A name is harmless only if every overload of it is. What cannot be called from SQL (it takes or
# returns a type internal to the server) is left out of both lists, so it is simply not known.
names() {
    query "
    SELECT proname FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace
    GROUP BY proname
    HAVING bool_and(provolatile IN ('i', 's') AND prokind IN ('f', 'a', 'w')) = $1
       AND NOT bool_and('internal'::regtype = ANY (proargtypes) OR prorettype IN
           ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype))
    ORDER BY proname COLLATE \"C\""
}
list() {
    names "$2" > "$folder/names"
    echo
    echo "/// $3"
    echo "#[rustfmt::skip]"
    echo "pub(super) static $1: [&str; $(wc -l < "$folder/names" | tr -d ' ')] = ["
    sed 's/.*/"&",/' "$folder/names" | tr '\n' ' ' | fold -s -w 94 | sed 's/^/    /; s/ *$//'
    echo
    echo "];"
}
echo "//! The functions of \`pg_catalog\`, from the catalog of $(query 'SHOW server_version' | sed 's/^\([0-9]*\).*/PostgreSQL \1/')."
echo "//!"
echo "//! Made by \`tools/function-table.sh\`; changes by hand belong in the list of exceptions."
list STABLE true "Every overload is immutable or stable. Sorted."
list VOLATILE false "At least one overload is volatile. Sorted."
