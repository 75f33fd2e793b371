#!/usr/bin/env bash
# Put what a lent GPU needs, and does not have, into .gpu/ (ignored by git): weights and wheels.
# usage, from the root of the repository: tools/gpu/prepare.sh [PAINTER]
#   PAINTER: an assembled painter to go on from; default: the shipped Paintbox
set -euo pipefail
painter=${1:-inst_tutorial/paintbox}
python=$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)
[ -f "$painter/model_index.json" ] || { echo "$painter is no painter: it has no model_index.json"; exit 1; }
rm -rf .gpu && mkdir -p .gpu/wheels
cp -r "$painter" .gpu/painter
rm -f .gpu/painter/*.webp .gpu/painter/*.jsonl
version=$(sed -n 's/^diffusers==//p' constraints.txt)
"$python" -m pip download -q --no-deps -d .gpu/wheels "diffusers==$version" importlib_metadata zipp
du -sh .gpu
