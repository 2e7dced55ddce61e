#!/bin/sh
# What comes before everything else: the dependencies, and with them the Node that this project runs on, and the schema of
# the API, which is made from one of them. It needs nothing but some Node with npm, and is over at once when all is there.
set -e
cd "$(dirname "$0")/.."

installed=node_modules/.package-lock.json
if ! { [ -x node_modules/node/bin/node ] && [ -f $installed ] && [ ! package-lock.json -nt $installed ]; }; then
  command -v npm >/dev/null || { echo 'Please install Node.js with npm (https://nodejs.org), then run this again.' >&2; exit 1; }
  if [ -d node_modules ]; then
    echo 'Bringing the dependencies up to date (about 10 s)'
    npm install --no-audit --no-fund --loglevel=error
  else
    echo 'Installing the dependencies (about 30 s)'
    npm ci --no-audit --no-fund --loglevel=error
  fi
  # Some versions of npm do not run the step that brings the binary.
  [ -x node_modules/node/bin/node ] || (cd node_modules/node && node installArchSpecificPackage.js)
  touch $installed
fi

schema=.cache/api-schema/types.json
if [ ! -f $schema ] || [ $installed -nt $schema ] || [ compose/api-schema.ts -nt $schema ]; then
  node_modules/node/bin/node compose/api-schema-main.ts
fi
