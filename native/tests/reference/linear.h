#pragma once

#include "ops/linear.h"
#include "tests/reference/activation.h"

namespace tubelet {

/// Largest magnitude of a row over 127; NaN where one is not finite, so that all products are.
inline float integer_scale(const Tensor &tensor, int64_t row) {
  float most = 0;
  for (int64_t k = 0; k < last_of(tensor); k++) {
    const float value = at<float>(tensor, row, k);
    most = std::isfinite(value) ? std::max(most, std::abs(value)) : NAN;
    if (std::isnan(most))
      break;
  }
  return most / 127;
}

/// Σ x·w with both rounded to 8-bit integers, a scale per row of x and per row of the weight.
inline float integer_dot(const Tensor &x, int64_t t, const Tensor &weight, int64_t n) {
  const float x_scale = integer_scale(x, t), w_scale = integer_scale(weight, n);
  int64_t sum = 0;
  for (int64_t k = 0; k < last_of(x); k++)
    if (x_scale > 0 && w_scale > 0)
      sum +=
          std::lrint(at<float>(x, t, k) / x_scale) * std::lrint(at<float>(weight, n, k) / w_scale);
  return float(sum) * (x_scale * w_scale);
}

template <class Real> Real linear_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Linear::Attributes>();
  const auto &in = call.inputs;
  const int64_t t = index / call.output.shape[1], n = index % call.output.shape[1];
  Real sum = 0;
  if (std::is_same_v<Real, float> && call.precision == Precision::int8)
    sum = integer_dot(in[Linear::x], t, in[Linear::weight], n);
  else
    for (int64_t k = 0; k < in[Linear::x].shape[1]; k++)
      sum += factor(call, at<Real>(in[Linear::x], t, k)) *
             factor(call, at<Real>(in[Linear::weight], n, k));
  if (in[Linear::bias].rank > 0)
    sum += at<Real>(in[Linear::bias], 0, n);
  Real y = activate(attributes.activation, sum);
  if (in[Linear::modulation].rank > 0)
    y *= at<Real>(in[Linear::modulation], index_at(in[Linear::row], t), attributes.gate_column + n);
  if (in[Linear::residual].rank > 0)
    y += at<Real>(in[Linear::residual], t, n);
  return y;
}

} // namespace tubelet
