#pragma once

#include "ops/gated_residual.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real gated_residual_element(const ReferenceCall &call, int64_t index) {
  const auto &in = call.inputs;
  const int64_t width = last_of(call.output), t = index / width, d = index % width;
  const int64_t row = index_at(in[GatedResidual::row], t);
  const int64_t column = call.as<GatedResidual::Attributes>().gate_column + d;
  return at<Real>(in[GatedResidual::x], t, d) +
         at<Real>(in[GatedResidual::modulation], row, column) *
             at<Real>(in[GatedResidual::y], t, d);
}

} // namespace tubelet
