#!/bin/sh
# Copies what cannot be made again to $BACKUP, while runs go on. The state first: whatever it names is
# on disk before it is named, so the files that follow are never fewer than the state knows.
set -eu
: "${BACKUP:?the folder that takes the backup}" "${SUMMERWARE_HOME:?the home}"
umask 077
mkdir -p "$BACKUP"
case "${SUMMERWARE_STATE_URL:-}" in
    postgresql*)
        # The client wants the address without the name of Python's driver.
        pg_dump --format=custom --file="$BACKUP/state.dump" \
            "$(printf %s "$SUMMERWARE_STATE_URL" | sed 's/^postgresql+[a-z0-9]*:/postgresql:/')" ;;
    *) sqlite3 "$SUMMERWARE_HOME/state.db" ".backup '$BACKUP/state.db'" ;;
esac
for name in hash.key takedowns.jsonl extracts layers publications takedowns; do
    [ ! -e "$SUMMERWARE_HOME/$name" ] || cp -a --update "$SUMMERWARE_HOME/$name" "$BACKUP/"
done
