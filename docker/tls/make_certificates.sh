#!/usr/bin/env bash
# Makes a certificate authority (CA) of your own, and by it a certificate for the database server.
#
#   docker/tls/make_certificates.sh FOLDER NAME...
#
# NAME is each host name or IP address by which clients reach the server. Clients trust
# FOLDER/ca.crt, the server takes FOLDER/server. FOLDER/ca.key signs the next certificate; whoever
# has it can pose as the server. Run again, it keeps what is still good.
set -euo pipefail
umask 077

ca_days=3650
server_days=825
renew_before_s=$((30 * 24 * 3600))

if [ $# -lt 2 ]; then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
if ! command -v openssl >/dev/null; then
  echo "openssl is needed and is not installed here." >&2
  exit 1
fi

quietly() { # openssl draws its progress on stderr, which matters only where it fails
  local said
  if ! said=$("$@" 2>&1); then
    printf '%s\n' "$said" >&2
    return 1
  fi
}

mkdir -p "$1/server"
cd "$1"
shift
chmod 755 . # for ca.crt; the keys are their owner's alone
work=$(mktemp -d ./new-XXXXXX)
trap 'rm -rf "$work"' EXIT

names=DNS:localhost,IP:127.0.0.1,DNS:db # db: for the other services of the compose file
# shellcheck disable=SC2048  # several may come as one word
for name in $*; do
  if [[ $name =~ ^[0-9]+(\.[0-9]+){3}$ || $name =~ ^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*$ ]]; then
    names=$names,IP:$name
  elif [[ $name =~ ^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]]; then
    [[ ,$names, == *",DNS:$name,"* ]] || names=$names,DNS:$name
  else
    echo "$name is no host name or IP address." >&2
    exit 2
  fi
done

if [ ! -s ca.key ] || [ ! -s ca.crt ]; then
  cat >"$work/ca.cnf" <<END
[req]
prompt = no
distinguished_name = subject
x509_extensions = extensions
[subject]
CN = imgsim database CA, $(date -u +%F)
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
  quietly openssl req -x509 -config "$work/ca.cnf" -sha256 -days $ca_days \
    -newkey rsa:3072 -nodes -keyout "$work/ca.key" -out "$work/ca.crt"
  chmod 644 "$work/ca.crt"
  mv "$work/ca.key" "$work/ca.crt" .
fi

still_good() {
  [ -s server/server.key ] && [ "$(cat server/names 2>/dev/null)" = "$names" ] &&
    quietly openssl verify -CAfile ca.crt server/server.crt &&
    quietly openssl x509 -noout -checkend $renew_before_s -in server/server.crt
}

if still_good 2>/dev/null; then
  echo "The certificate is still good."
else
  cat >"$work/server.cnf" <<END
[req]
prompt = no
distinguished_name = subject
[subject]
CN = imgsim database
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = $names
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
  quietly openssl req -new -config "$work/server.cnf" -sha256 \
    -newkey rsa:3072 -nodes -keyout "$work/server.key" -out "$work/server.csr"
  quietly openssl x509 -req -in "$work/server.csr" -CA ca.crt -CAkey ca.key -sha256 \
    -days $server_days -set_serial "0x$(openssl rand -hex 16)" \
    -extfile "$work/server.cnf" -extensions extensions -out "$work/server.crt"
  chmod 644 "$work/server.crt"
  printf '%s\n' "$names" >"$work/names"
  mv "$work/server.key" "$work/server.crt" "$work/names" server/
  echo "A certificate was made. Restart the server so that it takes it."
fi
openssl x509 -noout -enddate -ext subjectAltName -in server/server.crt
echo "Clients trust $PWD/ca.crt:"
openssl x509 -noout -fingerprint -sha256 -in ca.crt
