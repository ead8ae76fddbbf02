// The activations that linear and convolution fuse (all but tanh) and that the op activation
// applies (all but none). Formulas: activation.h.
#pragma once

#include <cstdint>

namespace tubelet {

enum class ActivationKind : uint8_t { none, gelu_tanh, gelu_erf, quick_gelu, silu, relu, tanh };

} // namespace tubelet
