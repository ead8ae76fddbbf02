#pragma once

#include "ops/concat.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real concat_element(const ReferenceCall &call, int64_t index) {
  const int64_t width = last_of(call.output);
  const bool is_row = call.as<Concat::Attributes>().axis == 0 && call.output.rank > 1;
  int64_t row = index / width, column = index % width;
  for (const Tensor &x : call.inputs) {
    const int64_t rows = int64_t(elements_of(x)) / last_of(x);
    if (is_row ? row < rows : column < last_of(x))
      return at<Real>(x, row, column);
    (is_row ? row : column) -= is_row ? rows : last_of(x);
  }
  return 0;
}

} // namespace tubelet
