// A product by matrix tiles beside a plain one, for machines that nobody has tried: all numbers are small
// integers, so every order of summation gives the same bits.
#include "cpu/tile.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int rows = 23, tap_count = 2; // 16 rows in place, 7 gathered
constexpr int small_numbers = 15;       // -7 to 7

inline float number_at(int64_t index) {
  return (float)(index * index % 31 % small_numbers - small_numbers / 2);
}

template <class F> bool is_right() {
  using Element = typename F::Element;
  constexpr int64_t depth = 2 * stepped<F>(1), panel_depth = tap_count * depth;
  constexpr bool is_integer = F::precision == Precision::int8;
  Element a[rows][panel_depth], b[panel_depth * panel_width];
  Element *const panel = b;
  const auto element = [](float value, int zero) {
    if constexpr (is_integer)
      return (Element)(int)(value + (float)zero);
    else
      return F::of(value);
  };
  for (int r = 0; r < rows; r++)
    for (int64_t k = 0; k < panel_depth; k++)
      a[r][k] = element(number_at(r * 37 + k), small_numbers); // unsigned where an integer
  for (int64_t k = 0; k < panel_depth; k++)
    for (int n = 0; n < panel_width; n++)
      panel[packed_index<F>(k, n, panel_width)] = element(number_at(n * 41 + k + 5), 0);

  Tap<F> taps[tap_count];
  for (int t = 0; t < tap_count; t++) {
    for (int r = 0; r < rows; r++)
      taps[t].rows[r] = a[r] + t * depth;
    taps[t].first = t * depth;
  }
  alignas(line_bytes) float sums[tile_rows * panel_width];
  for (float &sum : sums)
    sum = 0;
  configure_tiles();
  multiply_tile<F>(rows, taps, tap_count, depth, panel, tile_vectors, sums, true);
  release_tiles();

  for (int r = 0; r < rows; r++)
    for (int n = 0; n < panel_width; n++) {
      int32_t expected = 0;
      for (int64_t k = 0; k < panel_depth; k++)
        expected += (int32_t)(number_at(r * 37 + k) + (is_integer ? small_numbers : 0)) *
                    (int32_t)number_at(n * 41 + k + 5);
      int32_t got;
      __builtin_memcpy(&got, &sums[r * panel_width + n], sizeof got);
      if (!is_integer)
        got = (int32_t)sums[r * panel_width + n];
      if (got != expected)
        return false;
    }
  return true;
}

} // namespace

extern const char *check_tiles();

/// Null, or what is wrong with this machine's tiles.
const char *check_tiles() {
  if (!is_right<Bf16>())
    return "a product of bfloat16 by tiles is not the plain one";
  if (!is_right<Int8>())
    return "a product of 8-bit integers by tiles is not the plain one";
  return nullptr;
}

} // namespace tubelet::TUBELET_ISA
