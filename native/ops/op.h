// What an op is: its inputs, attributes, checks, output shape and cost. One struct per op in
// <stem>.h, named in ops.def; adaln.h is the example to follow.
#pragma once

#include "ops/error.h"
#include "ops/tensor.h"

#include <array>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tubelet {

/// A number as people write it: 3, 0.5, 1e-06.
std::string text_of(double value);

/// Dims of a graph tensor. Dim 0 may be a symbol: -1-k is symbol k, whose size a run gives.
struct Shape {
  int32_t rank = 0;
  std::array<int64_t, max_rank> dims{};

  Shape() = default;
  Shape(std::initializer_list<int64_t> list);
  int64_t operator[](int axis) const { return dims[axis]; }
  int64_t last() const { return dims[rank - 1]; }
  bool operator==(const Shape &other) const;
  bool is_symbolic() const { return rank > 0 && dims[0] < 0; }
  /// Product of all dims but the first `from`; no symbol may be among them.
  int64_t elements(int from = 0) const;
  std::string text() const;
};

size_t bytes_of(DType dtype);
const char *name_of(DType dtype);

struct TensorType {
  Shape shape;
  DType dtype = DType::f32;
  bool is_weight = false;
  bool is_present = false;
};

/// A node as its op sees it while the graph is parsed: shapes may hold symbols.
struct NodeTypes {
  std::string_view op;
  std::span<const TensorType> inputs;
  std::span<const TensorType> declared_outputs;

  const TensorType &operator[](int input) const { return inputs[input]; }
  bool has(int input) const { return inputs[input].is_present; }
};

/// Work of one run, sizes being those of the run. Multiply-add counts two.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

enum class InputKind : uint8_t {
  activation, ///< f32, computed or given
  weight,     ///< constant for the life of a plan; any floating dtype
  index,      ///< i32, checked by the op before the kernel runs
};

struct InputSpec {
  const char *name;
  InputKind kind = InputKind::activation;
  bool optional = false;
};

// ---- attributes -------------------------------------------------------------------------------

using AttributeValue = std::variant<double, std::string>;
struct AttributeEntry {
  std::string name;
  AttributeValue value;
};

/// How an attribute is described to people and to TypeScript.
struct AttributeDescription {
  std::string name;
  std::string type; ///< "integer", "number", "flag" or the choices joined by |
};

constexpr double max_double = std::numeric_limits<double>::max();

/// Reads wire attributes into a struct; every field must come exactly once.
class AttributeReader {
public:
  AttributeReader(std::string_view op, std::span<const AttributeEntry> entries);
  void field(const char *name, int64_t &value, int64_t least = 0);
  void field(const char *name, double &value, double least = -max_double);
  void field(const char *name, bool &value);
  /// The choices name consecutive values of the enum from `first` on.
  template <class Choice>
  void field(const char *name, Choice &value, std::initializer_list<const char *> choices,
             Choice first = Choice{}) {
    value = static_cast<Choice>(int(first) + choice(name, choices));
  }
  /// Errors when an entry was not asked for.
  void finish() const;

private:
  const AttributeEntry &find(const char *name);
  double number(const char *name);
  int choice(const char *name, std::initializer_list<const char *> choices);

  std::string_view op;
  std::span<const AttributeEntry> entries;
  std::vector<bool> used;
};

/// Collects the descriptions of the same fields.
class AttributeLister {
public:
  void field(const char *name, int64_t &, int64_t = 0) { list.push_back({name, "integer"}); }
  void field(const char *name, double &, double = 0) { list.push_back({name, "number"}); }
  void field(const char *name, bool &) { list.push_back({name, "flag"}); }
  template <class Choice>
  void field(const char *name, Choice &, std::initializer_list<const char *> choices,
             Choice = Choice{}) {
    std::string type;
    for (const char *choice : choices)
      type += (type.empty() ? "" : "|") + std::string(choice);
    list.push_back({name, type});
  }
  std::vector<AttributeDescription> list;
};

// ---- checks: each throws Error in the one form -----------------------------------------------

/// More elements than any machine holds; below it no product of a shape overflows.
constexpr int64_t max_elements = int64_t(1) << 44;

[[noreturn]] void fail_shape(const NodeTypes &node, const std::string &what,
                             const std::string &expected, const std::string &got);
[[noreturn]] void fail_attribute(const NodeTypes &node, const std::string &what,
                                 const std::string &expected, const std::string &got);
[[noreturn]] void fail_data(std::string_view op, const std::string &what,
                            const std::string &expected, const std::string &got);
void require_rank(const NodeTypes &node, int input, const InputSpec &spec, int rank);
void require_shape(const NodeTypes &node, int input, const InputSpec &spec, const Shape &expected);
/// A [R, S] input of at least `least` columns.
void require_columns(const NodeTypes &node, int input, const InputSpec &spec, int64_t least);
/// No symbol in dim 0: the op's output dim could not be named.
void require_fixed(const NodeTypes &node, int input, const InputSpec &spec);
/// Product of factors that are at least 1; fails above max_elements.
int64_t require_product(const NodeTypes &node, const std::string &what,
                        std::initializer_list<int64_t> factors);
/// Dim 0 of the declared output, for ops whose inputs leave it free.
int64_t declared_dim(const NodeTypes &node);
/// The half-open ranges [first, second) share nothing. Sorts them.
void require_apart(std::string_view op, const std::string &what,
                   std::vector<std::pair<int64_t, int64_t>> &ranges);
double elements_of(const Tensor &tensor);
/// Elements of all inputs that are present, in bytes.
double bytes_of_all(const Tensor *inputs, int count);
/// Every index of an i32 tensor within [least, limit).
void require_indices(std::string_view op, const char *input, const Tensor &indices, int64_t least,
                     int64_t limit);

/// Where a view lies in the memory of its tensor, in elements.
struct ViewPlacement {
  int64_t offset = 0;
  bool keeps_row_stride = false; ///< else the view is contiguous
  bool needs_contiguous = false; ///< cannot be taken of a slice of a wider tensor
};

// ---- the table ----------------------------------------------------------------------------------

enum class OpId : uint16_t {
#define TUBELET_OP(stem, Type) stem,
#define TUBELET_VIEW(stem, Type) stem,
#include "ops/ops.def"
#undef TUBELET_OP
#undef TUBELET_VIEW
};

struct OpDefinition {
  OpId id;
  const char *name;
  bool is_view;
  std::span<const InputSpec> inputs;
  bool is_variadic; ///< the last input may repeat
  std::vector<AttributeDescription> attributes;
  std::shared_ptr<const void> (*read_attributes)(AttributeReader &reader);
  Shape (*output_shape)(const NodeTypes &node, const void *attributes);
  /// Views only: of a tensor of shape `from` whose rows are `row_stride` elements apart.
  ViewPlacement (*place_view)(const Shape &from, int64_t row_stride, const void *attributes);
  Cost (*cost)(const Tensor *inputs, const Tensor *output, int input_count, const void *attributes);
  /// Checks what only the data can tell (indices); null where there is nothing to check.
  void (*check_data)(const Tensor *inputs, const Tensor *output, int input_count,
                     const void *attributes);
};

std::span<const OpDefinition> op_table();
const OpDefinition *find_op(std::string_view name);

} // namespace tubelet
