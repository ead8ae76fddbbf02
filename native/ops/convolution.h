// Causal 3D convolution, channels last, with activation and residual (CausalConv3d of Wan's VAE,
// Wan Team 2025; CogVideoX before it). 2D is kt = 1.
//   y[f,h,w,o] = act(sum x̃[f·strideT + i, h·strideH + j - padTop, w·strideW + k - padLeft, c]
//                    · weight[o,c,i,j,k] + bias[o]) + residual[f,h,w,o]
//   x̃          along time: padFront - Fc frames of zeros, then cache, then x; each frame
//              nearest-upsampled by `upsample` in space; zeros outside
//   x          f32 [F, H, W, Ci], last axis may be a slice, as that of cache and residual
//   weight     f32, f16 or bf16 [Co, Ci, kt, kh, kw], PyTorch's nn.Conv3d
//   bias       f32, f16 or bf16 [Co], optional
//   cache      f32 [Fc, H, W, Ci], Fc <= padFront: the last frames of the chunk before, optional
//   residual   f32 [F', H', W', Co], optional
//   -> y       f32 [F', H', W', Co]; may be residual itself, never x
//              F' = (padFront + F - kt) / strideT + 1, H' = (padTop + upsample·H + padBottom - kh)
//              / strideH + 1, W' alike, rounded down
// upsample is 1 or 2. Products are summed in float32 in an order that depends on Ci, kt, kh, kw, and for
// 3x3 kernels on the pixel's place in the frame.
#pragma once

#include "ops/activation_kind.h"
#include "ops/op.h"

namespace tubelet {

struct Convolution {
  enum Input { x, weight, bias, cache, residual };
  static constexpr InputSpec inputs[] = {{"x"},
                                         {"weight", InputKind::weight},
                                         {"bias", InputKind::weight, true},
                                         {"cache", InputKind::activation, true},
                                         {"residual", InputKind::activation, true}};

  struct Attributes {
    int64_t stride_t = 1, stride_h = 1, stride_w = 1;
    int64_t pad_front = 0;
    int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;
    int64_t upsample = 1;
    ActivationKind activation = ActivationKind::none;

    template <class Visitor> void visit(Visitor &v) {
      v.field("strideT", stride_t, 1);
      v.field("strideH", stride_h, 1);
      v.field("strideW", stride_w, 1);
      v.field("padFront", pad_front);
      v.field("padTop", pad_top);
      v.field("padBottom", pad_bottom);
      v.field("padLeft", pad_left);
      v.field("padRight", pad_right);
      v.field("upsample", upsample, 1);
      v.field("activation", activation,
              {"none", "gelu_tanh", "gelu_erf", "quick_gelu", "silu", "relu"});
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
