// Whether what load and verify read is the lines that were written.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "cli/dump.h"
#include "cli/input.h"
#include "cli/text.h"
#include "program/text_encoding.h"
#include "tests/fuzz/harness.h"

namespace cubby::fuzz {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

constexpr absl::string_view kMark = "\xef\xbb\xbf";

bool IsExpiry(absl::string_view field) {
  absl::Duration ignored;
  return absl::ConsumePrefix(&field, "expires=") &&
         field.find_first_not_of("0123456789.") == absl::string_view::npos &&
         absl::ParseDuration(absl::StrCat(field, "s"), &ignored);
}

struct ReadLines {
  Entries entries;
  absl::StatusCode code = absl::StatusCode::kOk;
};

// What cli/input.h says of them.
ReadLines Expected(absl::string_view input, bool escaped) {
  ReadLines expected;
  if (!program::OtherEncoding(input.substr(0, input.find('\n'))).empty()) {
    expected.code = absl::StatusCode::kInvalidArgument;
    return expected;
  }
  std::vector<absl::string_view> lines = absl::StrSplit(input, '\n');
  const bool ends_within_line = !lines.back().empty();
  if (!ends_within_line) lines.pop_back();
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::string_view line = lines[i];
    const bool ended = i + 1 < lines.size() || !ends_within_line;
    absl::ConsumePrefix(&line, kMark);
    if (ended && absl::EndsWith(line, "\r")) line.remove_suffix(1);
    const size_t tab = line.find('\t');
    if (tab == absl::string_view::npos) {
      expected.code = absl::StatusCode::kInvalidArgument;
      return expected;
    }
    std::string key(line.substr(0, tab));
    std::string value(line.substr(tab + 1));
    const size_t third = escaped ? value.find('\t') : value.rfind('\t');
    if (third != std::string::npos) {
      const bool expiry = IsExpiry(absl::string_view(value).substr(third + 1));
      if (expiry != escaped || (!escaped && cli::DumpReader::IsEntryOfDump(line))) {
        expected.code = absl::StatusCode::kInvalidArgument;
        return expected;
      }
      if (escaped) value.resize(third);
    }
    if (escaped) {
      absl::StatusOr<std::string> key_bytes = cli::BytesFromField(key);
      absl::StatusOr<std::string> value_bytes = cli::BytesFromField(value);
      if (!key_bytes.ok() || !value_bytes.ok()) {
        expected.code = absl::StatusCode::kInvalidArgument;
        return expected;
      }
      key = *std::move(key_bytes);
      value = *std::move(value_bytes);
    }
    expected.entries.emplace_back(std::move(key), std::move(value));
  }
  return expected;
}

ReadLines Read(absl::string_view input, const cubby::Limits& limits, bool escaped) {
  ReadLines read;
  const int file = memfd_create("lines", MFD_CLOEXEC);
  Require(file >= 0 &&
              write(file, input.data(), input.size()) == static_cast<ssize_t>(input.size()) &&
              lseek(file, 0, SEEK_SET) == 0,
          "there is an input");
  std::FILE* const own = stdin;
  stdin = fdopen(file, "r");
  const absl::Status status = cli::ForEachInputLine(
      limits, escaped, [&read](uint64_t, const absl::StatusOr<cli::InputEntry>& entry) {
        if (entry.ok()) read.entries.emplace_back(entry->key, entry->value);
        return entry.status();
      });
  std::fclose(stdin);
  stdin = own;
  read.code = status.code();
  return read;
}

// Whether load reads the lines as a dump.
bool BeginsAsDump(absl::string_view input) {
  absl::ConsumePrefix(&input, kMark);
  return cli::DumpReader::IsDump(input.substr(0, input.find('\n')));
}

// The dump of an entry made of the input is read back.
void RoundTrip(absl::string_view input, const cubby::Limits& limits) {
  cubby::Entry entry;
  entry.revision = input.size();
  const absl::string_view key = input.substr(0, input.size() / 2);
  const absl::string_view value = input.substr(input.size() / 2);
  std::string dump = cli::DumpHeader();
  cli::AppendDumpLine(key, value, entry, &dump);
  dump += cli::DumpEnd(1);
  const ReadLines read = Read(dump, limits, /*escaped=*/false);
  Require(read.code == absl::StatusCode::kOk &&
              read.entries == Entries{{std::string(key), std::string(value)}},
          "the entry that was dumped is read");
}

}  // namespace

void Lines(absl::string_view input) {
  cubby::Limits roomy;
  roomy.max_key_bytes = input.size();
  RoundTrip(input, roomy);
  cubby::Limits narrow;
  if (BeginsAsDump(input)) {
    Read(input, roomy, /*escaped=*/false);
    return;
  }
  for (const bool escaped : {false, true}) {
    const ReadLines expected = Expected(input, escaped);
    const ReadLines read = Read(input, roomy, escaped);
    Require(read.code == expected.code && read.entries == expected.entries,
            "the lines that were written are read");
    Read(input, narrow, escaped);
  }
}

}  // namespace cubby::fuzz
