#pragma once

#include "ops/convolution.h"
#include "tests/reference/activation.h"

namespace tubelet {

/// x̃ at frame f of the padded time axis and pixel (h, w) of the padded, upsampled frame.
template <class Real>
Real convolution_input(const ReferenceCall &call, int64_t f, int64_t h, int64_t w, int64_t c) {
  const auto &attributes = call.as<Convolution::Attributes>();
  const Tensor &x = call.inputs[Convolution::x], &cache = call.inputs[Convolution::cache];
  const int64_t up = attributes.upsample;
  h -= attributes.pad_top;
  w -= attributes.pad_left;
  f -= attributes.pad_front;
  if (h < 0 || w < 0 || h >= up * x.shape[1] || w >= up * x.shape[2])
    return 0;
  if (f >= 0)
    return at4<Real>(x, f, h / up, w / up, c);
  const int64_t cached = cache.rank > 0 ? f + cache.shape[0] : -1;
  return cached < 0 ? 0 : at4<Real>(cache, cached, h / up, w / up, c);
}

template <class Real> Real convolution_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Convolution::Attributes>();
  const auto &in = call.inputs;
  const Tensor &weight = in[Convolution::weight];
  const auto [f, h, w, o] = pixel_of(call.output, index);
  const int64_t channels = weight.shape[1];
  Real sum = 0;
  for (int64_t c = 0; c < channels; c++)
    for (int64_t i = 0; i < weight.shape[2]; i++)
      for (int64_t j = 0; j < weight.shape[3]; j++)
        for (int64_t k = 0; k < weight.shape[4]; k++)
          sum +=
              factor(call, convolution_input<Real>(call, f * attributes.stride_t + i,
                                                   h * attributes.stride_h + j,
                                                   w * attributes.stride_w + k, c)) *
              factor(call,
                     at<Real>(weight,
                              ((o * channels + c) * weight.shape[2] + i) * weight.shape[3] + j, k));
  if (in[Convolution::bias].rank > 0)
    sum += at<Real>(in[Convolution::bias], 0, o);
  Real y = activate(attributes.activation, sum);
  if (in[Convolution::residual].rank > 0)
    y += at4<Real>(in[Convolution::residual], f, h, w, o);
  return y;
}

} // namespace tubelet
