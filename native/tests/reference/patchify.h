#pragma once

#include "ops/patchify.h"
#include "tests/reference/reference.h"

namespace tubelet {

/// One segment of a geometry table: latents [C, F, H, W], tokens in patches.
struct ReferenceSegment {
  const PatchAttributes &patch;
  int64_t element_start, token_start, frames, height, width;

  int64_t elements() const { return patch.channels * frames * height * width; }
  int64_t tokens() const { return elements() / token_elements(); }
  int64_t token_elements() const {
    return patch.channels * patch.patch_t * patch.patch_h * patch.patch_w;
  }
};

inline ReferenceSegment segment_at(const ReferenceCall &call, const Tensor &geometry, int64_t s) {
  const auto field = [&](int i) { return index_at(geometry, 5 * s + i); };
  return {call.as<PatchAttributes>(), field(0), field(1), field(2), field(3), field(4)};
}

template <class Real> Real patchify_element(const ReferenceCall &call, int64_t index) {
  const Tensor &geometry = call.inputs[Patchify::geometry];
  for (int64_t s = 0; s < geometry.shape[0]; s++) {
    const ReferenceSegment in = segment_at(call, geometry, s);
    const PatchAttributes &p = in.patch;
    const int64_t token = index / in.token_elements() - in.token_start;
    if (token < 0 || token >= in.tokens())
      continue;
    const int64_t columns = in.width / p.patch_w, rows = in.height / p.patch_h;
    int64_t rest = index % in.token_elements(), c = 0;
    if (p.order == PatchAttributes::Order::channel_last) {
      c = rest % p.channels;
      rest /= p.channels;
    } else {
      c = rest / (p.patch_t * p.patch_h * p.patch_w);
      rest %= p.patch_t * p.patch_h * p.patch_w;
    }
    const int64_t f = token / columns / rows * p.patch_t + rest / p.patch_w / p.patch_h;
    const int64_t h = token / columns % rows * p.patch_h + rest / p.patch_w % p.patch_h;
    const int64_t w = token % columns * p.patch_w + rest % p.patch_w;
    return at<Real>(call.inputs[Patchify::latents], 0,
                    in.element_start + ((c * in.frames + f) * in.height + h) * in.width + w);
  }
  return 0;
}

} // namespace tubelet
