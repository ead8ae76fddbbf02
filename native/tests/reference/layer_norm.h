#pragma once

#include "ops/layer_norm.h"
#include "tests/reference/reference.h"

namespace tubelet {

/// (x[t,d] - mean) / sqrt(var + epsilon)
template <class Real> Real layer_normed(const Tensor &x, int64_t t, int64_t d, double epsilon) {
  const int64_t width = last_of(x);
  Real mean = 0, variance = 0;
  for (int64_t i = 0; i < width; i++)
    mean += at<Real>(x, t, i);
  mean /= Real(width);
  for (int64_t i = 0; i < width; i++)
    variance += (at<Real>(x, t, i) - mean) * (at<Real>(x, t, i) - mean);
  return (at<Real>(x, t, d) - mean) / std::sqrt(variance / Real(width) + Real(epsilon));
}

template <class Real> Real layer_norm_element(const ReferenceCall &call, int64_t index) {
  const auto &in = call.inputs;
  const int64_t width = last_of(in[LayerNorm::x]), t = index / width, d = index % width;
  Real y = layer_normed<Real>(in[LayerNorm::x], t, d, call.as<LayerNorm::Attributes>().epsilon);
  if (in[LayerNorm::weight].rank > 0)
    y *= at<Real>(in[LayerNorm::weight], 0, d);
  if (in[LayerNorm::bias].rank > 0)
    y += at<Real>(in[LayerNorm::bias], 0, d);
  return y;
}

} // namespace tubelet
