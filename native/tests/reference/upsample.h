#pragma once

#include "ops/upsample.h"
#include "tests/reference/reference.h"

namespace tubelet {

template <class Real> Real upsample_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Upsample::Attributes>();
  const auto [f, h, w, c] = pixel_of(call.output, index);
  return at4<Real>(call.inputs[Upsample::x], f / attributes.factor_t, h / attributes.factor_h,
                   w / attributes.factor_w, c);
}

} // namespace tubelet
