// Frames and pixels to channels (pixel unshuffle), with an average over channels, channels last:
//   z[f, h, w, c·channelStride + i·strideT + j·strideH + k·strideW]
//     = x̃[f·factorT + i, h·factorH + j, w·factorW + k, c]
//   y[f, h, w, o] = (z[f,h,w, o·group] + … + z[f,h,w, o·group + group-1]) / group
// x̃ is padFront frames of zeros, then x. The strides place every (c, i, j, k) at a channel of z of
// its own. group > 1 is Wan 2.2's AvgDown3D; its sum is in float32, i, j, k outermost, then c.
//   x     f32 [F, H, W, C]; factorT divides padFront + F, factorH H, factorW W
//   -> y  f32 [(padFront + F) / factorT, H / factorH, W / factorW,
//              C·factorT·factorH·factorW / group], no alias
#pragma once

#include "ops/op.h"

namespace tubelet {

struct SpaceToDepth {
  enum Input { x };
  static constexpr InputSpec inputs[] = {{"x"}};

  struct Attributes {
    int64_t factor_t = 1, factor_h = 1, factor_w = 1;
    int64_t pad_front = 0;
    int64_t group = 1;
    int64_t channel_stride = 1, stride_t = 0, stride_h = 0, stride_w = 0;

    template <class Visitor> void visit(Visitor &v) {
      v.field("factorT", factor_t, 1);
      v.field("factorH", factor_h, 1);
      v.field("factorW", factor_w, 1);
      v.field("padFront", pad_front);
      v.field("group", group, 1);
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
