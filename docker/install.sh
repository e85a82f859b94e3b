#!/bin/sh
# Installs a lock into /opt/venv, which the image then takes over whole: everything by its hash, from
# wheels but for the one library that is published as source alone, so that no compiler is needed.
# Called by the Dockerfile in its installer stage; a second lock adds to the first.
set -eu
lock=$1
test -x /opt/venv/bin/python3 || python3 -m venv --without-pip /opt/venv

# With the system's certificates, which a base image behind a proxy brings.
UV_SYSTEM_CERTS=1 venv/bin/uv pip install --quiet --no-cache --python /opt/venv/bin/python3 \
  --require-hashes --build-constraints installer.txt \
  --only-binary :all: --no-binary kfp-server-api -r "$lock"

# The libraries' own tests and C headers: nothing imports them, and nothing is compiled here.
find /opt/venv/lib -depth -type d -path '*/site-packages/*' \
  \( -name tests -o -path '*/onnx/backend/test' -o -path '*/pyarrow/include' \) -exec rm -r {} +

# Compiled once, and never held against the source again: no file of an image changes.
/opt/venv/bin/python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
