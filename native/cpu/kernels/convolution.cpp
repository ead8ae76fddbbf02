// Convolution as an indirect matrix product: an output pixel is a row of A whose pieces, one per tap,
// are read where they lie in x, the cache, or a row of zeros. So stride, padding, the streaming cache
// and nearest upsampling are only pointers, and nothing is unrolled into columns. Formats narrower
// than float32 convert x and the cache first, once.
#include "ops/convolution.h"
#include "cpu/epilogue.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t block_tiles = 8;
constexpr int64_t block_pixels = block_tiles * tile_rows;

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

/// Per thread: the tiles' sums and their lists of taps.
template <class F> struct Workspace {
  float *sums;
  Tap<F> *taps;
  int64_t *tap_counts;

  static size_t bytes(int64_t taps) {
    return block_pixels * panel_width * sizeof(float) +
           (size_t)(block_tiles * taps) * sizeof(Tap<F>) + block_tiles * sizeof(int64_t);
  }
  Workspace(void *scratch, int64_t taps, int thread) {
    char *start = (char *)scratch + (size_t)thread * bytes(taps);
    sums = (float *)start;
    this->taps = (Tap<F> *)(start + block_pixels * panel_width * sizeof(float));
    tap_counts = (int64_t *)(this->taps + block_tiles * taps);
  }
};

template <class F> const char *accepts(const NodeSpec &node) {
  if (node.precision < F::precision)
    return "the plan asks for more precision";
  return node.is_weight[Convolution::weight] ? nullptr : "weight must be constant to be packed";
}

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

template <class F> size_t pixel_bytes(const Tensor &pixels) {
  if (pixels.rank == 0)
    return 0;
  return aligned((size_t)(rows_of(pixels) * stepped<F>(last_of(pixels))) *
                 sizeof(typename F::Element));
}

/// The row of zeros, then, where they are converted, x and the cache.
template <class F> size_t source_bytes(const Tensor &x, const Tensor &cache) {
  const size_t zeros = aligned((size_t)stepped<F>(last_of(x)) * sizeof(typename F::Element));
  return F::step == 1 ? zeros : zeros + pixel_bytes<F>(x) + pixel_bytes<F>(cache);
}

template <class F> void plan(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Convolution::weight];
  const int64_t taps = weight.shape[2] * weight.shape[3] * weight.shape[4];
  needs.weight_form[Convolution::weight] = WeightForm::packed;
  needs.packed_bytes[Convolution::weight] =
      sizeof(typename F::Element) *
      (size_t)(Panels{weight.shape[0]}.padded() * stepped<F>(weight.shape[1]) * taps);
  needs.scratch_bytes =
      source_bytes<F>(node.inputs[Convolution::x], node.inputs[Convolution::cache]) +
      (size_t)node.threads * Workspace<F>::bytes(taps);
}

/// [Co, Ci, taps] to panels of [taps, Ci] rows.
template <class F> void pack(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  const Tensor &weight = node.inputs[Convolution::weight];
  const int64_t depth = weight.shape[1], whole = stepped<F>(depth);
  const int64_t taps = weight.shape[2] * weight.shape[3] * weight.shape[4];
  const Panels panels{weight.shape[0]};
  for (int64_t row = 0; row < rows.rows; row++) {
    const int64_t n = rows.first_row + row, panel = panels.panel_of(n);
    auto *to = (typename F::Element *)packed + panels.offset(panel, whole * taps);
    for (int64_t c = 0; c < depth; c++)
      for (int64_t tap = 0; tap < taps; tap++)
        to[packed_index<F>(tap * whole + c, n - panels.start(panel), panels.width(panel))] =
            F::of(stored_value(rows.data, rows.dtype, row * rows.row_elements + c * taps + tap));
  }
}

/// The pixels of x̃[frame]; start is null for a frame of zeros.
template <class F> Pixels<F> frame_of(const Geometry<F> &g, int64_t frame) {
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

/// The taps of `rows` output pixels from `first` on; taps that meet only zeros are left out.
template <class F>
int64_t collect_taps(const Geometry<F> &g, int64_t first, int rows, Tap<F> *taps) {
  const auto &a = g.attributes;
  const int64_t out_h = g.output.shape[1], out_w = g.output.shape[2];
  const int64_t high = g.x.shape[1] * a.upsample, wide = g.x.shape[2] * a.upsample;
  int64_t f[tile_rows], h[tile_rows], w[tile_rows];
  for (int r = 0; r < rows; r++) {
    const int64_t pixel = first + r;
    w[r] = pixel % out_w * a.stride_w - a.pad_left;
    h[r] = pixel / out_w % out_h * a.stride_h - a.pad_top;
    f[r] = pixel / (out_w * out_h) * a.stride_t;
  }
  int64_t count = 0, index = 0;
  for (int64_t i = 0; i < g.weight.shape[2]; i++)
    for (int64_t j = 0; j < g.weight.shape[3]; j++)
      for (int64_t k = 0; k < g.weight.shape[4]; k++, index++) {
        bool is_zero = true;
        for (int r = 0; r < rows; r++) {
          const int64_t y = h[r] + j, x = w[r] + k;
          const bool is_inside = y >= 0 && y < high && x >= 0 && x < wide;
          const Pixels<F> frame = is_inside ? frame_of(g, f[r] + i) : Pixels<F>{nullptr, 0};
          const int64_t pixel = y / a.upsample * g.x.shape[2] + x / a.upsample;
          is_zero &= frame.start == nullptr;
          taps[count].rows[r] = frame.start ? frame.start + pixel * frame.stride : g.source.zeros;
        }
        taps[count].first = index * g.source.depth;
        count += !is_zero;
      }
  return count;
}

template <class F> void convert_pixels(const Tensor &from, typename F::Element *to, Pool &pool) {
  const int64_t depth = last_of(from);
  parallel_rows(pool, rows_of(from), depth, [&](int64_t row) {
    convert_row<F>(floats(from) + row * from.row_stride, depth, to + row * stepped<F>(depth));
  });
}

/// Fills the first source_bytes of scratch.
template <class F>
Source<F> prepare_source(const Tensor &x, const Tensor &cache, void *scratch, Pool &pool) {
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

template <class F> void run(const KernelCall &call, Pool &pool) {
  const Tensor *in = call.inputs;
  const Tensor &x = in[Convolution::x], &cache = in[Convolution::cache];
  const Geometry<F> g{*static_cast<const Convolution::Attributes *>(call.attributes),
                      x,
                      in[Convolution::weight],
                      cache,
                      *call.output,
                      prepare_source<F>(x, cache, call.scratch, pool)};
  const int64_t pixels = rows_of(g.output), columns = g.columns(), depth = g.source.depth;
  const int64_t taps = g.taps();
  const Panels panels{columns};
  const Tensor &bias = in[Convolution::bias], &residual = in[Convolution::residual];
  char *workspaces = (char *)call.scratch + source_bytes<F>(x, cache);

  const int64_t blocks = ceil_div(pixels, block_pixels);
  const int64_t groups =
      larger(1, smaller(panels.count(), ceil_div(8 * pool.threads, larger(1, blocks))));
  parallel(pool, blocks * groups, [&](int64_t task, int thread) {
    const int64_t block = task / groups, group = task % groups;
    const Workspace<F> space(workspaces, taps, thread);
    const int64_t first = block * block_pixels, end = smaller(pixels, first + block_pixels);
    for (int64_t p = first, i = 0; p < end; p += tile_rows, i++)
      space.tap_counts[i] =
          collect_taps<F>(g, p, (int)smaller(tile_rows, end - p), space.taps + i * taps);
    for (int64_t panel = group * panels.count() / groups;
         panel < (group + 1) * panels.count() / groups; panel++) {
      const auto *b =
          (const typename F::Element *)g.weight.data + panels.offset(panel, depth * taps);
      const int64_t column = panels.start(panel);
      const int64_t valid = smaller(panels.width(panel), columns - column);
      for (int64_t p = first, i = 0; p < end; p += tile_rows, i++) {
        const int rows = (int)smaller(tile_rows, end - p);
        multiply_tile<F>(rows, space.taps + i * taps, space.tap_counts[i], depth, b,
                         panels.width(panel) / lanes, space.sums, false);
        for (int r = 0; r < rows; r++) {
          finish_row(
              sums_of(space.sums + r * panel_width), bias.data ? floats(bias) + column : nullptr,
              g.attributes.activation,
              {nullptr,
               residual.data ? floats(residual) + (p + r) * residual.row_stride + column : nullptr,
               floats_out(*call.output) + (p + r) * columns + column},
              valid);
        }
      }
    }
  });
}

#if defined(__AVX512BF16__)
constexpr Kernel bf16 = {"convolution.bf16", accepts<Bf16>, plan<Bf16>,
                         pack<Bf16>,         run<Bf16>,     Precision::bf16};
constexpr const Kernel *list[] = {&bf16};
#else
constexpr Kernel indirect = {"convolution.indirect", accepts<F32>, plan<F32>, pack<F32>, run<F32>};
constexpr const Kernel *list[] = {&indirect};
#endif

} // namespace

extern const KernelList convolution_kernels;
const KernelList convolution_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
