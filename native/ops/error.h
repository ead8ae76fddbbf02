// The one error of the native code: `[op] what must be = expected, got actual`.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace tubelet {

enum class ErrorCode {
  bad_graph,
  bad_attribute,
  bad_shape,
  bad_input,
  bad_weight,
  out_of_memory,
  aborted,
  disposed,
  io,
  unsupported,
};

/// The name JavaScript sees as `error.code`, e.g. "BAD_SHAPE".
const char *name_of(ErrorCode code);

class Error : public std::exception {
public:
  Error(ErrorCode code, std::string op, const std::string &message)
      : code(code), op(std::move(op)), text("[" + this->op + "] " + message) {}

  const char *what() const noexcept override { return text.c_str(); }

  ErrorCode code;
  std::string op;

private:
  std::string text;
};

} // namespace tubelet
