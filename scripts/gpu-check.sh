#!/usr/bin/env bash
# On a machine with a GPU, nvcc, cmake and a C++ compiler, nothing else: builds the CUDA library for it, runs every op's
# conformance on it, then the small cases under compute-sanitizer where that works. A short table comes last; the logs and
# gpu-check.json go to $OUT (default build/gpu-check).
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-build/gpu-check}
build=build/gpu
mkdir -p "$out"
PATH=${CUDA_HOME:-/usr/local/cuda}/bin:$PATH

gpu=$(nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader 2>/dev/null | head -n 1)
IFS=, read -r name capability driver <<<"${gpu:-no GPU,,}"
architecture=${capability//[. ]/}
rows=()

record() { # step, outcome, detail
  rows+=("{\"step\":\"$1\",\"outcome\":\"$2\",\"detail\":\"${3//[\"\\]/}\"}")
  printf '%-28s %-8s %s\n' "$1" "$2" "$3" >>"$out/table.txt"
}

step() { # name, command…: the last line of its output is the detail
  local name=$1 log=$out/${1// /-}.log outcome=passed
  shift
  "$@" >"$log" 2>&1 || outcome=failed
  record "$name" "$outcome" "$(tail -n 1 "$log")"
  [ "$outcome" = passed ]
}

build() {
  local generator=()
  command -v ninja >/dev/null && generator=(-G Ninja)
  cmake "${generator[@]}" -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DTUBELET_NATIVE_TESTS=ON \
    -DTUBELET_CORE_ONLY=ON -DTUBELET_CUDA=ON -DTUBELET_CUDA_ARCHITECTURES="${architecture:-90}" &&
    cmake --build "$build" --parallel "$(nproc)" \
      --target tubelet_cuda conformance cuda_library cuda_launch
}

: >"$out/table.txt"
[ -n "$gpu" ] || record "GPU" failed "nvidia-smi found none"
if step "build" build; then
  export TUBELET_CUDA_LIBRARY=$PWD/$build/Release/libtubelet_cuda.so
  conformance=$build/native/tests/conformance
  step "library" "$build/cuda/tests/cuda_library" "$TUBELET_CUDA_LIBRARY"
  step "conformance" "$conformance" --device cuda --isa baseline
  grep -E '^(ok|FAIL) .* sm_' "$out/conformance.log" >"$out/kernels.txt"
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
      step "$tool" compute-sanitizer --tool "$tool" --error-exitcode 1 "$conformance" --device cuda --small
    done
  else
    record "compute-sanitizer" skipped "it was not found"
  fi
fi

failed=$(printf '%s\n' "${rows[@]}" | grep -c '"outcome":"failed"')
printf '{"gpu":"%s","computeCapability":"%s","driver":"%s","commit":"%s","date":"%s","steps":[%s]}\n' \
  "$name" "${capability// /}" "${driver// /}" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(date -u +%FT%TZ)" \
  "$(IFS=,; echo "${rows[*]}")" >"$out/gpu-check.json"
[ -f "$out/kernels.txt" ] && cat "$out/kernels.txt"
echo "$name, compute capability ${capability:-none}, driver ${driver:-none}"
cat "$out/table.txt"
[ "$failed" -eq 0 ]
