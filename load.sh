#!/bin/sh
# load.sh [ntickers] [local]: prices of the last 5 days up to today into the lake.
#   ntickers  the first n tickers of the universe only; all when left out or 0
#   local     AWS credentials from data/credential/aws.csv
set -eu
cd "$(dirname "$0")"

start=$(date -u -d '5 days ago' +%Y-%m-%d 2>/dev/null || date -u -v-5d +%Y-%m-%d)
end=$(date -u -d tomorrow +%Y-%m-%d 2>/dev/null || date -u -v+1d +%Y-%m-%d)

ntickers=${1:-0}
mode=${2:-}
set -- --start "$start" --end "$end"
if [ "$ntickers" != 0 ]; then set -- "$@" --ntickers "$ntickers"; fi
case $mode in
  '') ;;
  local) set -- "$@" --local ;;
  *) echo "load.sh: \"$mode\" is not known; usage: load.sh [ntickers] [local]" >&2; exit 2 ;;
esac
exec npm run -s signals -- load "$@"
