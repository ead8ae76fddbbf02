#include "core/json.h"

#include <cstdio>

namespace tubelet {

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      json += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      json += escape;
    } else
      json += c;
  }
  return json + '"';
}

} // namespace tubelet
