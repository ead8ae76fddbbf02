// Convolution as an indirect matrix product: an output pixel is a row of A whose pieces, one per tap,
// are read where they lie in x, the cache, or a row of zeros. So stride, padding, the streaming cache
// and nearest upsampling are only pointers, and nothing is unrolled into columns. Formats narrower
// than float32 convert x and the cache first, once.
#include "cpu/convolution_source.h"
#include "cpu/epilogue.h"
#if !defined(TUBELET_MATRIX_TILES)
#include "cpu/winograd_convolution.h"
#endif

namespace tubelet::TUBELET_ISA {
namespace {

#if defined(TUBELET_MATRIX_TILES)
/// Why another kernel is faster. Tiles take 32 channels at once, at 8 times the rate of vectors and more:
/// Winograd's filtering saves less.
const char *is_better_elsewhere(const NodeSpec &node) {
  return node.inputs[Convolution::weight].shape[1] < 8 ? "it has few input channels" : nullptr;
}
#else
const char *is_better_elsewhere(const NodeSpec &node) {
  return winograd::suits(node) ? nullptr : "Winograd's filtering in float32 needs fewer products";
}
#endif

constexpr int64_t block_tiles = 8;
constexpr int64_t block_pixels = block_tiles * tile_rows;

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
  if (F::precision != Precision::f32)
    if (const char *reason = is_better_elsewhere(node))
      return reason;
  return node.is_weight[Convolution::weight] ? nullptr : "weight must be constant to be packed";
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

/// The taps of `rows` output pixels from `first` on; taps that meet only zeros are left out.
template <class F>
int64_t collect_taps(const Geometry<F> &g, int64_t first, int rows, Tap<F> *taps) {
  const auto &a = g.attributes;
  const int64_t out_h = g.output.shape[1], out_w = g.output.shape[2];
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
          taps[count].rows[r] = pixel_of(g, frame_of(g, f[r] + i), h[r] + j, w[r] + k);
          is_zero &= taps[count].rows[r] == g.source.zeros;
        }
        taps[count].first = index * g.source.depth;
        count += !is_zero;
      }
  return count;
}

template <class F> void run(const KernelCall &call, Pool &pool) {
  const Geometry<F> g = geometry_of<F>(call, pool);
  const Tensor *in = call.inputs;
  const int64_t pixels = rows_of(g.output), columns = g.columns(), depth = g.source.depth;
  const int64_t taps = g.taps();
  const Panels panels{columns};
  const Tensor &bias = in[Convolution::bias], &residual = in[Convolution::residual];
  char *workspaces = (char *)call.scratch + source_bytes<F>(g.x, g.cache);

  const int64_t blocks = ceil_div(pixels, block_pixels);
  const int64_t groups =
      larger(1, smaller(panels.count(), ceil_div(8 * pool.threads, larger(1, blocks))));
  parallel(pool, blocks * groups, [&](int64_t task, int thread) {
    const int64_t block = task / groups, group = task % groups;
    const Workspace<F> space(workspaces, taps, thread);
    const TileState state{};
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
               RowOut::of(*call.output, (p + r) * columns + column)},
              valid);
        }
      }
    }
  });
}

#if defined(__AVX512BF16__)
constexpr Kernel bf16 = {has_matrix_tiles ? "convolution.amx_bf16" : "convolution.bf16",
                         accepts<Bf16>,
                         plan<Bf16>,
                         pack<Bf16>,
                         run<Bf16>,
                         Precision::bf16};
constexpr const Kernel *list[] = {&bf16};
#else
constexpr Kernel in_tiles = {"convolution.winograd", winograd::accepts, winograd::plan,
                             winograd::pack, winograd::run};
constexpr Kernel indirect = {"convolution.indirect", accepts<F32>, plan<F32>, pack<F32>, run<F32>};
constexpr const Kernel *list[] = {&in_tiles, &indirect};
#endif

} // namespace

extern const KernelList convolution_kernels;
const KernelList convolution_kernels = {list, sizeof(list) / sizeof(list[0])};

} // namespace tubelet::TUBELET_ISA
