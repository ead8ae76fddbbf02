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
  float *out;
};

/// out = activation(c + bias) · gate + residual for the first `columns` of a tile row.
inline void finish_row(const float *c, const float *bias, ActivationKind activation,
                       const EpilogueRow &row, int64_t columns) {
  for_row(columns, [&](int64_t n, auto access) {
    Vec y = load(c + n);
    if (bias)
      y += access.load(bias + n);
    y = activate(activation, y);
    if (row.gate)
      y *= access.load(row.gate + n);
    if (row.residual)
      y += access.load(row.residual + n);
    access.store(row.out + n, y);
  });
}

} // namespace
} // namespace tubelet::TUBELET_ISA
