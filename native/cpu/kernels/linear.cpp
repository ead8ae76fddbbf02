// Linear: weights packed once into panels. A task is one panel against a block of rows, so a panel comes
// from memory once and stays in L2; the next one is fetched meanwhile. Rows that have the format already
// are read where they lie; others are converted first, a wave of them at a time. With 8-bit integers every row of x and every row of
// the weight has its scale.
#include "ops/linear.h"
#include "cpu/epilogue.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t block_rows = 128 / tile_rows * tile_rows;
constexpr int64_t wave_rows = 8 * block_rows; ///< converted at a time

template <class F> const char *accepts(const NodeSpec &node) {
  if (node.precision < F::precision)
    return "the plan asks for more precision";
  return node.is_weight[Linear::weight] ? nullptr : "weight must be constant to be packed";
}

template <class F> constexpr bool is_integer = F::precision == Precision::int8;

/// Whether rows can be read where they lie: in whole steps, in the format.
template <class F> bool is_read_in_place(const Tensor &x) {
  if (F::step == 1)
    return true;
  return !is_integer<F> && x.dtype == DType::bf16 && x.shape[1] == stepped<F>(x.shape[1]);
}

/// The rows of a wave in format F, and with integers the scale of each.
template <class F> struct Wave {
  typename F::Element *rows;
  float *scales;
  int64_t stride;

  static constexpr int64_t lines(size_t bytes) { return ((int64_t)bytes + 63) / 64 * 64; }
  static int64_t row_bytes(int64_t rows, int64_t depth) {
    return lines((size_t)(smaller(rows, wave_rows) * stepped<F>(depth)) *
                 sizeof(typename F::Element));
  }
  static size_t bytes(int64_t rows, int64_t depth) {
    return (size_t)(row_bytes(rows, depth) + lines((size_t)smaller(rows, wave_rows) * 4));
  }
  Wave(void *scratch, int64_t rows, int64_t depth)
      : rows((typename F::Element *)scratch),
        scales((float *)((char *)scratch + row_bytes(rows, depth))), stride(stepped<F>(depth)) {}
};

template <class F> size_t panel_bytes(const Tensor &weight) {
  return sizeof(typename F::Element) *
         (size_t)(Panels{weight.shape[0]}.padded() * stepped<F>(weight.shape[1]));
}

/// Behind the panels of an integer weight: per column its scale, and zero_point times its sum.
struct Columns {
  float *scales;
  int32_t *corrections;

  Columns(void *packed, size_t panels, int64_t columns)
      : scales((float *)((char *)packed + panels)), corrections((int32_t *)(scales + columns)) {}
  static size_t bytes(int64_t columns) { return (size_t)columns * 8; }
};

template <class F> void plan(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Linear::weight];
  needs.weight_form[Linear::weight] = WeightForm::packed;
  needs.packed_bytes[Linear::weight] =
      panel_bytes<F>(weight) + (is_integer<F> ? Columns::bytes(weight.shape[0]) : 0);
  const Tensor &x = node.inputs[Linear::x];
  needs.scratch_bytes = is_read_in_place<F>(x) ? 0 : Wave<F>::bytes(x.shape[0], weight.shape[1]);
}

/// What a row of the weight is rounded to multiples of; NaN where it is not finite.
template <class F> float scale_of(const WeightRows &rows, int64_t row) {
  Vec most{}, stain{}; // x - x is NaN where x is not finite
  for (int64_t k = 0; k < rows.row_elements; k += lanes) {
    const Vec x = stored_values(rows.data, rows.dtype, row * rows.row_elements + k,
                                smaller(lanes, rows.row_elements - k));
    most = max((Vec)((IntVec)x & 0x7FFFFFFF), most);
    stain += x - x;
  }
  return sum(stain) == 0 ? largest(most) / F::largest : __builtin_nanf("");
}

/// Rows of the weight are columns of B: up to `lanes` of them, from row `row` of `rows` on, become columns
/// `column` and on of a panel, transposed in registers. `factors` is what each is multiplied by. Returns
/// the sums of the columns where they are integers.
template <class F>
IntVec pack_columns(const WeightRows &rows, int64_t row, int64_t count, const float *factors,
                    typename F::Element *panel, int64_t column, int64_t width) {
  const int64_t depth = rows.row_elements, whole = stepped<F>(depth);
  // The rows lie one after another, but are read side by side, which no prefetcher of the processor
  // follows: those after them are fetched meanwhile, in their order.
  const int64_t row_bytes = depth * (int64_t)bytes_of(rows.dtype);
  const char *ahead = (const char *)rows.data + (row + count) * row_bytes;
  const char *ahead_end = ahead + smaller(lanes, rows.rows - row - count) * row_bytes;
  IntVec totals{};
  for (int64_t k = 0; k < depth; k += lanes * F::step) {
    for (int64_t line = 0; line < F::step * lanes && ahead < ahead_end; line++, ahead += line_bytes)
      __builtin_prefetch(ahead, 0, 3);
    IntVec lines[lanes] = {};
    for (int64_t i = 0; i < count; i++) {
      Vec values[F::step];
      for (int64_t s = 0; s < F::step; s++)
        values[s] = stored_values(rows.data, rows.dtype, (row + i) * depth + k + s * lanes,
                                  smaller(lanes, larger(0, depth - k - s * lanes))) *
                    factors[i];
      lines[i] = F::steps(values);
    }
    transpose(lines);
    float *to = (float *)panel + k / F::step * width + column;
    for (int64_t i = 0; i < smaller(lanes, (whole - k) / F::step); i++) {
      store_partial(to + i * width, (Vec)lines[i], count);
      if constexpr (is_integer<F>)
        totals = F::add_bytes(totals, lines[i]);
    }
  }
  return totals;
}

template <class F> void pack(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  const Tensor &weight = node.inputs[Linear::weight];
  const Panels panels{weight.shape[0]};
  for (int64_t row = 0; row < rows.rows;) {
    const int64_t n = rows.first_row + row, panel = panels.panel_of(n);
    const int64_t column = n - panels.start(panel);
    // To the next group of `lanes` columns.
    const int64_t count = smaller(rows.rows - row, lanes - column % lanes);
    auto *to = (typename F::Element *)packed + panels.offset(panel, stepped<F>(rows.row_elements));
    float factors[lanes];
    for (int64_t i = 0; i < count; i++)
      factors[i] = 1;
    if constexpr (is_integer<F>) {
      const Columns columns(packed, panel_bytes<F>(weight), weight.shape[0]);
      for (int64_t i = 0; i < count; i++) {
        const float scale = scale_of<F>(rows, row + i);
        columns.scales[n + i] = scale;
        factors[i] = scale > 0 ? 1 / scale : 0;
      }
      const IntVec totals =
          pack_columns<F>(rows, row, count, factors, to, column, panels.width(panel));
      for (int64_t i = 0; i < count; i++)
        columns.corrections[n + i] = F::zero_point * totals[i];
    } else
      pack_columns<F>(rows, row, count, factors, to, column, panels.width(panel));
    row += count;
  }
}

template <class F> struct Problem {
  using Element = typename F::Element;
  const KernelCall &call;
  const Linear::Attributes &attributes;
  int64_t tokens, depth, columns;

  const Tensor &input(int index) const { return call.inputs[index]; }
  EpilogueRow epilogue_row(int64_t t, int64_t column) const {
    const Tensor &modulation = input(Linear::modulation), &residual = input(Linear::residual);
    EpilogueRow row{};
    if (modulation.data)
      row.gate = floats(modulation) + integers(input(Linear::row))[t] * modulation.row_stride +
                 attributes.gate_column + column;
    if (residual.data)
      row.residual = floats(residual) + t * residual.row_stride + column;
    row.out = RowOut::of(*call.output, t * columns + column);
    return row;
  }

  /// The sums of one tile row as floats: integers take their scales.
  auto values_of(const float *sums, const float *row_scale, int64_t column) const {
    if constexpr (is_integer<F>) {
      const Tensor &weight = input(Linear::weight);
      const Columns all(weight.data, panel_bytes<F>(weight), columns);
      const float *scales = all.scales + column;
      const auto *corrections = (const float *)(all.corrections + column);
      return [=](int64_t n, auto access) {
        const IntVec exact = (IntVec)load(sums + n) - (IntVec)access.load(corrections + n);
        return __builtin_convertvector(exact, Vec) * (access.load(scales + n) * *row_scale);
      };
    } else
      return sums_of(sums);
  }

  /// Rows [first, end) of one panel. Row t of A begins at rows + (t - first) · stride.
  void multiply_block(int64_t first, int64_t end, int64_t panel, const Element *rows,
                      int64_t stride, const float *row_scales, int threads) const {
    const Panels panels{columns};
    const int64_t width = panels.width(panel), whole = stepped<F>(depth);
    const int64_t column = panels.start(panel), valid = smaller(width, columns - column);
    const auto *weight = (const Element *)input(Linear::weight).data;
    const Tensor &bias = input(Linear::bias);
    const float *panel_bias = bias.data ? floats(bias) + column : nullptr;
    // The threads claim panels in turn, so this one's next is likely that many further.
    const int64_t next = panel + threads;
    Ahead ahead{};
    if (next < panels.count()) {
      const int64_t bytes = panel_width * whole * (int64_t)sizeof(Element);
      ahead.from = (const char *)(weight + panels.offset(next, whole));
      ahead.lines = ceil_div(bytes / line_bytes, ceil_div(end - first, tile_rows));
    }
    for (int64_t t = first; t < end; t += tile_rows, ahead.from += ahead.lines * line_bytes) {
      const int count = (int)smaller(tile_rows, end - t);
      alignas(line_bytes) float sums[tile_rows * panel_width];
      Tap<F> tap;
      tap.first = 0;
      for (int r = 0; r < count; r++)
        tap.rows[r] = rows + (t + r - first) * stride;
      multiply_tile<F>(count, &tap, 1, whole, weight + panels.offset(panel, whole), width / lanes,
                       sums, false, ahead);
      for (int r = 0; r < count; r++)
        finish_row(values_of(sums + r * panel_width, row_scales + (t + r - first), column),
                   panel_bias, attributes.activation, epilogue_row(t + r, column), valid);
    }
  }
};

/// Rows [first, end) of x, to the start of the wave.
template <class F>
void convert_wave(const Problem<F> &p, int64_t first, int64_t end, const Wave<F> &wave,
                  Pool &pool) {
  const Tensor &x = p.input(Linear::x);
  with_values(x, [&](const auto *values) {
    parallel_rows(pool, end - first, p.depth, [&](int64_t row) {
      const auto *from = values + (first + row) * x.row_stride;
      auto *to = wave.rows + row * wave.stride;
      if constexpr (is_integer<F>)
        wave.scales[row] = quantize_row(from, p.depth, to);
      else
        convert_row<F>(from, p.depth, to);
    });
  });
}

template <class F> void run(const KernelCall &call, Pool &pool) {
  using Element = typename F::Element;
  const Tensor &x = call.inputs[Linear::x], &y = *call.output;
  const Problem<F> problem{call, *static_cast<const Linear::Attributes *>(call.attributes),
                           x.shape[0], x.shape[1], y.shape[1]};
  const int64_t panels = Panels{y.shape[1]}.count();
  const Wave<F> wave(call.scratch, problem.tokens, problem.depth);
  const bool in_place = is_read_in_place<F>(x);
  for (int64_t start = 0; start < problem.tokens; start += wave_rows) {
    const int64_t stop = smaller(problem.tokens, start + wave_rows);
    if (!in_place)
      convert_wave<F>(problem, start, stop, wave, pool);
    parallel(pool, ceil_div(stop - start, block_rows) * panels, [&](int64_t task, int) {
      const int64_t first = start + task / panels * block_rows;
      const int64_t end = smaller(stop, first + block_rows);
      const TileState state{};
      const Element *rows = in_place ? (const Element *)x.data + first * x.row_stride
                                     : wave.rows + (first - start) * wave.stride;
      problem.multiply_block(first, end, task % panels, rows, in_place ? x.row_stride : wave.stride,
                             wave.scales + (first - start), pool.threads);
    });
  }
}

#if defined(__AVX512BF16__)
constexpr uint32_t reads_bf16 = 1 << Linear::x;
constexpr Kernel bf16 = {.name = has_matrix_tiles ? "linear.amx_bf16" : "linear.bf16",
                         .accepts = accepts<Bf16>,
                         .plan = plan<Bf16>,
                         .pack = pack<Bf16>,
                         .run = run<Bf16>,
                         .precision = Precision::bf16,
                         .reads_bf16 = reads_bf16,
                         .writes_bf16 = true};
constexpr Kernel int8 = {.name = has_matrix_tiles ? "linear.amx_int8" : "linear.int8",
                         .accepts = accepts<Int8>,
                         .plan = plan<Int8>,
                         .pack = pack<Int8>,
                         .run = run<Int8>,
                         .precision = Precision::int8,
                         .reads_bf16 = reads_bf16,
                         .writes_bf16 = true};
constexpr const Kernel *list[] = {&int8, &bf16};
#else
constexpr Kernel packed_panels = {"linear.packed", accepts<F32>, plan<F32>, pack<F32>, run<F32>};
constexpr const Kernel *list[] = {&packed_panels};
#endif

} // namespace

extern const KernelList linear_kernels;
const KernelList linear_kernels = {list, sizeof list / sizeof *list};

} // namespace tubelet::TUBELET_ISA
