// Attention with an online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): a
// block of query rows meets the keys tile by tile, so no score matrix larger than a tile exists. Key
// tiles start at the segment's first key; K and V are packed once per head, in waves of segments that
// fit the reserved scratch. The softmax is one of powers of two. In a narrower format q, k, v and the
// softmax's weights are converted; scores, softmax and the running output stay float32.
#include "ops/attention.h"
#include "cpu/tile.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t block_rows = 32 / tile_rows * tile_rows;
constexpr int64_t tile_panels = 192 / panel_width;
constexpr int64_t tile_keys = tile_panels * panel_width;
constexpr double log2_e = 1.4426950408889634;

struct Segment {
  int64_t q_start, q_end, k_start, k_end;
  int64_t queries() const { return q_end - q_start; }
  int64_t keys() const { return k_end - k_start; }
  int64_t blocks() const { return ceil_div(queries(), block_rows); }
};

struct Problem {
  const KernelCall &call;
  const Attention::Attributes &attributes;
  int64_t heads, depth, value_depth;

  explicit Problem(const KernelCall &call)
      : call(call), attributes(*static_cast<const Attention::Attributes *>(call.attributes)),
        heads(attributes.heads), depth(input(Attention::q).shape[1] / heads),
        value_depth(input(Attention::v).shape[1] / heads) {}

  const Tensor &input(int index) const { return call.inputs[index]; }
  Segment segment(int64_t s) const {
    const int32_t *at = integers(input(Attention::segments)) + 4 * s;
    return {at[0], at[1], at[2], at[3]};
  }
  int64_t segments() const { return input(Attention::segments).shape[0]; }

  /// Products become logarithms to base 2 on the way into the softmax, or where that would hide the
  /// largest one or come too late for a bias, before it.
  bool is_scaled_early() const { return input(Attention::bias).data || !(attributes.scale > 0); }
  float scale() const { return (float)(attributes.scale * log2_e); }
};

/// Elements that one head of one segment takes packed: Kᵀ as panels of keys, V as panels of channels.
template <class F> inline int64_t packed_keys(int64_t keys, int64_t depth) {
  return Panels{keys}.padded() * stepped<F>(depth);
}
template <class F> inline int64_t packed_values(int64_t keys, int64_t depth) {
  return Panels{depth}.padded() * stepped<F>(keys);
}
template <class F>
inline int64_t packed_head(const Segment &s, int64_t depth, int64_t value_depth) {
  return packed_keys<F>(s.keys(), depth) + packed_values<F>(s.keys(), value_depth);
}

/// Per thread. Scores and running output lie panel by panel: [panels][block_rows][panel_width]; then
/// maximum and sum of every row, its query and the softmax's weights of a tile, both in format F.
template <class F> struct Workspace {
  using Element = typename F::Element;
  float *scores, *output, *largest, *total;
  Element *queries, *weights;

  static int64_t floats(int64_t value_depth) {
    return block_rows * (tile_keys + Panels{value_depth}.count() * panel_width + 2);
  }
  static size_t bytes(int64_t depth, int64_t value_depth) {
    const size_t elements = (size_t)(block_rows * (stepped<F>(depth) + tile_keys));
    const size_t size = (size_t)floats(value_depth) * sizeof(float) + elements * sizeof(Element);
    return (size + 63) / 64 * 64;
  }
  Workspace(char *start, int64_t depth, int64_t value_depth)
      : scores((float *)start), output(scores + block_rows * tile_keys),
        largest(output + block_rows * Panels{value_depth}.count() * panel_width),
        total(largest + block_rows), queries((Element *)(scores + floats(value_depth))),
        weights(queries + block_rows * stepped<F>(depth)) {}

  float *panel_scores(int64_t panel, int64_t row) const {
    return scores + (panel * block_rows + row) * panel_width;
  }
  float *panel_output(int64_t panel, int64_t row) const {
    return output + (panel * block_rows + row) * panel_width;
  }
};

/// What the packed K and V of a wave may take, in elements: every key of the run once, padded per
/// segment. A segment that alone needs more would have keys the tensor does not have.
template <class F>
inline int64_t wave_elements(int64_t keys, int64_t segments, int64_t heads, int64_t depth,
                             int64_t value_depth) {
  const int64_t parts = smaller(segments, keys);
  return heads * ((keys + parts * (lanes - 1)) * stepped<F>(depth) +
                  (keys + parts * (stepped<F>(1) - 1)) * Panels{value_depth}.padded());
}

template <class F> size_t wave_bytes(int64_t elements) {
  return ((size_t)elements * sizeof(typename F::Element) + 63) / 64 * 64;
}

template <class F> const char *accepts(const NodeSpec &node) {
  return node.precision < F::precision ? "the plan asks for more precision" : nullptr;
}

template <class F> void plan(const NodeSpec &node, KernelNeeds &needs) {
  const auto &attributes = *static_cast<const Attention::Attributes *>(node.attributes);
  const Tensor &k = node.inputs[Attention::k], &v = node.inputs[Attention::v];
  const int64_t depth = k.shape[1] / attributes.heads, value_depth = v.shape[1] / attributes.heads;
  const int64_t wave = wave_elements<F>(k.shape[0], node.inputs[Attention::segments].shape[0],
                                        attributes.heads, depth, value_depth);
  needs.scratch_bytes =
      wave_bytes<F>(wave) + (size_t)node.threads * Workspace<F>::bytes(depth, value_depth);
}

/// `first` is the head's first number of the segment's first key.
template <class F, class Value>
void pack_keys(const Problem &p, const Segment &s, const Value *first, typename F::Element *keys) {
  const int64_t whole = stepped<F>(p.depth), stride = p.input(Attention::k).row_stride;
  const Panels key_panels{s.keys()};
  for (int64_t panel = 0; panel < key_panels.count(); panel++) {
    const int64_t start = key_panels.start(panel), width = key_panels.width(panel);
    auto *to = (int32_t *)(keys + key_panels.offset(panel, whole));
    for (int64_t n = 0; n < width; n += lanes)
      for (int64_t d = 0; d < p.depth; d += lanes * F::step) {
        IntVec rows[lanes];
        for (int i = 0; i < lanes; i++) {
          const int64_t key = start + n + i;
          rows[i] =
              key < s.keys() ? steps_along<F>(first + key * stride + d, p.depth - d) : IntVec{};
        }
        transpose(rows);
        for (int i = 0; i < smaller(lanes, (whole - d) / F::step); i++)
          store((float *)to + (d / F::step + i) * width + n, (Vec)rows[i]);
      }
  }
}

template <class F, class Value>
void pack_values(const Problem &p, const Segment &s, const Value *first,
                 typename F::Element *values) {
  const int64_t whole_keys = stepped<F>(s.keys()), stride = p.input(Attention::v).row_stride;
  const Panels value_panels{p.value_depth};
  for (int64_t panel = 0; panel < value_panels.count(); panel++) {
    const int64_t start = value_panels.start(panel), width = value_panels.width(panel);
    auto *to = (int32_t *)(values + value_panels.offset(panel, whole_keys));
    for (int64_t n = 0; n < whole_keys; n += F::step)
      for (int64_t c = 0; c < width; c += lanes)
        store((float *)to + n / F::step * width + c,
              (Vec)steps_across<F>(first + n * stride + start + c, stride, s.keys() - n,
                                   p.value_depth - start - c));
  }
}

template <class F>
void pack_head(const Problem &p, const Segment &s, int64_t head, typename F::Element *keys) {
  const Tensor &k = p.input(Attention::k), &v = p.input(Attention::v);
  with_values(k, [&](const auto *first) {
    pack_keys<F>(p, s, first + s.k_start * k.row_stride + head * p.depth, keys);
  });
  with_values(v, [&](const auto *first) {
    pack_values<F>(p, s, first + s.k_start * v.row_stride + head * p.value_depth,
                   keys + packed_keys<F>(s.keys(), p.depth));
  });
}

/// Queries [first, first + rows) of the segment.
template <class F>
void convert_queries(const Problem &p, const Segment &s, int64_t head, int64_t first, int64_t rows,
                     const Workspace<F> &space) {
  const Tensor &q = p.input(Attention::q);
  const int64_t whole = stepped<F>(p.depth);
  with_values(q, [&](const auto *values) {
    for (int64_t r = 0; r < rows; r++)
      convert_row<F>(values + (s.q_start + first + r) * q.row_stride + head * p.depth, p.depth,
                     space.queries + r * whole);
  });
}

/// Scores of the block's rows against panels [first_panel, end_panel) of keys.
template <class F>
void score_tile(const Problem &p, const Segment &s, int64_t rows, int64_t first_panel,
                int64_t end_panel, const typename F::Element *keys, const Workspace<F> &space) {
  const Panels panels{s.keys()};
  const int64_t whole = stepped<F>(p.depth);
  for (int64_t panel = first_panel; panel < end_panel; panel++)
    for (int64_t row = 0; row < rows; row += tile_rows) {
      const int count = (int)smaller(tile_rows, rows - row);
      Tap<F> tap;
      tap.first = 0;
      for (int r = 0; r < count; r++)
        tap.rows[r] = space.queries + (row + r) * whole;
      multiply_tile<F>(count, &tap, 1, whole, keys + panels.offset(panel, whole),
                       panels.width(panel) / lanes, space.panel_scores(panel - first_panel, row),
                       false);
    }
}

/// Scales and adds the bias where that comes early, and hides what a row may not see: keys after its own if causal, and those that only
/// fill the last panel.
template <class F>
void mask_tile(const Problem &p, const Segment &s, int64_t head, int64_t first, int64_t rows,
               int64_t first_panel, int64_t end_panel, const Workspace<F> &space) {
  const Tensor &bias = p.input(Attention::bias);
  const Panels panels{s.keys()};
  for (int64_t panel = first_panel; panel < end_panel; panel++) {
    const int64_t key = panels.start(panel), width = panels.width(panel);
    const int64_t count = smaller(width, s.keys() - key);
    if (!p.is_scaled_early() && !p.attributes.causal && count == width)
      continue;
    for (int64_t r = 0; r < rows; r++) {
      const int64_t query = first + r;
      float *scores = space.panel_scores(panel - first_panel, r);
      int64_t visible = count;
      if (p.attributes.causal)
        visible = larger(0, smaller(count, query + 1 - key));
      if (p.is_scaled_early())
        for (int64_t n = 0; n < visible; n++)
          scores[n] *= p.scale();
      if (bias.data) {
        const int64_t middle = (bias.shape[0] - 1) / 2;
        const float *from = floats(bias) + (key - query + middle) * bias.row_stride + head;
        for (int64_t n = 0; n < visible; n++)
          scores[n] += from[n * bias.row_stride] * (float)log2_e;
      }
      for (int64_t n = visible; n < width; n++)
        scores[n] = -__builtin_inff();
    }
  }
}

/// Softmax of one more tile: scores become weights, output and sum are rescaled to the new maximum.
template <class F>
void soften_tile(const Problem &p, const Segment &s, int64_t rows, int64_t first_panel,
                 int64_t end_panel, const Workspace<F> &space) {
  const Panels panels{s.keys()};
  const int64_t value_panels = Panels{p.value_depth}.count();
  const float scale = p.is_scaled_early() ? 1 : p.scale();
  int64_t widths[tile_panels];
  for (int64_t panel = first_panel; panel < end_panel; panel++)
    widths[panel - first_panel] = panels.width(panel);
  for (int64_t r = 0; r < rows; r++) {
    Vec highest = broadcast(space.largest[r]);
    for (int64_t panel = 0; panel < end_panel - first_panel; panel++)
      for (int64_t n = 0; n < widths[panel]; n += lanes)
        highest = max(load(space.panel_scores(panel, r) + n), highest);
    const float before = space.largest[r], now = largest(highest);
    // A row whose scores are all -infinity so far keeps weights of 0 instead of NaN.
    const float base = now == -__builtin_inff() ? 0.0f : now;
    Vec total{};
    auto *weights = space.weights + r * tile_keys;
    for (int64_t panel = 0; panel < end_panel - first_panel; panel++)
      for (int64_t n = 0; n < widths[panel]; n += lanes, weights += lanes) {
        const Vec weight = exp2_below((load(space.panel_scores(panel, r) + n) - base) * scale);
        total += weight;
        store_as<F>(weights, weight);
      }
    for (; (weights - space.weights) % stepped<F>(1) != 0; weights += lanes)
      store_as<F>(weights, Vec{});
    space.largest[r] = now;
    if (first_panel == 0) {
      space.total[r] = sum(total);
      continue;
    }
    if (now == before) {
      space.total[r] += sum(total);
      continue;
    }
    const Vec rescale = exp2_below(broadcast((before - base) * scale));
    space.total[r] = space.total[r] * rescale[0] + sum(total);
    for (int64_t panel = 0; panel < value_panels; panel++)
      for (int v = 0; v < panel_width; v += lanes) {
        float *output = space.panel_output(panel, r) + v;
        store(output, load(output) * rescale);
      }
  }
}

/// output = or += weights · values, of keys [key, key + count).
template <class F>
void add_values(const Problem &p, const Segment &s, int64_t rows, int64_t key, int64_t count,
                const typename F::Element *values, const Workspace<F> &space) {
  const Panels panels{p.value_depth};
  for (int64_t panel = 0; panel < panels.count(); panel++)
    for (int64_t row = 0; row < rows; row += tile_rows) {
      const int tile = (int)smaller(tile_rows, rows - row);
      Tap<F> tap;
      tap.first = key;
      for (int r = 0; r < tile; r++)
        tap.rows[r] = space.weights + (row + r) * tile_keys;
      multiply_tile<F>(tile, &tap, 1, stepped<F>(count),
                       values + panels.offset(panel, stepped<F>(s.keys())),
                       panels.width(panel) / lanes, space.panel_output(panel, row), key > 0);
    }
}

template <class F>
void attend_block(const Problem &p, const Segment &s, int64_t head, int64_t block,
                  const typename F::Element *keys, const Workspace<F> &space) {
  const int64_t first = block * block_rows, rows = smaller(s.queries() - first, block_rows);
  const int64_t last_key = p.attributes.causal ? smaller(s.keys(), first + rows) : s.keys();
  for (int64_t r = 0; r < rows; r++)
    space.largest[r] = -__builtin_inff();
  convert_queries<F>(p, s, head, first, rows, space);
  const auto *values = keys + packed_keys<F>(s.keys(), p.depth);
  const Panels key_panels{s.keys()}, value_panels{p.value_depth};
  for (int64_t panel = 0; panel < key_panels.count(); panel += tile_panels) {
    const int64_t end = smaller(panel + tile_panels, key_panels.count());
    const int64_t key = key_panels.start(panel);
    if (key >= last_key)
      break;
    score_tile<F>(p, s, rows, panel, end, keys, space);
    mask_tile<F>(p, s, head, first, rows, panel, end, space);
    soften_tile<F>(p, s, rows, panel, end, space);
    const int64_t count = smaller(key_panels.start(end), s.keys()) - key;
    add_values<F>(p, s, rows, key, count, values, space);
  }
  for (int64_t r = 0; r < rows; r++) {
    const float inverse = last_key == 0 ? 0.0f : 1.0f / space.total[r];
    for (int64_t panel = 0; panel < value_panels.count(); panel++) {
      const int64_t start = value_panels.start(panel);
      const float *from = space.panel_output(panel, r);
      const RowOut out = RowOut::of(
          *p.call.output, ((s.q_start + first + r) * p.heads + head) * p.value_depth + start);
      for_row(smaller(value_panels.width(panel), p.value_depth - start),
              [&](int64_t c, auto access) {
                out.store(c, access, last_key == 0 ? Vec{} : load(from + c) * inverse);
              });
    }
  }
}

/// Rows of no segment are 0.
void clear_rows(const Problem &p, Pool &pool) {
  int64_t covered = 0;
  for (int64_t s = 0; s < p.segments(); s++)
    covered += p.segment(s).queries();
  const Tensor &output = *p.call.output;
  if (covered == output.shape[0])
    return; // they do not overlap
  parallel_rows(pool, output.shape[0], output.shape[1], [&](int64_t row) {
    const RowOut out = RowOut::of(output, row * output.shape[1]);
    for_row(output.shape[1], [&](int64_t c, auto access) { out.store(c, access, Vec{}); });
  });
}

template <class F> void run(const KernelCall &call, Pool &pool) {
  using Element = typename F::Element;
  const Problem p(call);
  const Tensor &k = p.input(Attention::k);
  const int64_t room = wave_elements<F>(k.shape[0], p.segments(), p.heads, p.depth, p.value_depth);
  auto *packed = (Element *)call.scratch;
  char *workspaces = (char *)call.scratch + wave_bytes<F>(room);
  auto head_elements = [&](int64_t s) {
    return packed_head<F>(p.segment(s), p.depth, p.value_depth);
  };
  clear_rows(p, pool);

  for (int64_t first = 0; first < p.segments();) {
    // A wave: as many segments as the packed keys and values have room for.
    int64_t end = first, used = 0, blocks = 0;
    for (; end < p.segments(); end++) {
      const int64_t needed = p.heads * head_elements(end);
      if (end > first && used + needed > room)
        break;
      used += needed;
      blocks += p.segment(end).blocks();
    }
    auto head_start = [&](int64_t wanted, int64_t head) {
      Element *at = packed;
      for (int64_t s = first; s < wanted; s++)
        at += p.heads * head_elements(s);
      return at + head * head_elements(wanted);
    };
    parallel(pool, (end - first) * p.heads, [&](int64_t task, int) {
      const int64_t s = first + task / p.heads, head = task % p.heads;
      pack_head<F>(p, p.segment(s), head, head_start(s, head));
    });
    parallel(pool, blocks * p.heads, [&](int64_t task, int thread) {
      const TileState state{};
      int64_t s = first, block = task / p.heads;
      while (block >= p.segment(s).blocks())
        block -= p.segment(s++).blocks();
      const Workspace<F> space(workspaces +
                                   (size_t)thread * Workspace<F>::bytes(p.depth, p.value_depth),
                               p.depth, p.value_depth);
      attend_block<F>(p, p.segment(s), task % p.heads, block, head_start(s, task % p.heads), space);
    });
    first = end;
  }
}

#if defined(__AVX512BF16__)
constexpr uint32_t reads_bf16 = 1 << Attention::q | 1 << Attention::k | 1 << Attention::v;
constexpr Kernel bf16 = {.name = has_matrix_tiles ? "attention.amx_bf16" : "attention.bf16",
                         .accepts = accepts<Bf16>,
                         .plan = plan<Bf16>,
                         .run = run<Bf16>,
                         .precision = Precision::bf16,
                         .reads_bf16 = reads_bf16,
                         .writes_bf16 = true};
constexpr const Kernel *list[] = {&bf16};
#else
constexpr Kernel tiled = {"attention.tiled", accepts<F32>, plan<F32>, nullptr, run<F32>};
constexpr const Kernel *list[] = {&tiled};
#endif

} // namespace

extern const KernelList attention_kernels;
const KernelList attention_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
