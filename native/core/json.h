// Text for the JSON that goes out to people and tests.
#pragma once

#include <string>
#include <string_view>

namespace tubelet {

/// A JSON string with its quotes.
std::string quoted(std::string_view text);

} // namespace tubelet
