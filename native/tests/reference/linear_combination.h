#pragma once

#include "ops/linear_combination.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real linear_combination_element(const ReferenceCall &call, int64_t index) {
  Real sum = 0;
  for (size_t i = LinearCombination::x; i < call.inputs.size(); i++)
    sum = std::fma(at<Real>(call.inputs[0], 0, int64_t(i) - LinearCombination::x),
                   at<Real>(call.inputs[i], 0, index), sum);
  return sum;
}

} // namespace tubelet
