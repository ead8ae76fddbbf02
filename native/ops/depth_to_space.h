// Channels to frames and pixels (pixel shuffle, Shi et al. 2016, in three dims), channels last:
//   y[f·factorT + i, h·factorH + j, w·factorW + k, c]
//     = x[f, h, w, (c·channelStride + i·strideT + j·strideH + k·strideW) / repeats]
// The strides say where a factor lies among x's channels: PixelShuffle(r) has channelStride r·r,
// strideH r, strideW 1. repeats > 1 reads each channel of x several times in a row (Wan 2.2's
// DupUp3D); the division rounds down.
//   x     f32 [F, H, W, Cin], last axis may be a slice
//   -> y  f32 [F·factorT, H·factorH, W·factorW, channels], no alias
#pragma once

#include "ops/op.h"

namespace tubelet {

struct DepthToSpace {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};

  struct Attributes {
    int64_t factor_t = 1, factor_h = 1, factor_w = 1;
    int64_t channels = 1;
    int64_t repeats = 1;
    int64_t channel_stride = 1, stride_t = 0, stride_h = 0, stride_w = 0;

    template <class Visitor> void visit(Visitor &v) {
      v.field("factorT", factor_t, 1);
      v.field("factorH", factor_h, 1);
      v.field("factorW", factor_w, 1);
      v.field("channels", channels, 1);
      v.field("repeats", repeats, 1);
      v.field("channelStride", channel_stride);
      v.field("strideT", stride_t);
      v.field("strideH", stride_h);
      v.field("strideW", stride_w);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
