// Normal: a block of Philox gives four numbers. Only + - * / and sqrt of doubles, which round alike on
// every machine; the file is compiled without contraction.
#include "ops/normal.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

struct Block {
  uint32_t word[4];
};

Block philox(uint32_t key0, uint32_t key1, Block counter) {
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xD2511F53 * counter.word[0];
    const uint64_t b = (uint64_t)0xCD9E8D57 * counter.word[2];
    counter = {{(uint32_t)(b >> 32) ^ counter.word[1] ^ key0, (uint32_t)b,
                (uint32_t)(a >> 32) ^ counter.word[3] ^ key1, (uint32_t)a}};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

/// ln of a normal double: x = m·2^n with m from √½ to √2, ln m = 2 artanh s, s = (m - 1) / (m + 1).
double ln(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, 8);
  constexpr uint64_t half_root = 0x3FE6A09E667F3BCD;
  const int64_t n = (int64_t)(bits - half_root) >> 52;
  bits -= (uint64_t)n << 52;
  double m;
  __builtin_memcpy(&m, &bits, 8);
  const double s = (m - 1) / (m + 1), z = s * s;
  double series = 0;
#pragma GCC unroll 11
  for (int k = 21; k >= 1; k -= 2)
    series = series * z + 1.0 / k;
  return (double)n * 0.6931471805599453 + 2 * s * series;
}

struct Turn {
  double cos, sin;
};

/// Of `turn` / 2^32 of a full turn: Taylor series within an eighth of it, then quarter turns.
Turn cos_sin(uint32_t turn) {
  const uint32_t quarter = (turn + 0x20000000u) >> 30;
  const double angle = (double)(int32_t)(turn - (quarter << 30)) * (0x1p-32 * 6.283185307179586);
  const double z = angle * angle;
  double cos = 1, sin = 1;
#pragma GCC unroll 9
  for (int k = 18; k >= 2; k -= 2) {
    cos = 1 - cos * z * (1.0 / (k * (k - 1)));
    sin = 1 - sin * z * (1.0 / (k * (k + 1)));
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
void transform(uint32_t a, uint32_t b, float *out) {
  const double radius = __builtin_sqrt(-2 * ln(((double)a + 0.5) * 0x1p-32));
  const Turn turn = cos_sin(b);
  out[0] = (float)(radius * turn.cos);
  out[1] = (float)(radius * turn.sin);
}

void run(const KernelCall &call, Pool &pool) {
  const int32_t *key = integers(call.inputs[Normal::key]);
  const uint64_t first = (uint32_t)key[3];
  float *out = floats_out(*call.output);

  parallel_elements(pool, call.output->shape[0], [&](int64_t begin, int64_t end) {
    const uint64_t to = first + (uint64_t)end;
    for (uint64_t n = first + (uint64_t)begin; n < to;) {
      const uint64_t block = n / 4;
      const Block words = philox((uint32_t)key[0], (uint32_t)key[1],
                                 {{(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)key[2], 0}});
      float numbers[4];
      transform(words.word[0], words.word[1], numbers);
      transform(words.word[2], words.word[3], numbers + 2);
      for (; n < to && n / 4 == block; n++)
        out[n - first] = numbers[n % 4];
    }
  });
}

constexpr Kernel philox_box_muller = {"normal.philox", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&philox_box_muller};

} // namespace

extern const KernelList normal_kernels;
const KernelList normal_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
