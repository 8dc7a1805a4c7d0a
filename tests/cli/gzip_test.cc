#include "cli/gzip.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gzip.h"

namespace cubby::cli {
namespace {

using ::testing::HasSubstr;

// Yields `bytes`, at most `piece` of them each time.
ByteSource Pieces(const std::string& bytes, size_t piece) {
  return [bytes, piece, at = size_t{0}](std::string* out) mutable -> absl::StatusOr<bool> {
    const std::string next = bytes.substr(at, piece);
    at += next.size();
    out->append(next);
    return !next.empty();
  };
}

struct Result {
  std::string bytes;
  absl::Status status;
};

Result Read(const ByteSource& source) {
  Result result;
  while (true) {
    const size_t before = result.bytes.size();
    const absl::StatusOr<bool> more = source(&result.bytes);
    EXPECT_LE(result.bytes.size() - before, kPieceBytes);
    result.status = more.status();
    if (!more.ok() || !*more) return result;
    EXPECT_GT(result.bytes.size(), before);
  }
}

Result Read(const std::string& file, size_t piece = kPieceBytes) {
  return Read(Decompressed(Pieces(file, piece), "FILE"));
}

// Compresses to something like half.
std::string Text(size_t lines) {
  std::mt19937_64 random(1);
  std::string text;
  for (size_t line = 0; line < lines; ++line) absl::StrAppend(&text, random() % 100'000, "\n");
  return text;
}

TEST(GzipTest, OtherBytesAreAsTheyAre) {
  for (const std::string& bytes :
       {std::string(), std::string("\x1f"), std::string("\x1f\x1f\x8b"), std::string("a\nb\n"),
        std::string("\0\x1f\x8b", 3), Text(100'000)}) {
    for (const size_t piece : {size_t{1}, kPieceBytes}) {
      const Result read = Read(bytes, piece);
      EXPECT_TRUE(read.status.ok()) << read.status;
      EXPECT_EQ(read.bytes, bytes);
    }
  }
}

TEST(GzipTest, CompressedBytesAreDecompressedHoweverTheyArrive) {
  const std::string text = Text(100'000);
  const std::string file = test::Gzip(text);
  ASSERT_GT(file.size(), 3 * kPieceBytes);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{1000}, kPieceBytes}) {
    const Result read = Read(file, piece);
    EXPECT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.bytes, text);
  }
}

// Its last input is read long before its last output is written.
TEST(GzipTest, MuchFromLittleComesInPieces) {
  const std::string zeros(8 << 20, '\0');
  const Result read = Read(test::Gzip(zeros));
  EXPECT_TRUE(read.status.ok()) << read.status;
  EXPECT_TRUE(read.bytes == zeros);
}

TEST(GzipTest, MembersAreJoined) {
  const std::string empty = test::Gzip("");
  const std::string file =
      absl::StrCat(test::Gzip("a\nb"), empty, empty, test::Gzip("c\n"), test::Gzip(Text(1000)));
  for (const size_t piece : {size_t{1}, kPieceBytes}) {
    const Result read = Read(file, piece);
    EXPECT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.bytes, absl::StrCat("a\nbc\n", Text(1000)));
  }
  EXPECT_EQ(Read(empty).bytes, "");
}

TEST(GzipTest, NulsAtTheEndAreLeftOut) {
  const std::string padding(100'000, '\0');
  for (const size_t piece : {size_t{1}, kPieceBytes}) {
    const Result read = Read(test::Gzip("a\n") + padding, piece);
    EXPECT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.bytes, "a\n");
  }
}

TEST(GzipTest, TruncationAnywhereIsNamedAfterWhatCameBefore) {
  const std::string text = Text(2000);
  const std::string file = test::Gzip(text);
  for (size_t length = 2; length < file.size(); ++length) {
    const Result read = Read(file.substr(0, length));
    ASSERT_EQ(read.status, absl::DataLossError(absl::StrCat(
                               "FILE is truncated: its compressed data ends at byte ", length)));
    ASSERT_EQ(read.bytes, text.substr(0, read.bytes.size()));
  }
  EXPECT_EQ(Read(file.substr(0, file.size() - 1)).bytes, text) << "only the trailer is cut";
}

TEST(GzipTest, DamageIsNamedAndDoesNoHarm) {
  const std::string text = Text(200);
  const std::string file = test::Gzip(text);
  for (size_t at = 2; at < file.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      const Result read = Read(damaged);
      if (!read.status.ok()) {
        ASSERT_TRUE(absl::IsDataLoss(read.status)) << read.status;
        ASSERT_THAT(std::string(read.status.message()), HasSubstr(" at byte "));
      } else {  // a date in the header, or bits behind the last code
        ASSERT_EQ(read.bytes, text);
      }
    }
  }
}

TEST(GzipTest, WrongChecksumIsFoundAfterWhatItIsOf) {
  std::string file = test::Gzip("a\n") + test::Gzip("b\n");
  file[file.size() - 8] = static_cast<char>(file[file.size() - 8] ^ 1);
  for (const size_t piece : {size_t{1}, kPieceBytes}) {
    const Result read = Read(file, piece);
    EXPECT_EQ(read.bytes, "a\nb\n");
    EXPECT_EQ(read.status,
              absl::DataLossError(absl::StrCat("FILE is damaged at byte ", file.size() - 4,
                                               ": incorrect data check")));
  }
}

TEST(GzipTest, BytesBehindTheEndAreDamage) {
  const std::string file = test::Gzip("a\n");
  const Result read = Read(file + "plain text");
  EXPECT_EQ(read.bytes, "a\n");
  EXPECT_TRUE(absl::IsDataLoss(read.status));
  EXPECT_THAT(std::string(read.status.message()), HasSubstr("FILE is damaged at byte "));
  EXPECT_THAT(std::string(read.status.message()), HasSubstr("incorrect header check"));
}

TEST(GzipTest, ErrorOfTheSourceIsReturned) {
  const std::string file = test::Gzip("a\n");
  for (size_t length = 0; length < file.size(); ++length) {
    const ByteSource begin = Pieces(file.substr(0, length), kPieceBytes);
    const Result read = Read(Decompressed(
        [&begin](std::string* bytes) -> absl::StatusOr<bool> {
          const absl::StatusOr<bool> more = begin(bytes);
          return *more ? more : absl::InternalError("cannot read");
        },
        "FILE"));
    EXPECT_EQ(read.status, absl::InternalError("cannot read")) << length;
  }
}

}  // namespace
}  // namespace cubby::cli
