// device/wgmma.cuh on the host: the threads of a warpgroup give their registers, and a product is computed as
// late as they wait for it.
#include "cuda_runtime_api.h"

#include <cstring>

namespace emulated {
namespace {

constexpr int rows = 64, depth = 16;

/// Elements of a tile that a matrix descriptor of PTX points to: K-major, swizzled by 128 bytes.
struct Tile {
  uint32_t start, eight_rows;

  explicit Tile(uint64_t descriptor)
      : start(uint32_t(descriptor & 0x3FFF) << 4),
        eight_rows(uint32_t(descriptor >> 32 & 0x3FFF) << 4) {
    if (descriptor >> 62 != 1)
      fail("a matrix descriptor has another swizzle than that of 128 bytes");
    if (descriptor >> 49 & 7)
      fail("a matrix descriptor has a base offset");
    if (descriptor & 0x3FF1C000C000C000)
      fail("a matrix descriptor has bits that mean nothing");
  }

  float at(int row, int k) const {
    const uint32_t address = start + row / 8 * eight_rows + row % 8 * 128 + k * 2;
    uint16_t bits;
    std::memcpy(&bits, shared_at(swizzled(address)), 2);
    return std::bit_cast<float>(uint32_t(bits) << 16);
  }
};

} // namespace

uint32_t swizzled(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }

void multiply(const std::vector<Product> &lanes) {
  const Product &any = lanes[0];
  float a[rows][depth];
  for (int row = 0; row < rows; row++)
    for (int k = 0; k < depth; k++)
      if (any.a) {
        const Product &lane = lanes[row / 16 * 32 + row % 8 * 4 + k % 8 / 2];
        const uint32_t pair = lane.a[row % 16 / 8 + k / 8 * 2];
        a[row][k] = std::bit_cast<float>(k % 2 ? pair & 0xFFFF0000 : pair << 16);
      } else {
        a[row][k] = Tile(any.a_tile).at(row, k);
      }
  for (int column = 0; column < any.columns; column++) {
    float b[depth];
    for (int k = 0; k < depth; k++)
      b[k] = Tile(any.b_tile).at(column, k);
    for (int row = 0; row < rows; row++) {
      const Product &lane = lanes[row / 16 * 32 + row % 8 * 4 + column % 8 / 2];
      float &sum = lane.sums[column / 8 * 4 + row % 16 / 8 * 2 + column % 2];
      float total = any.is_added ? sum : 0.0f;
      for (int k = 0; k < depth; k++)
        total += a[row][k] * b[k];
      sum = total;
    }
  }
}

} // namespace emulated
