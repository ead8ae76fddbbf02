// The cases of native/ops/cases/<op>.json; native/tests/README.md describes the form.
#pragma once

#include "ops/op.h"
#include "tests/json.h"

#include <string>
#include <vector>

namespace tubelet {

struct InputCase {
  const InputSpec *spec = nullptr;
  Shape shape; ///< rank 0: absent
  DType dtype = DType::f32;
  int64_t stride = 0; ///< row stride; 0: contiguous
  double low = -2, high = 2;
  int64_t special_one_in = 0; ///< one in so many values is a NaN, an infinity or a denormal
  std::vector<double> values;
};

struct Case {
  const OpDefinition *op = nullptr;
  std::string name;
  bool is_production = false;
  std::vector<InputCase> inputs;
  Shape output; ///< rank 0: the op tells
  std::vector<AttributeEntry> attributes;
  std::vector<std::string> rows; ///< inputs with one row per output row
  std::string alias;             ///< the input whose memory the output takes
  bool is_exact = false;         ///< the same bits on every ISA level

  std::string text() const { return std::string(op->name) + " \"" + name + '"'; }
};

/// One case of an op; `file` gives what all cases of the op share. Throws std::runtime_error.
Case read_case(const OpDefinition &op, const Json &file, const Json &json);
/// The file of an op's cases.
Json read_json(const std::string &path);

/// Cases of every op of the table, in its order. Throws std::runtime_error naming the file.
std::vector<Case> load_cases(const std::string &folder);

} // namespace tubelet
