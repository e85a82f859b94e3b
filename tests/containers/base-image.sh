#!/usr/bin/env bash
# Makes a stand-in for the public base image out of Debian's packages, for a machine that has Docker
# and reaches a Debian mirror but no image registry. For tests alone: a release names the public
# image by its digest.
# Usage, as root on Debian: base-image.sh TAG; does nothing where TAG is there already.
set -euo pipefail
tag=${1:?usage: base-image.sh TAG}

if docker image inspect "$tag" >/dev/null 2>&1; then
  exit 0
fi
if ! command -v mmdebstrap >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Debian 12's python3 is 3.11. apt stays root: its own user may not read what a sandbox or this
# temporary folder shows. The machine's certificates go along, for a mirror or a proxy that has one
# of its own.
mmdebstrap --quiet --variant=minbase \
  --include=ca-certificates,python3,python3-venv,tzdata \
  --aptopt='APT::Sandbox::User "root"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' \
  bookworm "$folder/rootfs.tar"

# Python and pip as the public image has them: on the path, with the system's certificates.
docker import \
  --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'ENV LANG=C.UTF-8' \
  --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
  --change 'CMD ["python3"]' \
  "$folder/rootfs.tar" "$tag" >/dev/null
