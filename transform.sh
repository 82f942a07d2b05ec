#!/bin/sh
# transform.sh [local]: all features with 5 lags from the prices of the lake.
#   local     AWS credentials from data/credential/aws.csv
set -eu
cd "$(dirname "$0")"

mode=${1:-}
set -- --cmd all --lags 5
case $mode in
  '') ;;
  local) set -- "$@" --local ;;
  *) echo "transform.sh: \"$mode\" is not known; usage: transform.sh [local]" >&2; exit 2 ;;
esac
exec npm run -s signals -- transform "$@"
