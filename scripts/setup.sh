#!/usr/bin/env bash
# Makes a checkout ready to start and to test: packages, the built command line, nginx and the languages; with --test-tools also
# the programs that only tests use. Does only what is not done yet, and needs neither a terminal nor answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "error: Node 20.19 or newer and npm are needed" >&2
  echo "hint: install them from https://nodejs.org/" >&2
  exit 3
fi

if command -v sha256sum >/dev/null; then digest=(sha256sum); else digest=(shasum -a 256); fi

# Prints one hash for the names and contents of files and folders.
digest_of() {
  find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 "${digest[@]}" | "${digest[@]}"
}

is_current() { # <stamp file> <hash>
  [ "$(cat "$1" 2>/dev/null)" = "$2" ]
}

packages_stamp=node_modules/.setup-stamp
packages_hash=$(digest_of package-lock.json)
if ! is_current "$packages_stamp" "$packages_hash"; then
  npm ci --no-audit --no-fund --loglevel=error </dev/null >&2
  echo "$packages_hash" >"$packages_stamp"
fi

build_stamp=dist/.setup-stamp
build_hash=$(digest_of src console scripts package.json package-lock.json)
if ! is_current "$build_stamp" "$build_hash"; then
  npm run --silent build </dev/null >&2
  echo "$build_hash" >"$build_stamp"
fi

# The folder holds a function with dependencies in every language, so the doctor installs what examples and tests need.
node bin/fastfn.js doctor --cwd test/fixtures/every-language --mode native --fix --yes </dev/null >/dev/null ||
  echo "note: setup goes on without what is named above; what needs it will fail" >&2

# Prints the Debian packages of the test tools that are missing. A test that lacks its tool says so and is skipped.
missing_test_tools() {
  command -v curl >/dev/null || echo curl           # documented lines are run as they are written
  command -v openssl >/dev/null || echo openssl     # certificates for the doctor's tests
  command -v promtool >/dev/null || echo prometheus # checks the text of /_fn/metrics
  command -v chromium >/dev/null || echo chromium   # the console's tests
  command -v tmux >/dev/null || echo tmux           # the live view's tests
  command -v zsh >/dev/null || echo zsh             # completion
  command -v fish >/dev/null || echo fish
  command -v systemd-analyze >/dev/null || echo systemd # checks the unit of fastfn deploy systemd
  if ! has_docker_tools; then echo docker.io iptables debootstrap; fi
}

# Docker mode's tests use a daemon that answers; root starts one of its own and makes the base image without a registry.
has_docker_tools() {
  [ -S /var/run/docker.sock ] || [ "$(id -u)" != 0 ] ||
    { command -v dockerd && command -v debootstrap; } >/dev/null
}

install_test_tools() {
  local missing root=''
  missing=$(missing_test_tools | xargs)
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || root='sudo -n'
  # As in the doctor: no packaged server is started where policy-rc.d, which Debian asks, is ours to write.
  if ! command -v apt-get >/dev/null || ! $root true 2>/dev/null || ! $root sh -s -- $missing >&2 <<'SCRIPT'; then
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" </dev/null >/dev/null
SCRIPT
    echo "note: not installed, what needs it is not tested: $missing" >&2
  fi
}

if [ "${1:-}" = --test-tools ]; then install_test_tools; fi
