// device/mma.cuh on the host: the lanes of a warp give their registers, and the last one to come does the
// work of all.
#include "cuda_runtime_api.h"

#include <cmath>
#include <cstring>

namespace emulated {
namespace {

struct Load {
  uint32_t *to;
  const void *row;
};

template <bool is_transposed> void load(void *const *lanes) {
  for (unsigned matrix = 0; matrix < 4; matrix++)
    for (unsigned lane = 0; lane < warp; lane++)
      for (unsigned half = 0; half < 2; half++) {
        const unsigned row = is_transposed ? lane % 4 * 2 + half : lane / 4;
        const unsigned column = is_transposed ? lane / 4 : lane % 4 * 2 + half;
        uint16_t bits;
        std::memcpy(
            &bits,
            static_cast<const char *>(static_cast<const Load *>(lanes[matrix * 8 + row])->row) +
                2 * column,
            2);
        uint32_t &to = static_cast<const Load *>(lanes[lane])->to[matrix];
        to = half ? (to & 0xFFFF) | uint32_t(bits) << 16 : bits;
      }
}

struct Fragments {
  float *sum;
  const uint32_t *a, *b;
};

float value(uint32_t pair, int half) {
  return std::bit_cast<float>(half ? pair & 0xFFFF0000 : pair << 16);
}

void multiply(void *const *lanes) {
  const auto of = [&](int lane) -> const Fragments & {
    return *static_cast<const Fragments *>(lanes[lane]);
  };
  float a[16][16], b[16][8];
  for (int row = 0; row < 16; row++)
    for (int k = 0; k < 16; k++)
      a[row][k] = value(of(row % 8 * 4 + k % 8 / 2).a[row / 8 + k / 8 * 2], k % 2);
  for (int k = 0; k < 16; k++)
    for (int column = 0; column < 8; column++)
      b[k][column] = value(of(column * 4 + k % 8 / 2).b[k / 8], k % 2);
  for (int row = 0; row < 16; row++)
    for (int column = 0; column < 8; column++) {
      float &sum = of(row % 8 * 4 + column / 2).sum[row / 8 * 2 + column % 2];
      for (int k = 0; k < 16; k++)
        sum += a[row][k] * b[k][column];
    }
}

} // namespace

uint32_t bfloat(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return std::isnan(value) ? 0x7FFF : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

void load_matrices(uint32_t (&to)[4], const void *row, bool is_transposed) {
  if (uintptr_t(row) % 16)
    fail("a row of a matrix is not aligned to 16 bytes");
  Load lane = {to, row};
  with_warp(&lane, is_transposed ? load<true> : load<false>);
}

void multiply_add(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Fragments lane = {sum, a, b};
  with_warp(&lane, multiply);
}

} // namespace emulated
