#include "ops/patch_geometry.h"

namespace tubelet {

int64_t require_patch_elements(const NodeTypes &node, const PatchAttributes &attributes) {
  return require_product(
      node, "channels · patch",
      {attributes.channels, attributes.patch_t, attributes.patch_h, attributes.patch_w});
}

namespace {

/// start + count <= limit, where count is a product that must not overflow.
bool fits(int64_t start, std::initializer_list<int64_t> factors, int64_t limit, int64_t &count) {
  count = 1;
  for (int64_t factor : factors)
    if (__builtin_mul_overflow(count, factor, &count))
      return false;
  return start >= 0 && start <= limit && count <= limit - start;
}

} // namespace

void require_geometry(std::string_view op, const Tensor &geometry,
                      const PatchAttributes &attributes, int64_t elements, int64_t tokens,
                      PatchSide written) {
  const auto *rows = static_cast<const PatchGeometry *>(geometry.data);
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (int64_t i = 0; i < geometry.shape[0]; i++) {
    const PatchGeometry &row = rows[i];
    const std::string name = "geometry[" + std::to_string(i) + "]";
    const std::string size = std::to_string(row.frames) + "x" + std::to_string(row.height) + "x" +
                             std::to_string(row.width);
    if (row.frames < 0 || row.height < 0 || row.width < 0 || row.frames % attributes.patch_t ||
        row.height % attributes.patch_h || row.width % attributes.patch_w)
      fail_data(op, name + " sizes must be",
                "multiples of the patch " + std::to_string(attributes.patch_t) + "x" +
                    std::to_string(attributes.patch_h) + "x" + std::to_string(attributes.patch_w),
                size);
    // A size of 0 first, so that the others cannot overflow beside it.
    const bool is_empty = row.frames == 0 || row.height == 0 || row.width == 0;
    int64_t element_count = 0, token_count = 0;
    if (!fits(row.element_start,
              {is_empty ? 0 : attributes.channels, row.frames, row.height, row.width}, elements,
              element_count))
      fail_data(op, name + " latents must be", "within " + std::to_string(elements) + " elements",
                size + " of " + std::to_string(attributes.channels) + " channels from " +
                    std::to_string(row.element_start));
    if (!fits(row.token_start,
              {is_empty ? 0 : row.frames / attributes.patch_t, row.height / attributes.patch_h,
               row.width / attributes.patch_w},
              tokens, token_count))
      fail_data(op, name + " tokens must be", "within " + std::to_string(tokens),
                size + " from " + std::to_string(row.token_start));
    const int64_t start = written == PatchSide::tokens ? row.token_start : row.element_start;
    const int64_t count = written == PatchSide::tokens ? token_count : element_count;
    if (count > 0)
      ranges.push_back({start, start + count});
  }
  require_apart(op, written == PatchSide::tokens ? "geometry tokens" : "geometry latents", ranges);
}

} // namespace tubelet
