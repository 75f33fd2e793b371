#!/usr/bin/env bash
# Train Paintbox on a lent GPU: a painter to go on from comes with .gpu/, a better one goes back.
# usage, on the machine with the GPU, from the root of the copied repository:
#   bash tools/gpu/run.sh MINUTES FOLDER    starts, waits, and ends within MINUTES (4 to 12)
#   bash tools/gpu/run.sh more MINUTES FOLDER    the same training goes on, and its end moves
# FOLDER gets painter/ and log.jsonl, renewed every minute, so nothing is lost when time is up.
set -euo pipefail
work=${WORK:-$PWD/runs/gpu}; site=$PWD/runs/gpu-site
more=no; [ "$1" = more ] && { more=yes; shift; }
minutes=$1; folder=$2; end=$(( $(date +%s) + minutes * 60 ))
spare=40  # seconds at the end: the last checkpoint, the last assembly, the way back
export TOKENIZERS_PARALLELISM=false PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 PYTHONPATH=$site:$PWD
[ -d "$site" ] || python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir \
    --target "$site" .gpu/wheels/*.whl
mkdir -p "$work" "$folder"
train() { python3 -m inst_tutorial.pretraining --work "$work" --out "$work/painter" \
    --device "${DEVICE:-cuda}" --continue-from .gpu/painter --stages "$1" ${GPU_OPTIONS:-}; }
collect() { # the newest painter, whole or not at all
    [ -f "$work/unet.safetensors" ] || return 0
    train assemble >> "$work/assemble.log" 2>&1 && rm -rf "$folder/painter" \
        && cp -r "$work/painter" "$folder/painter" && cp "$work/log.jsonl" "$folder/"
}
echo $(( end - spare )) > "$work/unet.until"
if [ $more = no ] || ! kill -0 "$(cat "$work/pid" 2>/dev/null)" 2>/dev/null; then
    setsid nohup bash -c "$(declare -f train); work=$work; train pictures,autoencoder,unet" \
        > "$work/unet.log" 2>&1 &
    echo $! > "$work/pid"
fi
if [ $more = no ]; then
    ( # the decoder by itself, while the UNet is compiled; it waits for its latents and pictures
        for _ in 1 2 3 4 5 6; do
            train decoder > "$work/decoder.log" 2>&1 && break
            sleep 20
        done ) &
fi
last=0
while kill -0 "$(cat "$work/pid")" 2>/dev/null && [ "$(date +%s)" -lt $(( end - 20 )) ]; do
    sleep 3
    [ $(( $(date +%s) - last )) -lt 60 ] || { collect || true; last=$(date +%s); }
done
collect
tail -n 5 "$work/unet.log"; tail -n 3 "$work/log.jsonl"
