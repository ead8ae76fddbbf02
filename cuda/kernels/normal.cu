// Normal: a thread per Philox block of four numbers, with the arithmetic of the CPU kernel, operation by
// operation: + - * / and sqrt of doubles, compiled without contraction, so that the bits are the same.
#include "device/items.cuh"
#include "kernel_support.h"
#include "ops/normal.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "normal.philox";

struct Block {
  uint32_t word[4];
};

__device__ Block philox(uint32_t key0, uint32_t key1, Block counter) {
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t(0xD2511F53) * counter.word[0];
    const uint64_t b = uint64_t(0xCD9E8D57) * counter.word[2];
    counter = {{uint32_t(b >> 32) ^ counter.word[1] ^ key0, uint32_t(b),
                uint32_t(a >> 32) ^ counter.word[3] ^ key1, uint32_t(a)}};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

/// ln of a normal double: x = m·2^n with m from √½ to √2, ln m = 2 artanh s, s = (m - 1) / (m + 1).
__device__ double ln(double x) {
  constexpr int64_t half_root = 0x3FE6A09E667F3BCD;
  const int64_t bits = __double_as_longlong(x), n = (bits - half_root) >> 52;
  const double m = __longlong_as_double(bits - n * (int64_t(1) << 52));
  const double s = (m - 1) / (m + 1), z = s * s;
  double series = 0;
#pragma unroll
  for (int k = 21; k >= 1; k -= 2)
    series = series * z + 1.0 / k;
  return double(n) * 0.6931471805599453 + 2 * s * series;
}

struct Turn {
  double cos, sin;
};

/// Of `turn` / 2^32 of a full turn: Taylor series within an eighth of it, then quarter turns.
__device__ Turn cos_sin(uint32_t turn) {
  const uint32_t quarter = (turn + 0x20000000u) >> 30;
  const double angle = double(int32_t(turn - (quarter << 30))) * (0x1p-32 * 6.283185307179586);
  const double z = angle * angle;
  double cos = 1, sin = 1;
#pragma unroll
  for (int k = 18; k >= 2; k -= 2) {
    cos = 1 - cos * z / (k * (k - 1));
    sin = 1 - sin * z / (k * (k + 1));
  }
  sin *= angle;
  switch (quarter & 3) {
  case 0:
    return {cos, sin};
  case 1:
    return {-sin, cos};
  case 2:
    return {-cos, -sin};
  default:
    return {sin, -cos};
  }
}

/// Box and Muller (1958): two words to two numbers.
__device__ void transform(uint32_t a, uint32_t b, float *out) {
  const double radius = sqrt(-2 * ln((double(a) + 0.5) * 0x1p-32));
  const Turn turn = cos_sin(b);
  out[0] = float(radius * turn.cos);
  out[1] = float(radius * turn.sin);
}

__global__ void normal(const int32_t *key, float *y, int64_t elements) {
  const uint64_t first = uint32_t(key[3]), to = first + elements;
  each_item(int64_t((to + 3) / 4 - first / 4), [&](uint32_t item) {
    const uint64_t block = first / 4 + item;
    const Block words = philox(uint32_t(key[0]), uint32_t(key[1]),
                               {{uint32_t(block), uint32_t(block >> 32), uint32_t(key[2]), 0}});
    float numbers[4];
    transform(words.word[0], words.word[1], numbers);
    transform(words.word[2], words.word[3], numbers + 2);
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (const uint64_t n = block * 4 + i; n >= first && n < to)
        y[n - first] = numbers[i];
  });
}

void run(const KernelCall &call, Pool &pool) {
  const int64_t elements = call.output->shape[0];
  if (elements == 0)
    return;
  Stream &stream = stream_of(pool);
  const FlatLaunch shape =
      flat_launch(elements / 4 + 2); // a block of four may be cut at either end
  stream.launch(name, {shape.blocks, shape.threads}, normal, integers(call.inputs[Normal::key]),
                floats_out(*call.output), elements);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList normal_kernels;
const KernelList normal_kernels = {list, 1};

} // namespace tubelet::cuda
