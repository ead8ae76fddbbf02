#pragma once

#include "ops/concat.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real concat_element(const ReferenceCall &call, int64_t index) {
  const int64_t width = last_of(call.output), column = index % width;
  int64_t row = index / width;
  for (const Tensor &x : call.inputs) {
    const int64_t rows = int64_t(elements_of(x)) / width;
    if (x.rank == 1) {
      if (index < x.shape[0])
        return at<Real>(x, 0, index);
      index -= x.shape[0];
    } else if (row < rows)
      return at<Real>(x, row, column);
    row -= rows;
  }
  return 0;
}

} // namespace tubelet
