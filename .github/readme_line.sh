#!/usr/bin/env bash
# Runs the README's line that ends in PATTERN; on Windows with the names that things have there.
# With a second argument, runs only imgsim, with that command.
set -euo pipefail
cd "$(dirname "$0")/.."

line=$(grep -m1 "^python3 -m venv .*$1" README.md)
if [ $# -gt 1 ]; then line=".venv/bin/imgsim $2"; fi
if [ "${OS:-}" = Windows_NT ]; then
  line=${line//python3/python}
  line=${line//.venv\/bin\//.venv\/Scripts\/}
fi
printf '%s\n' "$line"
eval "$line"
