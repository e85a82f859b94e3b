#!/usr/bin/env bash
# Builds the images by whichever builder this machine's Docker has, or pushes them to a registry.
# Usage: images.sh build | images.sh push REGISTRY; `make images` and `make images-push` call it.
# Reads BASE (the base image) and PYTHON; KUBELOOP_REVISION, where set, is the revision to state.
set -euo pipefail
cd "$(dirname "$0")/.."

BASE=${BASE:-python:3.11-slim}
PYTHON=${PYTHON:-python3}
# The smallest first: the classic builder makes every stage that stands before its target.
TARGETS=(monitor serve serve-skops pipeline)

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

read_version() {
  local said
  said=$("$PYTHON" -B -c 'from components.revision import VERSION, code_revision
print(VERSION, code_revision())' 2>&1) ||
    fail "the version cannot be read with $PYTHON: ${said##*$'\n'}" \
      "It needs Python 3.9 or newer: set PYTHON=python3.x"
  read -r VERSION REVISION <<<"$said"
}

image() {
  case $1 in
    serve-skops) echo "kubeloop/serve:$VERSION-skops" ;;
    *) echo "kubeloop/$1:$VERSION" ;;
  esac
}

require_docker() {
  command -v docker >/dev/null ||
    fail "the images need Docker, and no command 'docker' is on the path." \
      "Debian and Ubuntu have it as the package docker.io; for others see docs.docker.com/engine/install."
  local said
  said=$(docker version --format '{{.Server.Version}}' 2>&1) && return
  said=${said##*$'\n'}
  case $said in
    *"permission denied"*)
      fail "Docker runs, and this user may not use it: $said" \
        "Join the group docker (usermod -aG docker $(id -un), then log in again), or be root." ;;
    *)
      fail "Docker is installed, and its daemon does not answer: $said" \
        "Start it (systemctl start docker, or dockerd as root), or name another by DOCKER_HOST." ;;
  esac
}

require_base() {
  docker image inspect "$BASE" >/dev/null 2>&1 && return
  echo "pulling the base image $BASE"
  docker pull --quiet "$BASE" ||
    fail "the base image '$BASE' is not on this machine and cannot be pulled from its registry." \
      "Bring it from a machine that can (docker save, docker load), name one that is here or in a" \
      "registry of your own (make images BASE=IMAGE:TAG), or, to try the images on Debian, make a" \
      "stand-in: tests/containers/base-image.sh NAME:TAG, then make images BASE=NAME:TAG"
}

build() {
  require_docker
  require_base
  for target in "${TARGETS[@]}"; do
    echo "building $(image "$target") from $BASE"
    docker build --file docker/Dockerfile --target "$target" --tag "$(image "$target")" \
      --build-arg BASE="$BASE" --build-arg VERSION="$VERSION" --build-arg REVISION="$REVISION" .
  done
  printf '\n%-30s %8s\n' "image, revision $REVISION" MB
  for target in "${TARGETS[@]}"; do
    printf '%-30s %8d\n' "$(image "$target")" \
      "$(($(docker image inspect --format '{{.Size}}' "$(image "$target")") / 1000000))"
  done
}

push() {
  local registry=${1%/} remote
  [ -n "$registry" ] ||
    fail "no registry to push to: make images-push REGISTRY=HOST[:PORT][/PATH]"
  require_docker
  for target in "${TARGETS[@]}"; do
    remote=$registry/$(image "$target")
    docker tag "$(image "$target")" "$remote" ||
      fail "the image $(image "$target") is not on this machine: make images builds it."
    docker push --quiet "$remote" >/dev/null ||
      fail "pushing $remote failed, for the reason above. Where credentials are missing: docker login;" \
        "a registry without TLS has to be among the daemon's insecure-registries."
  done
  printf '\npushed; an overlay pins an image by its digest:\n'
  for target in "${TARGETS[@]}"; do
    remote=$registry/$(image "$target")
    docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$remote" |
      grep "^${remote%:*}@" | sed "s|^|$remote  |"
  done
}

read_version
case ${1:-} in
  build) build ;;
  push) push "${2:-}" ;;
  *) fail "usage: images.sh build | images.sh push REGISTRY" ;;
esac
