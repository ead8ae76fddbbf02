#include "tests/json.h"

#include <cstdlib>
#include <stdexcept>

namespace tubelet {
namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  Json document() {
    Json value = parse();
    if (at != text.size())
      fail("the end");
    return value;
  }

private:
  [[noreturn]] void fail(const std::string &expected) const {
    throw std::runtime_error("expected " + expected + " at byte " + std::to_string(at));
  }

  void skip_space() {
    while (at < text.size() && std::string_view(" \n\r\t").find(text[at]) != std::string_view::npos)
      at++;
  }

  bool take(char c) {
    if (at >= text.size() || text[at] != c)
      return false;
    at++;
    skip_space();
    return true;
  }

  void require(char c) {
    if (!take(c))
      fail(std::string(1, c));
  }

  bool take_word(std::string_view word) {
    if (text.substr(at, word.size()) != word)
      return false;
    at += word.size();
    skip_space();
    return true;
  }

  /// After the opening quote. Of the escapes only those of one character that stands for itself.
  std::string string() {
    std::string value;
    while (at < text.size() && text[at] != '"') {
      if (text[at] == '\\' && std::string_view("\"\\/").find(text[++at]) == std::string_view::npos)
        fail("an escape of \", \\ or /");
      value += text[at++];
    }
    if (at++ >= text.size())
      fail("a closing quote");
    skip_space();
    return value;
  }

  Json parse() {
    skip_space();
    Json value;
    if (take('{')) {
      value.kind = Json::Kind::object;
      for (bool is_first = true; !take('}'); is_first = false) {
        if (!is_first)
          require(',');
        if (at >= text.size() || text[at++] != '"')
          fail("a member's name");
        std::string name = string();
        require(':');
        value.members.emplace_back(std::move(name), parse());
      }
    } else if (take('[')) {
      value.kind = Json::Kind::list;
      for (bool is_first = true; !take(']'); is_first = false) {
        if (!is_first)
          require(',');
        value.list.push_back(parse());
      }
    } else if (at < text.size() && text[at] == '"') {
      at++;
      value.kind = Json::Kind::text;
      value.text = string();
    } else if (take_word("true")) {
      value.kind = Json::Kind::boolean;
      value.number = 1;
    } else if (take_word("false")) {
      value.kind = Json::Kind::boolean;
    } else {
      std::string digits(text.substr(at, text.find_first_of(",]} \n\r\t", at) - at));
      char *end = nullptr;
      value.kind = Json::Kind::number;
      value.number = std::strtod(digits.c_str(), &end);
      if (digits.empty() || *end != 0)
        fail("a value");
      at += digits.size();
      skip_space();
    }
    return value;
  }

  std::string_view text;
  size_t at = 0;
};

} // namespace

const Json *Json::find(std::string_view name) const {
  for (const auto &[key, value] : members)
    if (key == name)
      return &value;
  return nullptr;
}

Json parse_json(std::string_view text) { return Parser(text).document(); }

} // namespace tubelet
