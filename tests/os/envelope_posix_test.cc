#include "os/envelope_posix.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "os/pipe.h"

namespace cubby::os {
namespace {

void ExpectOpened(const OpenedEnvelopes& opened, const std::vector<PipeServer::Request>& expected,
                  uint64_t rejected) {
  ASSERT_EQ(opened.requests.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(opened.requests[i].reply_to, expected[i].reply_to) << i;
    EXPECT_TRUE(opened.requests[i].bytes == expected[i].bytes) << i;
  }
  EXPECT_EQ(opened.rejected, rejected);
}

TEST(EnvelopeTest, BytesAreAsDrawn) {
  const std::string envelope = MakeEnvelope(0x0807060504030201, "ab");
  EXPECT_EQ(envelope.substr(0, 16),
            std::string("cbE\xf1\x02\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08", 16));
  EXPECT_EQ(envelope.substr(kEnvelopeBytes), "ab");
}

TEST(EnvelopeTest, EnvelopesAreOpenedInOrder) {
  const std::string longest(kMaxRequestBytes, 'l');
  ExpectOpened(OpenEnvelopes(MakeEnvelope(1, "a") + MakeEnvelope(~uint64_t{0}, longest) +
                             MakeEnvelope(0, std::string(1, '\0'))),
               {{1, "a"}, {~uint64_t{0}, longest}, {0, std::string(1, '\0')}}, 0);
  ExpectOpened(OpenEnvelopes(""), {}, 0);
}

TEST(EnvelopeTest, GarbageCostsNoOtherEnvelope) {
  const std::string good = MakeEnvelope(7, "good");
  std::vector<std::string> garbage = {"garbage", std::string(100, '\0'), "c", "cbE\xf1"};
  for (size_t bytes = 1; bytes < good.size(); ++bytes) {
    garbage.push_back(good.substr(0, bytes));  // cut off
    garbage.push_back(good.substr(bytes));
  }
  for (size_t at = 0; at < good.size(); ++at) {
    garbage.push_back(good);
    garbage.back()[at] = static_cast<char>(good[at] ^ 0x10);
  }
  for (const std::string& bytes : garbage) {
    ExpectOpened(OpenEnvelopes(bytes), {}, 1);
    ExpectOpened(OpenEnvelopes(bytes + good), {{7, "good"}}, 1);
    ExpectOpened(OpenEnvelopes(absl::StrCat(good, bytes, good, good, bytes)),
                 {{7, "good"}, {7, "good"}, {7, "good"}}, 2);
  }
}

TEST(EnvelopeTest, LengthOverTheLimitIsGarbage) {
  ExpectOpened(OpenEnvelopes(MakeEnvelope(1, std::string(kMaxRequestBytes + 1, 'l'))), {}, 1);
}

TEST(EnvelopeTest, EnvelopeWithoutPayloadIsGarbage) {
  ExpectOpened(OpenEnvelopes(MakeEnvelope(1, "")), {}, 1);
}

}  // namespace
}  // namespace cubby::os
