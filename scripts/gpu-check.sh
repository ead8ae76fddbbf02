#!/usr/bin/env bash
# gpu-check.sh [kernels] [goldens] [video] [bench]: on a machine with a GPU, nvcc, cmake and a C++ compiler, builds the CUDA
# library for it and checks it; without words, all of it:
#   kernels  every op's conformance, also without wgmma, replayed runs, the small cases under compute-sanitizer where that works
#   goldens  comparisons with the original codes
#   video    the model that ships: the GPU's video twice and beside the CPU's
#   bench    DiT-XL/2, linear layers, attention and a decoder, also without wgmma, beside PyTorch where python3 has it
# The last three need Node and the built packages: those installed, or carry/node.tar.xz, which scripts/carry.mjs makes where
# they are. A short table comes last; the logs and gpu-check.json go to $OUT (default build/gpu-check).
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-build/gpu-check}
build=build/gpu
mkdir -p "$out"
PATH=${CUDA_HOME:-/usr/local/cuda}/bin:$PATH
parts=" ${*:-kernels goldens video bench} "

gpu=$(nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader 2>/dev/null | head -n 1)
IFS=, read -r name capability driver <<<"${gpu:-no GPU,,}"
architecture=${capability//[. ]/}
[ "$architecture" = 90 ] && architecture=90a # wgmma
rows=()

wants() { [[ $parts == *" $1 "* ]]; }

record() { # step, outcome, detail
  rows+=("{\"step\":\"$1\",\"outcome\":\"$2\",\"detail\":\"${3//[\"\\]/}\"}")
  printf '%-28s %-8s %s\n' "$1" "$2" "$3" >>"$out/table.txt"
}

step() { # name, command…: the last line of its output is the detail
  local name=$1 log=$out/${1// /-}.log outcome=passed
  shift
  "$@" >"$log" 2>&1 || outcome=failed
  record "$name" "$outcome" "$(tail -n 1 "$log" | tr -d '\000-\037')"
  [ "$outcome" = passed ]
}

unpack() {
  [ ! -f carry/node.tar.xz ] || tar -xJf carry/node.tar.xz || return
  [ ! -f carry/goldens.tar.xz ] || { mkdir -p carry/goldens && tar -xJf carry/goldens.tar.xz -C carry/goldens; }
}

has_node() { command -v node >/dev/null && [ -f packages/testing/dist/goldens/main.js ] && [ -d node_modules ]; }

build() {
  local generator=() addon=(-DTUBELET_CORE_ONLY=ON) targets=(tubelet_cuda conformance cuda_library cuda_launch replay)
  command -v ninja >/dev/null && generator=(-G Ninja)
  if has_node; then
    addon=(-DTUBELET_CORE_ONLY=OFF)
    targets+=(tubelet)
  fi
  cmake "${generator[@]}" "${addon[@]}" -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DTUBELET_NATIVE_TESTS=ON \
    -DTUBELET_CUDA=ON -DTUBELET_CUDA_ARCHITECTURES="${architecture:-90}" &&
    cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]}"
}

check_kernels() {
  local conformance=$build/native/tests/conformance
  step "library" "$build/cuda/tests/cuda_library" "$TUBELET_CUDA_LIBRARY"
  step "replay" "$build/native/tests/replay" "$TUBELET_CUDA_LIBRARY"
  step "conformance" "$conformance" --device cuda --isa baseline
  grep -E '^(ok|FAIL) .* sm_' "$out/conformance.log" >"$out/kernels.txt"
  if [ "$architecture" = 90a ]; then
    step "wgmma runs" grep -E '^ok (linear|attention)[.]wgmma sm_90: [1-9]' "$out/kernels.txt"
  fi
  step "conformance without wgmma" env TUBELET_CUDA_WGMMA=off "$conformance" --device cuda --isa baseline --small
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
      step "$tool" timeout 300 compute-sanitizer --tool "$tool" --error-exitcode 1 "$conformance" --device cuda --small
    done
  else
    record "compute-sanitizer" skipped "it was not found"
  fi
}

run_goldens() { # a case that cannot run is skipped, so that none failing proves nothing by itself
  TUBELET_DEVICE=cuda node packages/testing/dist/goldens/main.js | tee "$out/goldens.txt" &&
    ! grep -q '^0 passed' "$out/goldens.txt"
}

check_goldens() {
  if [ -d "${TUBELET_GOLDENS:-../shared/goldens}" ]; then
    step "goldens" run_goldens
  else
    record "goldens" skipped "neither TUBELET_GOLDENS, carry/goldens.tar.xz nor ../shared/goldens is there"
  fi
}

bench() {
  local peer=()
  if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    # A file is written after each piece of work, so that what was measured before the time is up counts.
    step "PyTorch" timeout "${PEER_SECONDS:-240}" python3 benchmarks/torch/peer.py "$out/peer.json" linear attention dit vae
    [ -f "$out/peer.json" ] && peer=("$out/peer.json")
  else
    record "PyTorch" skipped "python3 has no torch that sees a GPU"
  fi
  step "benchmarks" node benchmarks/dist/main.js gpu "${peer[@]}"
  cp "$out/benchmarks.log" "$out/benchmarks.txt"
  step "benchmarks without wgmma" env TUBELET_CUDA_WGMMA=off node benchmarks/dist/main.js gpu "${peer[@]}"
  { echo; echo "without wgmma:"; cat "$out/benchmarks-without-wgmma.log"; } >>"$out/benchmarks.txt"
}

: >"$out/table.txt"
[ -n "$gpu" ] || record "GPU" failed "nvidia-smi found none"
step "unpack" unpack
if [ -x carry/bin/node ]; then
  PATH=$PWD/carry/bin:$PATH
fi
[ ! -d carry/goldens ] || export TUBELET_GOLDENS=${TUBELET_GOLDENS:-$PWD/carry/goldens}
if step "build" build; then
  export TUBELET_CUDA_LIBRARY=$PWD/$build/Release/libtubelet_cuda.so
  export TUBELET_ADDON=$PWD/$build/Release/tubelet.node
  if wants kernels; then check_kernels; fi
  if has_node; then
    if wants goldens; then check_goldens; fi
    if wants video; then step "video" node packages/testing/dist/device-video/main.js; fi
    if wants bench; then bench; fi
  elif wants goldens || wants video || wants bench; then
    record "goldens, video, bench" skipped "there is no Node with the built packages: scripts/carry.mjs makes carry/"
  fi
fi

failed=$(printf '%s\n' "${rows[@]}" | grep -c '"outcome":"failed"')
printf '{"gpu":"%s","computeCapability":"%s","driver":"%s","commit":"%s","date":"%s","steps":[%s]}\n' \
  "$name" "${capability// /}" "${driver// /}" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(date -u +%FT%TZ)" \
  "$(IFS=,; echo "${rows[*]}")" >"$out/gpu-check.json"
[ -f "$out/kernels.txt" ] && cat "$out/kernels.txt"
[ -f "$out/benchmarks.txt" ] && cat "$out/benchmarks.txt"
echo "$name, compute capability ${capability:-none}, driver ${driver:-none}"
cat "$out/table.txt"
[ "$failed" -eq 0 ]
