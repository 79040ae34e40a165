#!/bin/sh
# Copies what cannot be made again to $BACKUP, while runs go on. The state first: whatever it names is
# on disk before it is named, so the files that follow are never fewer than the state knows.
set -eu
: "${BACKUP:?the folder that takes the backup}" "${SUMMERWARE_HOME:?the home}"
umask 077
mkdir -p "$BACKUP"
case "${SUMMERWARE_STATE_URL:-}" in
    postgresql*)
        # Everybody on a machine sees command lines: the password goes by the environment. The client
        # wants the address without the name of Python's driver.
        python3 -c '
import os
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

url = urlsplit(os.environ["SUMMERWARE_STATE_URL"])
login, at, host = url.netloc.rpartition("@")
user, _, password = login.partition(":")
options = parse_qsl(url.query)
passwords = [unquote(password), *(value for name, value in options if name == "password")]
if any(passwords):
    os.environ["PGPASSWORD"] = [one for one in passwords if one][-1]
query = urlencode([one for one in options if one[0] != "password"])
address = url._replace(scheme="postgresql", netloc=user + at + host, query=query).geturl()
file = os.path.join(os.environ["BACKUP"], "state.dump")
os.execvp("pg_dump", ["pg_dump", "--format=custom", "--file", file, "--dbname", address])
' ;;
    *)
        home=$(cd "$SUMMERWARE_HOME" && pwd)
        # From inside, for no quoting of a path is safe in a command of sqlite3.
        (cd "$BACKUP" && sqlite3 "$home/state.db" ".backup state.db") ;;
esac
for name in hash.key takedowns.jsonl extracts layers publications takedowns; do
    [ ! -e "$SUMMERWARE_HOME/$name" ] || cp -a --update "$SUMMERWARE_HOME/$name" "$BACKUP/"
done
