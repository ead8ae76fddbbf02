// CUDA as a kind of device. Its kernels are in a shared library of their own, libtubelet_cuda, which is
// opened when the kind is described or opened.
#pragma once

namespace tubelet {

/// Makes "cuda" known to Device::open. Any number of calls.
void register_cuda();

} // namespace tubelet
