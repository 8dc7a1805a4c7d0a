#include "tests/support/json.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/text.h"

namespace cubby::test {
namespace {

// Each function takes its part off the front of rest_ and says whether that was well-formed.
class Parser {
 public:
  explicit Parser(absl::string_view text) : rest_(text) {}

  bool Value(Json* json) {
    SkipSpace();
    if (Take("null")) return true;
    if (Take("true")) {
      json->kind = Json::Kind::kBool;
      json->number = 1;
      return true;
    }
    if (Take("false")) {
      json->kind = Json::Kind::kBool;
      return true;
    }
    if (absl::StartsWith(rest_, "\"")) {
      json->kind = Json::Kind::kString;
      return String(&json->text);
    }
    if (Take("[")) {
      json->kind = Json::Kind::kArray;
      return List("]", [this, json] { return Value(&json->elements.emplace_back()); });
    }
    if (Take("{")) {
      json->kind = Json::Kind::kObject;
      return List("}", [this, json] { return Member(&json->members); });
    }
    json->kind = Json::Kind::kNumber;
    return Number(&json->number);
  }

  absl::string_view Rest() {
    SkipSpace();
    return rest_;
  }

 private:
  bool Take(absl::string_view word) {
    if (!absl::StartsWith(rest_, word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void SkipSpace() {
    while (!rest_.empty() && absl::StrContains(" \t\r\n", rest_.substr(0, 1)))
      rest_.remove_prefix(1);
  }

  template <typename Element>
  bool List(absl::string_view end, Element element) {
    SkipSpace();
    if (Take(end)) return true;
    do {
      if (!element()) return false;
      SkipSpace();
    } while (Take(","));
    return Take(end);
  }

  bool Member(std::map<std::string, Json>* members) {
    std::string name;
    SkipSpace();
    if (!String(&name)) return false;
    SkipSpace();
    if (!Take(":")) return false;
    Json value;
    return Value(&value) && members->emplace(std::move(name), std::move(value)).second;
  }

  bool String(std::string* text) {
    if (!Take("\"")) return false;
    while (!Take("\"")) {
      if (rest_.empty() || static_cast<unsigned char>(rest_.front()) < 0x20) return false;
      if (Take("\\")) {
        if (!Escape(text)) return false;
      } else {
        text->push_back(rest_.front());
        rest_.remove_prefix(1);
      }
    }
    return true;
  }

  bool Escape(std::string* text) {
    constexpr absl::string_view kLetters = "\"\\/bfnrt";
    constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const size_t letter = kLetters.find(rest_.front());
    if (letter != absl::string_view::npos) {
      text->push_back(kMeanings[letter]);
      rest_.remove_prefix(1);
      return true;
    }
    if (!Take("u")) return false;
    const absl::string_view digits = rest_.substr(0, 4);
    if (digits.size() < 4 || !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
      return false;
    }
    const std::string bytes = absl::HexStringToBytes(digits);
    rest_.remove_prefix(4);
    const unsigned code_point =
        static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]);
    AppendUtf8(code_point, text);
    return code_point < 0xd800 || code_point > 0xdfff;  // the programs write no pairs of halves
  }

  static void AppendUtf8(unsigned code_point, std::string* text) {
    const auto append = [text](unsigned byte) { text->push_back(static_cast<char>(byte)); };
    if (code_point < 0x80) return append(code_point);
    if (code_point < 0x800) {
      append(0xc0 | code_point >> 6);
    } else {
      append(0xe0 | code_point >> 12);
      append(0x80 | (code_point >> 6 & 0x3f));
    }
    append(0x80 | (code_point & 0x3f));
  }

  bool Number(double* number) {
    const size_t length = std::min(rest_.find_first_not_of("+-.0123456789eE"), rest_.size());
    const absl::string_view digits = rest_.substr(0, length);
    rest_.remove_prefix(length);
    const bool zeros_lead = digits.size() > 1 && digits[0] == '0' && absl::ascii_isdigit(digits[1]);
    return !zeros_lead && !absl::StartsWith(digits, "+") && !absl::StartsWith(digits, ".") &&
           !absl::EndsWith(digits, ".") && absl::SimpleAtod(digits, number);
  }

  absl::string_view rest_;
};

}  // namespace

const Json& Json::operator[](const std::string& member) const {
  static const Json* const null = new Json;
  const auto found = members.find(member);
  return found == members.end() ? *null : found->second;
}

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  if (!cli::IsUtf8(text)) return absl::InvalidArgumentError("not UTF-8");
  Json json;
  Parser parser(text);
  if (!parser.Value(&json) || !parser.Rest().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("not JSON at byte ", text.size() - parser.Rest().size(), ": ", text));
  }
  return json;
}

}  // namespace cubby::test
