#!/usr/bin/env bash
# Builds the S3 server versitygw with Go 1.25 or later, from the Go module proxy, and prints the path of the program.
# Usage: install-versitygw.sh BIN_FOLDER
set -euo pipefail
VERSION=v1.8.0

[ $# -eq 1 ] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2; exit 2; }
mkdir -p "$1"
bin=$(cd "$1" && pwd)
if ! go version -m "$bin/versitygw" 2>/dev/null | grep -q "versitygw.$VERSION"; then
  GOBIN=$bin CGO_ENABLED=0 go install -ldflags='-s -w' "github.com/versity/versitygw/cmd/versitygw@$VERSION"
fi
echo "$bin/versitygw"
