// Where a latent of a segment lies in packed tokens, for patchify and unpatchify.
#pragma once

#include "device/items.cuh"
#include "kernel_support.h"
#include "ops/patch_geometry.h"

namespace tubelet::cuda {
namespace {

/// Element (c, i, j, k) of a token, i, j, k inside the patch, is at c·by_channel + i·by_t + ….
struct Patch {
  uint32_t channels, t, h, w;
  uint32_t by_channel, by_t, by_h, by_w;
};

inline Patch patch_of(const PatchAttributes &attributes) {
  const auto channels = uint32_t(attributes.channels);
  const auto t = uint32_t(attributes.patch_t), h = uint32_t(attributes.patch_h);
  const auto w = uint32_t(attributes.patch_w);
  if (attributes.order == PatchAttributes::Order::channel_first)
    return {channels, t, h, w, t * h * w, h * w, w, 1};
  return {channels, t, h, w, 1, h * w * channels, w * channels, channels};
}

/// A row of the geometry table, checked before the kernel runs.
struct Segment {
  uint32_t element_start, token_start, frames, height, width;

  __device__ explicit Segment(const int32_t *row)
      : element_start(row[0]), token_start(row[1]), frames(row[2]), height(row[3]), width(row[4]) {}
  __device__ uint32_t elements(const Patch &patch) const {
    return patch.channels * frames * height * width;
  }
  __device__ uint32_t tokens(const Patch &patch) const {
    return frames / patch.t * (height / patch.h) * (width / patch.w);
  }
};

struct PatchNode {
  const float *x;
  const int32_t *geometry;
  float *y;
  int64_t elements, x_stride; ///< elements: of y
  uint32_t segments;
  Patch patch;

  PatchNode(const KernelCall &call, const Tensor &x, const Tensor &geometry)
      : x(floats(x)), geometry(integers(geometry)), y(floats_out(*call.output)),
        elements(element_count(*call.output)), x_stride(x.row_stride),
        segments(uint32_t(geometry.shape[0])),
        patch(patch_of(*static_cast<const PatchAttributes *>(call.attributes))) {}
};

/// `kernel` over the elements of y.
inline void launch_patch(Pool &pool, const char *name, const PatchNode &node,
                         void (*kernel)(PatchNode)) {
  if (node.elements > 0)
    launch_flat(pool, name, node.elements, kernel, node);
}

} // namespace
} // namespace tubelet::cuda
