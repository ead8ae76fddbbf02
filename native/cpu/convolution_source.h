// What convolution kernels read: x and the cache as pixels of one number format, and zeros around them.
#pragma once

#include "cpu/tile.h"
#include "ops/convolution.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// Pixels as the kernel reads them: `depth` elements, `stride` from one to the next.
template <class F> struct Pixels {
  const typename F::Element *start;
  int64_t stride;
};

/// x, the cache and the row of zeros.
template <class F> struct Source {
  Pixels<F> x, cache;
  const typename F::Element *zeros;
  int64_t depth;
};

template <class F> struct Geometry {
  const Convolution::Attributes &attributes;
  const Tensor &x, &weight, &cache, &output;
  Source<F> source;

  int64_t taps() const { return weight.shape[2] * weight.shape[3] * weight.shape[4]; }
  int64_t columns() const { return weight.shape[0]; }
};

inline size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

template <class F> inline size_t pixel_bytes(const Tensor &pixels) {
  if (pixels.rank == 0)
    return 0;
  return aligned((size_t)(rows_of(pixels) * stepped<F>(last_of(pixels))) *
                 sizeof(typename F::Element));
}

/// The row of zeros, then, where they are converted, x and the cache.
template <class F> inline size_t source_bytes(const Tensor &x, const Tensor &cache) {
  const size_t zeros = aligned((size_t)stepped<F>(last_of(x)) * sizeof(typename F::Element));
  return F::step == 1 ? zeros : zeros + pixel_bytes<F>(x) + pixel_bytes<F>(cache);
}

template <class F>
inline void convert_pixels(const Tensor &from, typename F::Element *to, Pool &pool) {
  const int64_t depth = last_of(from);
  parallel_rows(pool, rows_of(from), depth, [&](int64_t row) {
    convert_row<F>(floats(from) + row * from.row_stride, depth, to + row * stepped<F>(depth));
  });
}

/// Fills the first source_bytes of scratch.
template <class F>
inline Source<F> prepare_source(const Tensor &x, const Tensor &cache, void *scratch, Pool &pool) {
  using Element = typename F::Element;
  const int64_t depth = stepped<F>(last_of(x));
  const size_t zero_bytes = aligned((size_t)depth * sizeof(Element));
  auto *zeros = (Element *)scratch;
  __builtin_memset(zeros, 0, zero_bytes);
  if constexpr (F::step == 1)
    return {{floats(x), x.row_stride}, {floats(cache), cache.row_stride}, zeros, depth};
  auto *pixels = (Element *)((char *)scratch + zero_bytes);
  auto *cached = (Element *)((char *)pixels + pixel_bytes<F>(x));
  convert_pixels<F>(x, pixels, pool);
  if (cache.data)
    convert_pixels<F>(cache, cached, pool);
  return {{pixels, depth}, {cached, depth}, zeros, depth};
}

template <class F> inline Geometry<F> geometry_of(const KernelCall &call, Pool &pool) {
  const Tensor *in = call.inputs;
  const Tensor &x = in[Convolution::x], &cache = in[Convolution::cache];
  return {*static_cast<const Convolution::Attributes *>(call.attributes),
          x,
          in[Convolution::weight],
          cache,
          *call.output,
          prepare_source<F>(x, cache, call.scratch, pool)};
}

/// The pixels of x̃[frame]; start is null for a frame of zeros.
template <class F> inline Pixels<F> frame_of(const Geometry<F> &g, int64_t frame) {
  const int64_t frame_pixels = g.x.shape[1] * g.x.shape[2];
  const int64_t cached = g.cache.data ? g.cache.shape[0] : 0;
  const int64_t zeros = g.attributes.pad_front - cached;
  if (frame < zeros)
    return {nullptr, 0};
  const bool is_cached = frame < g.attributes.pad_front;
  const Pixels<F> &from = is_cached ? g.source.cache : g.source.x;
  const int64_t index = frame - (is_cached ? zeros : g.attributes.pad_front);
  return {from.start + index * frame_pixels * from.stride, from.stride};
}

/// Pixel (y, x) of an upsampled frame that begins at (0, 0); zeros outside.
template <class F>
inline const typename F::Element *pixel_of(const Geometry<F> &g, const Pixels<F> &frame, int64_t y,
                                           int64_t x) {
  const int64_t shift = g.attributes.upsample - 1; // of 1 or 2: no division
  y >>= shift;
  x >>= shift;
  const bool is_inside = y >= 0 && y < g.x.shape[1] && x >= 0 && x < g.x.shape[2];
  return is_inside && frame.start ? frame.start + (y * g.x.shape[2] + x) * frame.stride
                                  : g.source.zeros;
}

} // namespace
} // namespace tubelet::TUBELET_ISA
