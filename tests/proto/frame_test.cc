#include "proto/frame.h"

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cubby::proto {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Encode(absl::string_view message) { return EncodeFrames(message).value(); }

std::string MagicBytes() { return Encode("").substr(0, 4); }

// Where the next message's frames would begin: a frame's header says how long it is.
std::vector<std::string> SplitFrames(const std::string& frames) {
  std::vector<std::string> split;
  for (size_t at = 0; at < frames.size(); at += kMaxFrameBytes) {
    split.push_back(frames.substr(at, kMaxFrameBytes));
  }
  return split;
}

std::vector<std::string> TakeAll(FrameDecoder* decoder) {
  std::vector<std::string> messages;
  while (absl::optional<std::string> message = decoder->Next()) messages.push_back(*message);
  return messages;
}

struct Decoded {
  std::vector<std::string> messages;
  uint64_t rejected;
};

Decoded DecodeAll(absl::string_view bytes) {
  FrameDecoder decoder;
  decoder.Append(bytes);
  decoder.EndOfInput();
  Decoded decoded = {TakeAll(&decoder), 0};
  decoded.rejected = decoder.rejected();
  return decoded;
}

TEST(FrameTest, BytesAreAsDrawn) {
  const std::string frame = Encode("cubby");
  EXPECT_EQ(frame.size(), kFrameHeaderBytes + 5);
  EXPECT_EQ(frame.substr(0, 12), std::string("cbC\xf1\5\0\0\0\0\0\1\0", 12));
  EXPECT_EQ(frame.substr(16), "cubby");
  // A golden value, so that daemons and clients of different builds understand one another.
  EXPECT_EQ(frame.substr(12, 4), "\x13\xfd\x8b\x06");
}

TEST(FrameTest, MessagesOfAllSizesComeBack) {
  for (size_t size : {size_t{0}, size_t{1}, kMaxPayloadBytes - 1, kMaxPayloadBytes,
                      kMaxPayloadBytes + 1, 3 * kMaxPayloadBytes, kMaxMessageBytes}) {
    const std::string message(size, 'm');
    const Decoded decoded = DecodeAll(Encode(message));
    EXPECT_TRUE(decoded.messages == std::vector<std::string>{message}) << size;
    EXPECT_EQ(decoded.rejected, 0u) << size;
  }
}

TEST(FrameTest, FullPayloadMakesOneFrameOfTheLimit) {
  EXPECT_EQ(Encode(std::string(kMaxPayloadBytes, 'm')).size(), kMaxFrameBytes);
}

TEST(FrameTest, OverlongMessageNamesTheLimit) {
  const absl::Status status = EncodeFrames(std::string(kMaxMessageBytes + 1, 'm')).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(absl::StrCat(kMaxMessageBytes)));
}

TEST(FrameTest, AnySplitPointGivesTheSame) {
  const std::string bytes = absl::StrCat("xx", Encode("first"), MagicBytes(), Encode("second"));
  for (size_t split = 0; split <= bytes.size(); ++split) {
    FrameDecoder decoder;
    decoder.Append(bytes.substr(0, split));
    std::vector<std::string> messages = TakeAll(&decoder);
    decoder.Append(bytes.substr(split));
    decoder.EndOfInput();
    for (std::string& message : TakeAll(&decoder)) messages.push_back(message);
    EXPECT_THAT(messages, ElementsAre("first", "second")) << split;
    EXPECT_EQ(decoder.rejected(), 2u) << split;
  }
}

TEST(FrameTest, ByteByByteGivesTheSame) {
  const std::string long_message(2 * kMaxPayloadBytes + 7, 'm');
  FrameDecoder decoder;
  std::vector<std::string> messages;
  for (char byte : absl::StrCat(Encode(long_message), "?", Encode("short"))) {
    decoder.Append(absl::string_view(&byte, 1));
    for (std::string& message : TakeAll(&decoder)) messages.push_back(message);
  }
  EXPECT_THAT(messages, ElementsAre(long_message, "short"));
  EXPECT_EQ(decoder.rejected(), 1u);
}

TEST(FrameTest, GarbageBetweenFramesIsSkippedAndCounted) {
  const Decoded decoded = DecodeAll(absl::StrCat("garbage", Encode("a"), Encode("b"),
                                                 std::string(10000, '\0'), Encode("c"), "more"));
  EXPECT_THAT(decoded.messages, ElementsAre("a", "b", "c"));
  EXPECT_EQ(decoded.rejected, 3u);
}

TEST(FrameTest, FrameBehindAHalfFrameIsFound) {
  const std::string half = Encode(std::string(100, 'h'));
  for (size_t cut = 1; cut < half.size(); ++cut) {
    const Decoded decoded = DecodeAll(absl::StrCat(half.substr(0, cut), Encode("whole")));
    EXPECT_THAT(decoded.messages, ElementsAre("whole")) << cut;
    EXPECT_EQ(decoded.rejected, 1u) << cut;
  }
}

TEST(FrameTest, TruncatedFrameWaitsForTheRestUntilToldThatThereIsNone) {
  const std::string frame = Encode("cubby");
  FrameDecoder decoder;
  decoder.Append(frame.substr(0, frame.size() - 1));
  EXPECT_THAT(TakeAll(&decoder), IsEmpty());
  EXPECT_EQ(decoder.rejected(), 0u);
  decoder.EndOfInput();
  EXPECT_THAT(TakeAll(&decoder), IsEmpty());
  EXPECT_EQ(decoder.rejected(), 1u);
}

TEST(FrameTest, AnyFlippedBitLosesThatFrameOnly) {
  const std::string frame = Encode("cubby");
  for (size_t bit = 0; bit < 8 * frame.size(); ++bit) {
    std::string bad = frame;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const Decoded decoded = DecodeAll(absl::StrCat(bad, Encode("next")));
    EXPECT_THAT(decoded.messages, ElementsAre("next")) << bit;
    EXPECT_EQ(decoded.rejected, 1u) << bit;
  }
}

TEST(FrameTest, OverlongLengthIsNotWaitedFor) {
  std::string bad = Encode("cubby");
  bad[5] = 0x7f;  // 32 KiB and more
  FrameDecoder decoder;
  decoder.Append(absl::StrCat(bad, Encode("next")));
  EXPECT_THAT(TakeAll(&decoder), ElementsAre("next"));
}

TEST(FrameTest, MissingDoubledAndStrayPartsLoseOnlyTheirMessage) {
  const std::string message(3 * kMaxPayloadBytes, 'm');
  const std::vector<std::string> parts = SplitFrames(Encode(message));
  ASSERT_EQ(parts.size(), 3u);
  const struct {
    const char* what;
    std::string bytes;
    uint64_t rejected;
  } cases[] = {
      {"first missing", parts[1] + parts[2], 2},
      {"middle missing", parts[0] + parts[2], 2},
      {"last missing", parts[0] + parts[1], 1},
      {"middle doubled", parts[0] + parts[1] + parts[1] + parts[2], 3},
      {"begun twice", parts[0] + parts[1] + parts[0], 2},
  };
  for (const auto& test : cases) {
    const Decoded decoded = DecodeAll(test.bytes + Encode("next") + Encode(message));
    EXPECT_TRUE(decoded.messages == (std::vector<std::string>{"next", message})) << test.what;
    EXPECT_EQ(decoded.rejected, test.rejected) << test.what;
  }
}

// Messages, garbage and pieces of every kind. CUBBY_TEST_SEED repeats a run.
TEST(FrameTest, RandomStreamsGiveExactlyTheirMessages) {
  const char* chosen = std::getenv("CUBBY_TEST_SEED");
  const uint32_t seed = chosen != nullptr ? static_cast<uint32_t>(std::strtoul(chosen, nullptr, 0))
                                          : std::random_device()();
  SCOPED_TRACE(absl::StrCat("CUBBY_TEST_SEED=", seed));
  std::mt19937 random(seed);
  auto random_bytes = [&random](size_t most) {
    std::string bytes(random() % (most + 1), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> sent;
    std::string stream;
    for (int i = 0; i < 20; ++i) {
      switch (random() % 4) {
        case 0:
          stream += random_bytes(50);
          break;
        case 1:
          stream += MagicBytes() + random_bytes(30);
          break;
        default:
          sent.push_back(random_bytes(random() % 8 == 0 ? 20000 : 100));
          stream += Encode(sent.back());
      }
    }
    FrameDecoder decoder;
    std::vector<std::string> received;
    for (size_t at = 0; at < stream.size();) {
      const size_t piece = 1 + random() % 5000;
      decoder.Append(stream.substr(at, piece));
      at += piece;
      for (std::string& message : TakeAll(&decoder)) received.push_back(message);
    }
    decoder.EndOfInput();
    for (std::string& message : TakeAll(&decoder)) received.push_back(message);
    ASSERT_TRUE(received == sent) << "round " << round;
  }
}

}  // namespace
}  // namespace cubby::proto
