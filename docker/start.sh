#!/usr/bin/env bash
# Starts the image's PostgreSQL; with TLS, and then with nothing else, where there is a certificate.
set -euo pipefail

# Said now: what fails once the database is half created leaves it that way.
if [ -n "${IMGSIM_BI_USER:-}" ]; then
  if [ -z "${IMGSIM_BI_PASSWORD:-}" ]; then
    echo "IMGSIM_BI_USER is set in .env and IMGSIM_BI_PASSWORD is not." >&2
    exit 1
  fi
  case $IMGSIM_BI_USER in
    imgsim | imgsim_reader | imgsim_analyst | metabase | postgres | public | none | pg_*)
      echo "IMGSIM_BI_USER in .env cannot be $IMGSIM_BI_USER. Choose another name." >&2
      exit 1
      ;;
  esac
fi

if [ -s /imgsim/tls/server.key ]; then
  # PostgreSQL takes a key only from its owner, with nobody else able to read it; whoever made the
  # certificate outside is somebody else.
  install -d -o postgres -g postgres -m 700 /run/imgsim-tls
  install -o postgres -g postgres -m 600 /imgsim/tls/server.key /imgsim/tls/server.crt /run/imgsim-tls
  set -- "$@" \
    -c ssl=on \
    -c ssl_cert_file=/run/imgsim-tls/server.crt \
    -c ssl_key_file=/run/imgsim-tls/server.key \
    -c hba_file=/imgsim/pg_hba.conf
fi

exec docker-entrypoint.sh "$@"
