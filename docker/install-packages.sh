#!/bin/sh
# Installs Debian packages without what no program reads: manuals, translations, apt's lists, caches and logs.
set -eu
if ! command -v apt-get >/dev/null; then
  echo "the base image is not based on Debian: it has no apt-get" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends \
  -o Dpkg::Options::=--path-exclude='/usr/share/doc/*' \
  -o Dpkg::Options::=--path-include='/usr/share/doc/*/copyright' \
  -o Dpkg::Options::=--path-exclude='/usr/share/man/*' \
  -o Dpkg::Options::=--path-exclude='/usr/share/info/*' \
  -o Dpkg::Options::=--path-exclude='/usr/share/locale/*' \
  "$@"
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/debconf/*-old \
  /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
