#pragma once

#include "ops/linear.h"
#include "tests/reference/activation.h"

namespace tubelet {

template <class Real> Real linear_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Linear::Attributes>();
  const auto &in = call.inputs;
  const int64_t t = index / call.output.shape[1], n = index % call.output.shape[1];
  Real sum = 0;
  for (int64_t k = 0; k < in[Linear::x].shape[1]; k++)
    sum += at<Real>(in[Linear::x], t, k) * at<Real>(in[Linear::weight], n, k);
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
