#!/usr/bin/env bash
# Runs versitygw over a folder, whose subfolders are its buckets. Path-style addresses; one account, test with secret test.
# Usage: start-s3.sh FOLDER PORT VERSITYGW    (port 0: a free one)
[ $# -eq 3 ] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2; exit 2; }
# shellcheck source-path=SCRIPTDIR source=serve.sh
source "$(dirname "$0")/serve.sh"

mkdir -p "$1/data" "$1/versions"
folder=$(cd "$1" && pwd)
port=$(port_or_free "$2") || exit 1

launch "$folder/server.log" env ROOT_ACCESS_KEY=test ROOT_SECRET_KEY=test \
  "$3" --port "127.0.0.1:$port" --region eu-west-1 --keep-alive --quiet posix --versioning-dir "$folder/versions" "$folder/data"
wait_until 20 is_listening "$port"
announce "\"endpoint\":\"http://127.0.0.1:$port\""
stay
