#!/usr/bin/env bash
# Installs what the tests use beyond npm packages: programs of the system, and Python packages in .venv. The tests
# themselves install nothing. `make setup` runs this; it does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

REQUIREMENTS=test/requirements.txt

say() { echo "setup: $*"; }

fail() {
  echo "setup: $*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null; }

# The browsers that test/support/browser-process.ts looks for.
has_browser() {
  local path
  for path in /usr/bin/chromium /usr/bin/google-chrome '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
    [ ! -x "$path" ] || return 0
  done
  return 1
}

# Prints a Python that can make .venv. Debian keeps venv in a package of its own, and some of the packages in
# $REQUIREMENTS are not built for a Python newer than 3.13.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# Fills `packages` with the packages that are missing, by their names in Debian, and says what each is for.
find_missing() {
  packages=()
  has redis-server || want redis-server 'the trading state is tested on real Redis servers'
  has openssl || want openssl 'those servers have certificates of their own'
  has_browser || want chromium 'the report page is tested in a real browser'
  find_python >/dev/null || want python3-venv 'the AWS emulator and the linters are Python packages (Python 3.11 to 3.13)'
}

want() { # package reason
  packages+=("$1")
  say "$1 is missing: $2"
}

install_with_apt() {
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    has sudo || fail "run as root, since there is no sudo: apt-get install ${packages[*]}"
    as_root=(sudo)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  say "installing ${packages[*]} with ${as_root[*]:+${as_root[*]} }apt-get"
  "${apt[@]}" update >/dev/null || fail 'apt-get update failed'
  "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >/dev/null ||
    fail "apt-get could not install ${packages[*]}"
}

# Leaves what Homebrew calls the missing packages.
brew_commands() {
  local package
  for package in "${packages[@]}"; do
    case $package in
      redis-server) echo 'brew install redis' ;;
      chromium) echo 'brew install --cask google-chrome' ;;
      python3-venv) echo 'brew install python@3.13' ;;
      *) echo "brew install $package" ;;
    esac
  done
}

install_packages() {
  if [ "$(uname -s)" = Darwin ]; then
    brew_commands
    fail 'run these, then make setup again'
  fi
  has apt-get || fail "there is no apt-get here; install what provides ${packages[*]}, then run make setup again"
  # Ubuntu's chromium is a snap, which cannot read the files of a test in /tmp.
  if [[ " ${packages[*]} " == *' chromium '* ]] && grep -qx 'ID=ubuntu' /etc/os-release; then
    fail 'install Google Chrome (https://www.google.com/chrome), then run make setup again'
  fi
  install_with_apt
  find_missing
  [ ${#packages[@]} = 0 ] || fail "still missing after the installation: ${packages[*]}"
}

# The stamp is written last, so that an installation that was cut off is done again. The tests read it, too.
make_venv() {
  local wanted
  wanted=$(openssl dgst -sha256 -r $REQUIREMENTS | cut -d' ' -f1)
  if [ "$(cat .venv/installed 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then return; fi
  say "installing the AWS emulator and the linters of $REQUIREMENTS into .venv"
  rm -rf .venv
  "$(find_python)" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $REQUIREMENTS
  printf %s "$wanted" >.venv/installed
}

find_missing
[ ${#packages[@]} = 0 ] || install_packages
make_venv
say 'all that the tests use is there'
