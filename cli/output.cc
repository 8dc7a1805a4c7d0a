#include "cli/output.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/text.h"
#include "program/text_encoding.h"

namespace cubby::cli {

Record& Record::AddNumber(absl::string_view name, uint64_t value) {
  const std::string text = absl::StrCat(value);
  Add(name, text, text);
  return *this;
}

Record& Record::AddText(absl::string_view name, absl::string_view bytes) {
  if (program::IsUtf8(bytes)) {
    AddMember(name, JsonString(bytes));
  } else {
    AddMember(absl::StrCat(name, "_base64"), JsonString(absl::Base64Escape(bytes)));
  }
  absl::StrAppend(&lines_, name, ": ");
  AppendField(bytes, &lines_);
  lines_.push_back('\n');
  return *this;
}

std::string SecondsText(absl::Duration value) {
  if (value == absl::InfiniteDuration()) return "never";
  // Decimal microseconds: a double in short form loses digits or has an exponent.
  const int64_t us = absl::ToInt64Microseconds(value);
  return absl::StrCat(us / 1'000'000, ".", absl::Dec(us % 1'000'000, absl::kZeroPad6));
}

Record& Record::AddSeconds(absl::string_view name, absl::Duration value) {
  if (value == absl::InfiniteDuration()) {
    Add(name, "null", SecondsText(value));
  } else {
    const std::string text = SecondsText(value);
    Add(name, text, text);
  }
  return *this;
}

Record& Record::AddNull(absl::string_view name) {
  Add(name, "null", "none");
  return *this;
}

Record& Record::AddRatio(absl::string_view name, uint64_t part, uint64_t whole) {
  if (whole == 0) return AddNull(name);
  const double ratio = static_cast<double>(part) / static_cast<double>(whole);
  Add(name, absl::StrFormat("%.6f", ratio), absl::StrFormat("%.4f", ratio));
  return *this;
}

Record& Record::AddRecord(absl::string_view name, const Record& members) {
  std::vector<std::string> row;
  for (const absl::string_view line : absl::StrSplit(members.lines_, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> member = absl::StrSplit(line, absl::MaxSplits(": ", 1));
    row.push_back(absl::StrJoin(member, " "));
  }
  Add(name, members.ToJson(), absl::StrJoin(row, ", "));
  return *this;
}

Record& Record::AddList(absl::string_view name, const std::vector<std::string>& elements) {
  std::vector<std::string> json;
  for (const std::string& element : elements) {
    std::string field;
    AppendField(element, &field);
    json.push_back(JsonString(program::IsUtf8(element) ? element : field));
    absl::StrAppend(&lines_, field, "\n");
  }
  AddMember(name, absl::StrCat("[", absl::StrJoin(json, ", "), "]"));
  return *this;
}

std::string Record::ToJson() const { return absl::StrCat("{", json_, "}"); }

std::string Record::ToLines() const { return lines_; }

void Record::Add(absl::string_view name, absl::string_view json, absl::string_view text) {
  AddMember(name, json);
  absl::StrAppend(&lines_, name, ": ", text, "\n");
}

void Record::AddMember(absl::string_view name, absl::string_view json) {
  absl::StrAppend(&json_, json_.empty() ? "" : ", ", "\"", name, "\": ", json);
}

program::ExitCode Print(const Record& record, bool json) {
  Output out;
  out.Write(json ? absl::StrCat(record.ToJson(), "\n") : record.ToLines());
  return out.Finish();
}

std::string JsonLines(const std::vector<std::string>& values) {
  if (values.empty()) return "[]\n";
  return absl::StrCat("[\n", absl::StrJoin(values, ",\n"), "\n]\n");
}

Record EntryRecord(absl::string_view key, absl::string_view value, const Entry& entry) {
  return Record()
      .AddText("key", key)
      .AddText("value", value)
      .AddNumber("revision", entry.revision)
      .AddSeconds("ttl_seconds", entry.ttl);
}

}  // namespace cubby::cli
