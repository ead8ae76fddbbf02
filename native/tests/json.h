// A JSON reader for the lists of cases.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tubelet {

struct Json {
  enum class Kind { null, boolean, number, text, list, object };
  Kind kind = Kind::null;
  double number = 0; ///< a boolean is 0 or 1
  std::string text;
  std::vector<Json> list;
  std::vector<std::pair<std::string, Json>> members;

  /// Null where there is no such member.
  const Json *find(std::string_view name) const;
};

/// Throws std::runtime_error with the position of what it did not expect.
Json parse_json(std::string_view text);

} // namespace tubelet
