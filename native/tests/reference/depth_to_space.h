#pragma once

#include "ops/depth_to_space.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real depth_to_space_element(const ReferenceCall &call, int64_t index) {
  const auto &a = call.as<DepthToSpace::Attributes>();
  const auto [f, h, w, c] = pixel_of(call.output, index);
  const int64_t channel = c * a.channel_stride + f % a.factor_t * a.stride_t +
                          h % a.factor_h * a.stride_h + w % a.factor_w * a.stride_w;
  return at4<Real>(call.inputs[DepthToSpace::x], f / a.factor_t, h / a.factor_h, w / a.factor_w,
                   channel / a.repeats);
}

} // namespace tubelet
