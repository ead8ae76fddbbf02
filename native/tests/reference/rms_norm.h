#pragma once

#include "ops/rms_norm.h"
#include "tests/reference/activation.h"

namespace tubelet {

template <class Real> Real rms_norm_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<RmsNorm::Attributes>();
  const Tensor &x = call.inputs[RmsNorm::x], &weight = call.inputs[RmsNorm::weight];
  const int64_t columns = last_of(x), width = columns / attributes.groups;
  const int64_t row = index / columns, d = index % columns, first = d / width * width;
  Real squares = 0;
  for (int64_t i = first; i < first + width; i++)
    squares += at<Real>(x, row, i) * at<Real>(x, row, i);
  const Real epsilon = Real(attributes.epsilon), length = std::sqrt(squares);
  Real y = at<Real>(x, row, d);
  if (attributes.form == RmsNorm::Form::rms)
    y /= std::sqrt(squares / Real(width) + epsilon);
  else
    y = y / (length < epsilon ? epsilon : length) * std::sqrt(Real(width));
  if (weight.rank > 0)
    y *= at<Real>(weight, 0, weight.shape[0] == columns ? d : d - first);
  return attributes.activation == RmsNorm::Activation::silu ? activate(ActivationKind::silu, y) : y;
}

} // namespace tubelet
