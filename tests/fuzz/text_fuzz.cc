// Whether text that the command prints gives the bytes back that it was made of, and whether what
// it reads is judged as it says.
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "cli/output.h"
#include "cli/text.h"
#include "nlohmann/json.hpp"
#include "program/text_encoding.h"
#include "tests/fuzz/harness.h"

namespace cubby::fuzz {
namespace {

using Json = nlohmann::json;

bool IsOneLine(absl::string_view text) {
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) return false;
  }
  return program::IsUtf8(text);
}

}  // namespace

void Text(absl::string_view input) {
  std::string field;
  cli::AppendField(input, &field);
  Require(IsOneLine(field), "a field is a part of a line");
  const absl::StatusOr<std::string> bytes = cli::BytesFromField(field);
  Require(bytes.ok() && *bytes == input, "a field gives its bytes back");

  const absl::StatusOr<std::string> read = cli::BytesFromField(input);
  if (read.ok()) {
    field.clear();
    cli::AppendField(*read, &field);
    const absl::StatusOr<std::string> again = cli::BytesFromField(field);
    Require(again.ok() && *again == *read, "bytes that a field gave can be written as one");
  } else {
    Require(absl::IsInvalidArgument(read.status()) && IsOneLine(read.status().message()),
            "a bad escape is named in one line");
  }

  Require(IsOneLine(cli::Quoted(input)) && cli::Quoted(input).size() <= 80 * 4 + 5,
          "a quotation is short");
  if (program::IsUtf8(input)) {
    const std::string json = cli::JsonString(input);
    Require(IsOneLine(json), "JSON is one line");
    Require(Json::parse(json, nullptr, false) == std::string(input), "JSON gives text back");
  }
  const std::string record =
      cli::Record().AddText("key", input).AddList("list", {std::string(input)}).ToJson();
  Require(IsOneLine(record), "a record is one line");
  Require(Json::accept(record), "a record is JSON");

  const absl::StatusOr<absl::Duration> duration = cli::ParseDuration("--ttl", input);
  if (duration.ok()) {
    Require(*duration > absl::ZeroDuration(), "a duration is more than none");
  } else {
    Require(IsOneLine(duration.status().message()), "a bad duration is named in one line");
  }
}

}  // namespace cubby::fuzz
