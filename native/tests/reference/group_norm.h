#pragma once

#include "ops/group_norm.h"
#include "tests/reference/activation.h"

namespace tubelet {

template <class Real> Real group_norm_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<GroupNorm::Attributes>();
  const Tensor &x = call.inputs[GroupNorm::x];
  const Tensor &weight = call.inputs[GroupNorm::weight], &bias = call.inputs[GroupNorm::bias];
  const int64_t channels = last_of(x), width = channels / attributes.groups;
  const int64_t pixels = x.shape[1] * x.shape[2];
  const int64_t c = index % channels, row = index / channels;
  const int64_t first_row = row / pixels * pixels, first = c / width * width;
  const Real count = Real(pixels * width);
  Real mean = 0, variance = 0;
  for (int64_t i = 0; i < pixels * width; i++)
    mean += at<Real>(x, first_row + i / width, first + i % width);
  mean /= count;
  for (int64_t i = 0; i < pixels * width; i++) {
    const Real deviation = at<Real>(x, first_row + i / width, first + i % width) - mean;
    variance += deviation * deviation;
  }
  Real y = (at<Real>(x, row, c) - mean) / std::sqrt(variance / count + Real(attributes.epsilon));
  if (weight.rank > 0)
    y *= at<Real>(weight, 0, c);
  if (bias.rank > 0)
    y += at<Real>(bias, 0, c);
  return activate(attributes.activation, y);
}

} // namespace tubelet
