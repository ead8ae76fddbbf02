// Where a latent of a segment lies in packed tokens, for patchify and unpatchify.
#pragma once

#include "cpu/kernel_support.h"
#include "ops/patch_geometry.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// Element (c, i, j, k) of a token, i, j, k inside the patch, is at c·by_channel + i·by_t + ….
struct Patch {
  int64_t channels, t, h, w;
  int64_t by_channel, by_t, by_h, by_w;
};

inline Patch patch_of(const PatchAttributes &attributes) {
  const int64_t channels = attributes.channels;
  const int64_t t = attributes.patch_t, h = attributes.patch_h, w = attributes.patch_w;
  if (attributes.order == PatchAttributes::Order::channel_first)
    return {channels, t, h, w, t * h * w, h * w, w, 1};
  return {channels, t, h, w, 1, h * w * channels, w * channels, channels};
}

/// A row of the geometry table, in the units of the search: tokens or elements.
struct Segment {
  int64_t element_start, token_start, frames, height, width;
  int64_t elements(const Patch &patch) const { return patch.channels * frames * height * width; }
  int64_t tokens(const Patch &patch) const {
    return (frames / patch.t) * (height / patch.h) * (width / patch.w);
  }
};

inline Segment segment_of(const Tensor &geometry, int64_t index) {
  const PatchGeometry row = static_cast<const PatchGeometry *>(geometry.data)[index];
  return {row.element_start, row.token_start, row.frames, row.height, row.width};
}

} // namespace
} // namespace tubelet::TUBELET_ISA
