#pragma once

#include "ops/space_to_depth.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real space_to_depth_element(const ReferenceCall &call, int64_t index) {
  const auto &a = call.as<SpaceToDepth::Attributes>();
  const Tensor &x = call.inputs[SpaceToDepth::x];
  const auto [f, h, w, o] = pixel_of(call.output, index);
  Real sum = 0;
  for (int64_t i = 0; i < a.factor_t; i++)
    for (int64_t j = 0; j < a.factor_h; j++)
      for (int64_t k = 0; k < a.factor_w; k++)
        for (int64_t c = 0; c < x.shape[3]; c++) {
          const int64_t frame = f * a.factor_t + i - a.pad_front;
          const int64_t z = c * a.channel_stride + i * a.stride_t + j * a.stride_h + k * a.stride_w;
          if (z / a.group == o && frame >= 0)
            sum += at4<Real>(x, frame, h * a.factor_h + j, w * a.factor_w + k, c);
        }
  return sum / Real(a.group);
}

} // namespace tubelet
