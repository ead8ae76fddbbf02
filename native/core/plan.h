// A compiled graph: kernels chosen, weights packed, every intermediate at a fixed offset of the
// device's arena. A run allocates nothing. A plan keeps its device, graph and packed weights alive.
#pragma once

#include "core/buffer.h"
#include "core/graph.h"
#include "core/memory.h"
#include "core/memory_plan.h"

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tubelet {

/// A stored piece of a weight: `elements` values at `offset` bytes. The parts of a weight follow one
/// another along its rows.
struct WeightPart {
  std::shared_ptr<Buffer> buffer;
  size_t offset = 0;
  DType dtype = DType::f32;
  int64_t elements = 0;
};

/// Bytes of one tensor; far above any memory, far below overflow.
constexpr int64_t most_bytes = int64_t(1) << 46;

class Plan {
public:
  /// weights: one list of parts per weight of the graph, in its order. capacity: the most of each
  /// symbol. precision: the least that kernels may use. Throws Error.
  static std::shared_ptr<Plan> compile(std::shared_ptr<Device> device,
                                       std::shared_ptr<const Graph> graph,
                                       std::span<const std::vector<WeightPart>> weights,
                                       std::span<const int64_t> capacity,
                                       Precision precision = Precision::f32);
  /// As explain() of the plan that compile would make; needs no weights and takes no arena.
  static std::string preview(std::shared_ptr<Device> device, std::shared_ptr<const Graph> graph,
                             std::span<const int64_t> capacity, Precision precision);
  ~Plan();

  size_t arena_bytes() const { return arena_size; }
  /// Weights in the kernels' layouts, shared ones counted in every plan that uses them.
  size_t packed_bytes() const;
  const Graph &source() const { return *graph; }

  /// JSON for people and tests: per node the kernel, why others were refused, shape, bytes, FLOPs.
  std::string explain() const;

  /// sizes: of each symbol, 0 to its capacity. Stops before a node when *cancel is not 0 (Error
  /// aborted). node_ms, if given, receives the time of each node. Throws Error; the buffers' bytes
  /// are then undefined.
  void run(std::span<const std::shared_ptr<Buffer>> inputs,
           std::span<const std::shared_ptr<Buffer>> outputs, std::span<const int64_t> sizes,
           const std::atomic<int32_t> *cancel, double *node_ms = nullptr);

private:
  /// Where a tensor's bytes are.
  enum class Place : uint8_t { arena, input, output, fixed };

  struct Location {
    Place place = Place::arena;
    int slot = -1;                    ///< arena block, input or output position
    const uint8_t *address = nullptr; ///< of a fixed tensor
    int64_t offset = 0;               ///< elements, of a view into its base
    int64_t row_stride = 0;           ///< elements
    int base = -1;                    ///< the tensor that owns the memory
    bool is_narrow = false;           ///< of a base: bfloat16 in memory, f32 in the graph
  };

  struct Refusal {
    const char *kernel;
    const char *reason;
  };

  struct Step {
    const Kernel *kernel = nullptr; ///< null for a view
    std::vector<Refusal> refused;
    int first_input = 0; ///< into `arguments`
    int scratch_block = -1;
    bool has_indices = false;
    std::vector<WeightForm> weight_forms;              ///< per input; f32 for what is no weight
    std::vector<std::shared_ptr<PackedWeight>> packed; ///< per input; null when not packed
  };

  Plan(std::shared_ptr<Device> device, std::shared_ptr<const Graph> graph);
  void plan_all(std::span<const int64_t> sizes, Precision least);
  size_t bytes_to_pack() const;
  void check_capacity(std::span<const int64_t> sizes) const;
  void locate();
  void locate_view(const GraphNode &node);
  void choose_kernels();
  void narrow_tensors();
  void plan_kernels();
  NodeSpec spec_of(size_t node, const Tensor *output, const bool *is_weight) const;
  DType stored_dtype(int tensor) const;
  void pack_weights(std::span<const std::vector<WeightPart>> weights);
  void pack_weight(int node, int input, const std::vector<WeightPart> &parts,
                   const KernelNeeds &needs);
  void plan_memory();
  void place_fixed();
  void check_data(const GraphNode &node, const Step &step) const;
  void check_cancel(const std::atomic<int32_t> *cancel, size_t node) const;
  void bind(std::span<const std::shared_ptr<Buffer>> inputs,
            std::span<const std::shared_ptr<Buffer>> outputs, std::span<const int64_t> sizes);
  void run_steps(std::span<const std::shared_ptr<Buffer>> outputs,
                 const std::atomic<int32_t> *cancel, double *node_ms);
  void run_repeated(std::span<const std::shared_ptr<Buffer>> inputs,
                    std::span<const std::shared_ptr<Buffer>> outputs,
                    std::span<const int64_t> sizes, const std::atomic<int32_t> *cancel);
  Tensor describe(int tensor, std::span<const int64_t> sizes) const;
  std::vector<Tensor> arguments_at_capacity(int node) const;
  void check_bindings(std::span<const std::shared_ptr<Buffer>> inputs,
                      std::span<const std::shared_ptr<Buffer>> outputs,
                      std::span<const int64_t> sizes) const;
  void copy_outputs(std::span<const std::shared_ptr<Buffer>> outputs) const;

  std::shared_ptr<Device> device;
  std::shared_ptr<const Graph> graph;
  std::vector<int64_t> capacity;
  Precision precision = Precision::f32;
  std::vector<Location> locations; ///< per tensor
  std::vector<Step> steps;         ///< per node
  std::vector<ArenaBlock> blocks;
  std::vector<KernelNeeds> needs; ///< per node, dropped after compile
  std::vector<bool> copied_out;   ///< per output: not written by its node
  size_t arena_size = 0;

  // Only where kernels do not read the host's memory.
  Memory constants;
  Memory indices;                      ///< of a run, on the host for check_data
  std::vector<uint8_t *> host_indices; ///< per i32 tensor, into `indices`
  bool has_arena = false;

  std::vector<std::shared_ptr<Buffer>>
      kept_buffers; ///< of weights that are read as they are stored

  /// A run with these addresses and sizes; recorded when it comes for the second time.
  struct Repeated {
    std::vector<uint64_t> key;
    Recording recording;
  };
  static constexpr size_t most_repeated = 4;
  std::vector<Repeated> repeated; ///< the latest first; only where the device records
  std::vector<uint64_t> key;      ///< of the run under way

  std::vector<Tensor> live;          ///< per tensor, refreshed by each run
  std::vector<Tensor> arguments;     ///< inputs of every node, one after another
  std::vector<int> argument_tensors; ///< tensor of each argument; -1: absent or a weight, set once
};

} // namespace tubelet
