#include "tests/support/recorded_requests.h"

#include <cstdio>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "cli/byte_source.h"
#include "cli/gzip.h"
#include "cli/line_reader.h"
#include "gtest/gtest.h"

namespace cubby::test {

bool HaveRecordedRequests() { return std::filesystem::exists(CUBBY_TRACES); }

std::string TracePath(absl::string_view trace) {
  return absl::StrCat(CUBBY_TRACES, "/", trace, ".gz");
}

std::vector<std::string> RecordedRequests(absl::string_view trace) {
  std::vector<std::string> keys;
  const std::string path = TracePath(trace);
  const auto file = cli::OpenInput(path);
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return keys;
  const absl::Cleanup close_file = [&file] { std::fclose(*file); };
  constexpr size_t kMaxKeyBytes = 255;
  cli::LineReader lines(cli::Decompressed(cli::BytesOfFile(*file, path), path), kMaxKeyBytes);
  while (true) {
    bool ended = false;
    const auto line = lines.Next(&ended);
    EXPECT_TRUE(line.ok()) << line.status();
    if (!line.ok() || !line->has_value()) return keys;
    keys.emplace_back(**line);
  }
}

}  // namespace cubby::test
