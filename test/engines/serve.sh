# shellcheck shell=bash
# Sourced by start-*.sh. Servers run as children; one JSON line on standard output announces them when they are ready;
# SIGTERM, SIGINT or the end of any server ends them all.

servers=()
log=

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# port_or_free PORT: prints the port, or a free one of 127.0.0.1 when it is 0. Fails when the port is taken.
port_or_free() {
  if [ "$1" = 0 ]; then
    node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
  elif is_listening "$1"; then
    fail "port $1 is taken"
  else
    echo "$1"
  fi
}

is_listening() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# launch LOG COMMAND...: starts a server that writes its output to a file.
launch() {
  log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null &
  servers+=($!)
}

# wait_until SECONDS COMMAND...: repeats a command until it succeeds; fails when a server ends or the time is up.
wait_until() {
  local deadline=$(($(date +%s) + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    for pid in "${servers[@]}"; do
      kill -0 "$pid" 2>/dev/null || fail "the server ended before it was ready: $(tail -n 5 "$log")"
    done
    [ "$(date +%s)" -lt "$deadline" ] || fail "not ready in time: $(tail -n 5 "$log")"
    sleep 0.05
  done
}

# announce 'JSON MEMBERS': prints the line that says where the server is.
announce() {
  echo "{$1}"
}

# Exits with 0 on a signal, and with 1 when a server ends by itself.
stay() {
  wait -n "${servers[@]}"
  fail "a server ended: $(tail -n 5 "$log")"
}

stop() {
  trap '' TERM INT
  for pid in "${servers[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  local waited=0
  for pid in "${servers[@]}"; do
    while kill -0 "$pid" 2>/dev/null; do
      [ "$waited" -lt 200 ] || kill -KILL "$pid" 2>/dev/null
      waited=$((waited + 1))
      sleep 0.05
    done
  done
}

trap stop EXIT
trap 'exit 0' TERM INT
