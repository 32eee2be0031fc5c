#!/bin/sh
# Installs seg from this folder, without internet: sh install.sh [FOLDER]
# It goes into a folder of its own (seg-packages), so that nothing that is installed already changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"${PYTHON:-python3}" -m pip install --quiet --no-index --no-deps --upgrade \
    --target "${1:-seg-packages}" "$here"/wheels/*.whl
