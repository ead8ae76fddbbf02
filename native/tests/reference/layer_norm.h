#pragma once

#include "ops/layer_norm.h"
#include "tests/reference/reference.h"

namespace tubelet {

/// (x[t,d] - mean) / sqrt(var + epsilon) over the `width` columns of d's group
template <class Real>
Real layer_normed(const Tensor &x, int64_t t, int64_t d, double epsilon, int64_t width) {
  const int64_t first = d / width * width;
  Real mean = 0, variance = 0;
  for (int64_t i = first; i < first + width; i++)
    mean += at<Real>(x, t, i);
  mean /= Real(width);
  for (int64_t i = first; i < first + width; i++)
    variance += (at<Real>(x, t, i) - mean) * (at<Real>(x, t, i) - mean);
  return (at<Real>(x, t, d) - mean) / std::sqrt(variance / Real(width) + Real(epsilon));
}

template <class Real> Real layer_norm_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<LayerNorm::Attributes>();
  const auto &in = call.inputs;
  const int64_t columns = last_of(in[LayerNorm::x]), width = columns / attributes.groups;
  const int64_t t = index / columns, d = index % columns;
  const auto vector = [&](int input) {
    return at<Real>(in[input], 0, in[input].shape[0] == columns ? d : d % width);
  };
  Real y = layer_normed<Real>(in[LayerNorm::x], t, d, attributes.epsilon, width);
  if (in[LayerNorm::weight].rank > 0)
    y *= vector(LayerNorm::weight);
  if (in[LayerNorm::bias].rank > 0)
    y += vector(LayerNorm::bias);
  return y;
}

} // namespace tubelet
