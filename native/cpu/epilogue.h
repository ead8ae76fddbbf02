// What follows a finished tile of linear or convolution: bias, activation, gate, residual, store.
#pragma once

#include "cpu/activation.h"
#include "cpu/tile.h"
#include "ops/activation_kind.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// One output row of a tile; null where there is nothing. Pointers are at the tile's first column.
struct EpilogueRow {
  const float *gate;
  const float *residual;
  RowOut out;
};

/// out = activation(value + bias) · gate + residual for the first `columns` of a tile row; value(n,
/// access) is the finished sum of column n on.
template <ActivationKind activation, class Value>
inline void finish_row_with(Value &&value, const float *bias, const EpilogueRow &row,
                            int64_t columns) {
  for_row(columns, [&](int64_t n, auto access) {
    Vec y = value(n, access);
    if (bias)
      y += access.load(bias + n);
    y = activate(activation, y);
    if (row.gate)
      y *= access.load(row.gate + n);
    if (row.residual)
      y += access.load(row.residual + n);
    row.out.store(n, access, y);
  });
}

template <class Value>
inline void finish_row(Value &&value, const float *bias, ActivationKind activation,
                       const EpilogueRow &row, int64_t columns) {
  switch (activation) {
  case ActivationKind::gelu_tanh:
    return finish_row_with<ActivationKind::gelu_tanh>(value, bias, row, columns);
  case ActivationKind::gelu_erf:
    return finish_row_with<ActivationKind::gelu_erf>(value, bias, row, columns);
  case ActivationKind::quick_gelu:
    return finish_row_with<ActivationKind::quick_gelu>(value, bias, row, columns);
  case ActivationKind::silu:
    return finish_row_with<ActivationKind::silu>(value, bias, row, columns);
  case ActivationKind::relu:
    return finish_row_with<ActivationKind::relu>(value, bias, row, columns);
  case ActivationKind::none:
  case ActivationKind::tanh:
    return finish_row_with<ActivationKind::none>(value, bias, row, columns);
  }
}

/// The sums of a tile's row in float32.
inline auto sums_of(const float *c) {
  return [c](int64_t n, auto) { return load(c + n); };
}

} // namespace
} // namespace tubelet::TUBELET_ISA
