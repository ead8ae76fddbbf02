#pragma once

#include "ops/unpatchify.h"
#include "tests/reference/patchify.h"

namespace tubelet {

template <class Real> Real unpatchify_element(const ReferenceCall &call, int64_t index) {
  const Tensor &geometry = call.inputs[Unpatchify::geometry];
  for (int64_t s = 0; s < geometry.shape[0]; s++) {
    const ReferenceSegment out = segment_at(call, geometry, s);
    const PatchAttributes &p = out.patch;
    const int64_t element = index - out.element_start;
    if (element < 0 || element >= out.elements())
      continue;
    const int64_t w = element % out.width, h = element / out.width % out.height;
    const int64_t f = element / out.width / out.height % out.frames;
    const int64_t c = element / out.width / out.height / out.frames;
    const int64_t token =
        out.token_start +
        (f / p.patch_t * (out.height / p.patch_h) + h / p.patch_h) * (out.width / p.patch_w) +
        w / p.patch_w;
    const int64_t inside = (f % p.patch_t * p.patch_h + h % p.patch_h) * p.patch_w + w % p.patch_w;
    const int64_t column = p.order == PatchAttributes::Order::channel_last
                               ? inside * p.channels + c
                               : c * p.patch_t * p.patch_h * p.patch_w + inside;
    return at<Real>(call.inputs[Unpatchify::tokens], token, column);
  }
  return 0;
}

} // namespace tubelet
