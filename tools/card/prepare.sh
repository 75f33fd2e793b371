#!/usr/bin/env bash
# Put what a lent card needs, and does not have, into .card/ (ignored by git): weights and wheels.
# usage, from the root of the repository: tools/card/prepare.sh [PAINTER]
#   PAINTER: an assembled painter to go on from; default: the shipped Paintbox
set -euo pipefail
painter=${1:-inst_tutorial/paintbox}
python=$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)
[ -f "$painter/model_index.json" ] || { echo "$painter is no painter: it has no model_index.json"; exit 1; }
rm -rf .card && mkdir -p .card/wheels
cp -r "$painter" .card/painter
rm -f .card/painter/*.webp .card/painter/*.jsonl
version=$(sed -n 's/^diffusers==//p' constraints.txt)
"$python" -m pip download -q --no-deps -d .card/wheels "diffusers==$version" importlib_metadata zipp
du -sh .card
