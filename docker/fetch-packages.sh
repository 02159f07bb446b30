#!/bin/sh
# Fetches with npm what the image needs of it: esbuild, and Node and npm where the base image has no Node of 20.19 or newer.
# Fills /out/serve and /out/install, whose trees are copied over the root of the image.
#
# FTP_PROXY holds no proxy: it carries the settings of the user's npm and further certificate authorities (base64 of a
# gzipped tar). Of all build arguments only the proxies are kept neither in a layer nor in an image's history.
set -eu

settings=/dev/shm/settings # memory: what lies there is in no layer
mkdir -m 700 "$settings"
if [ -n "${FTP_PROXY:-}" ]; then
  printf %s "$FTP_PROXY${ftp_proxy:-}" | base64 -d | tar -xzf - -C "$settings"
fi
unset FTP_PROXY ftp_proxy
if [ -s "$settings/ca.pem" ]; then export NODE_EXTRA_CA_CERTS="$settings/ca.pem"; fi
if [ -s "$settings/npmrc" ]; then export NPM_CONFIG_USERCONFIG="$settings/npmrc"; fi

has_node() {
  node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null
}

fetch() { # <folder> <package>...
  prefix=$1
  shift
  npm install --prefix "$prefix" --cache /tmp/npm --no-save --ignore-scripts --no-audit --no-fund --no-progress \
    --no-update-notifier --loglevel=error "$@"
}

mkdir -p /out/serve/opt/fastfn /out/install /tmp/fetched
if has_node; then
  fetch /tmp/fetched "esbuild@$ESBUILD_VERSION"
else
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends ca-certificates npm
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "npm distributes no Node for $(uname -m); use a base image that has Node 20.19 or newer" >&2; exit 1 ;;
  esac
  fetch /tmp/fetched "esbuild@$ESBUILD_VERSION" "node-linux-$arch@$NODE_VERSION" "npm@$NPM_VERSION"
  mkdir -p /out/serve/usr/local/bin /out/install/usr/local/bin /out/install/usr/local/lib/node_modules
  mv "/tmp/fetched/node_modules/node-linux-$arch/bin/node" /out/serve/usr/local/bin/node
  mv /tmp/fetched/node_modules/npm /out/install/usr/local/lib/node_modules/npm
  ln -s ../lib/node_modules/npm/bin/npm-cli.js /out/install/usr/local/bin/npm
  ln -s ../lib/node_modules/npm/bin/npx-cli.js /out/install/usr/local/bin/npx
fi
mkdir -p /out/serve/opt/fastfn/node_modules/@esbuild
mv /tmp/fetched/node_modules/esbuild /out/serve/opt/fastfn/node_modules/
mv /tmp/fetched/node_modules/@esbuild/* /out/serve/opt/fastfn/node_modules/@esbuild/
rm -rf "$settings" /tmp/npm /tmp/fetched
