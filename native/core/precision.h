// How exactly a plan multiplies matrices. Norms, softmax, residuals and sums are float32 in all.
#pragma once

#include <cstdint>

namespace tubelet {

/// The least precise arithmetic that kernels of a plan may use; where the device has no kernel for it,
/// the next more precise one runs, and `explain()` says so.
enum class Precision : uint8_t { f32 = 0, bf16 = 1, int8 = 2 };
constexpr int precision_count = 3;

/// "f32", "bf16", "int8".
const char *name_of(Precision precision);

} // namespace tubelet
