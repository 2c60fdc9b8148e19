#!/usr/bin/env bash
# Trains for a quarter of an hour on a machine with a GPU and no network, and leaves the result in a few small files.
#
#     checkpoints/train_on_gpu.sh WHEELS OUT [MINUTES] [option of `drivesim train chain` ...]
#
# WHEELS: what gather_wheels.py gathered. OUT: gets at most 8 files of at most 16 MiB, 64 MiB in all (see parcel.py).
# MINUTES: from the start of this script to its end, 13 by default. Further options replace the defaults below:
#
#     --share autoencoder=0      # it is finished: that of --init is kept, and the other stages stand on it
#     --batch-scale 16 --record-workers 8 --init checkpoints/mine
#
# A stage that fails is named and left out, and the others go on. Where the time ends first, training is ended, and what
# there is is packed: each stage is exported six times or more. Exit code 0 where every stage was trained, else 1.

set -uo pipefail
SECONDS=0
if [ $# -lt 2 ]; then
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    exit 2
fi
wheels=$1 out=$2 minutes=13
shift 2
if [[ ${1:-} =~ ^[0-9.]+$ ]]; then
    minutes=$1
    shift
fi

# Parts of the time; a stage at 0 is left out. Whoever trains the autoencoder trains what stands on it.
declare -A share=([autoencoder]=3 [image]=2.2 [prediction]=2.7 [interpolation]=1.3 [decoder]=0.3
    [upsampler_image]=1.4 [upsampler]=0.4 [vehicle_detector]=0)
tree=$(cd "$(dirname "$0")/.." && pwd)
init=$tree/checkpoints/demo given=()
while [ $# -gt 0 ]; do
    case $1 in
        --share) share[${2%%=*}]=${2#*=} && shift ;;
        --init) init=$2 && shift ;;
        *) given+=("$1") ;;
    esac
    shift
done

python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checkpoints=$work/checkpoints log=$work/checkpoints/training/log.txt failed=()
mkdir -p "$checkpoints/training" "$work/data" "$out"

calculate() { awk "BEGIN { print ($*) }"; }
limit_s=$(calculate "int(60 * $minutes)")
pack_s=$((limit_s < 600 ? limit_s / 15 : 40))        # kept for packing
uncounted_s=$((limit_s < 720 ? limit_s / 8 : 90))    # for starting, the first footage, the last evaluations
left_s() { echo $((limit_s - pack_s - SECONDS)); }
say() { echo "$SECONDS s: $*" | tee -a "$log" >&2; }

if compgen -G "$wheels/*.whl" >/dev/null; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --disable-pip-version-check \
        --target "$work/site" "$wheels"/*.whl >>"$log" 2>&1 || say "installing the wheels failed"
fi
export PYTHONPATH=$work/site:$tree${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

# Sets `command` to the training of the stages that are not left out. A stage keeps its time when others are left out.
prepare_command() {
    local role parts
    parts=$(IFS=+; echo "${share[*]}")
    command=("$python" -m drivesim train chain --data "$work/data" --out "$checkpoints" --init "$init"
        --minutes "$(calculate "$per_part * ($parts)")" --device cuda --batch-scale 8 --threads 2
        --record-workers $(($(nproc) > 3 ? $(nproc) - 2 : 1)) --evaluate-minutes 1)
    for role in "${!share[@]}"; do
        command+=(--share "$role=${share[$role]}")
    done
    command+=(${given[@]+"${given[@]}"})
    keep_base autoencoder 1
    keep_base image "${share[prediction]} + ${share[interpolation]}"
    keep_base upsampler_image "${share[upsampler]}"
}

# Takes a stage from --init that is not trained here and that one which is trained stands on (its share is above 0).
keep_base() {
    if [ "${share[$1]}" = 0 ] && [ ! -f "$checkpoints/$1.safetensors" ] && [ "$(calculate "$2 > 0")" = 1 ]; then
        cp "$init/$1.safetensors" "$checkpoints/" 2>>"$log" || say "$init holds no $1"
    fi
}

# Prints the first stage that is not trained to its end.
unfinished_stage() {
    "${command[@]}" --plan --json 2>>"$log" | "$python" -c 'import json, sys
stages = json.load(sys.stdin)["stages"]
print(next((s["role"] for s in stages if s["action"] not in ("skip", "leave out")), "layouts"))' 2>>"$log"
}

per_part=$(calculate "($(left_s) - $uncounted_s) / 60 / ($(IFS=+; echo "${share[*]}"))")
while :; do
    prepare_command
    say "training"
    timeout --kill-after 5 "$(left_s)" "${command[@]}" >>"$log" 2>&1
    code=$?
    [ $code = 0 ] && break
    stage=$(unfinished_stage)
    failed+=("${stage:-unknown}")
    if [ "$(left_s)" -le 0 ]; then
        say "the time ended while ${stage:-an unknown stage} was trained"
        break
    fi
    say "stage ${stage:-unknown} failed with exit code $code"
    if [[ -z ${share[${stage:-layouts}]:-} ]] || [ "$(left_s)" -lt $((limit_s / 10)) ]; then
        break
    fi
    share[$stage]=0
done

if [ ! -f "$checkpoints/training/report.md" ] && [ -f "$checkpoints/manifest.json" ]; then
    "$python" - "$checkpoints" >>"$log" 2>&1 <<'REPORT' || say "no report could be made"
import json, sys
from pathlib import Path
from drivesim.models.checkpoints import CheckpointSet
from drivesim.training.chain.report import chain_report, report_table
folder = Path(sys.argv[1])
report = chain_report(folder, CheckpointSet.open(folder).preset)
(folder / "training" / "report.json").write_text(json.dumps(report))
(folder / "training" / "report.md").write_text(report_table(report))
REPORT
fi
say "packing${failed:+; not trained to the end: ${failed[*]}}"
tail -n 40 "$log" >&2
"$python" "$tree/checkpoints/parcel.py" pack "$checkpoints" "$out" "$init" || failed+=(packing)
[ ${#failed[@]} = 0 ]
