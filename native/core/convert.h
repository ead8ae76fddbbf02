// Stored floats to f32.
#pragma once

#include "core/kernel.h"

namespace tubelet {

/// Writes rows.rows x rows.row_elements floats at their place in `to`, the start of the weight.
void convert_to_f32(const WeightRows &rows, float *to);

} // namespace tubelet
