// Reads a table by docs/layout.md alone, with none of the layout's own code: the numbers come from
// the page itself, so that it stays true, and another language's reader can be written from it.
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "table/changes.h"
#include "table/hash.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

template <typename T>
T At(const char* memory, uint64_t offset) {
  T value;
  std::memcpy(&value, memory + offset, sizeof(value));
  return value;
}

// The tables of the page: rows of cells, each under the page's last heading before it.
class Page {
 public:
  Page() {
    std::ifstream file(CUBBY_LAYOUT_PAGE);
    EXPECT_TRUE(file.is_open());
    std::string heading;
    for (std::string line; std::getline(file, line);) {
      if (line.rfind('#', 0) == 0) heading = line.substr(line.find(' ') + 1);
      if (line.rfind("| ", 0) != 0) continue;
      std::vector<std::string> row = {heading};
      for (absl::string_view cell : absl::StrSplit(line.substr(1), '|')) {
        row.emplace_back(absl::StripAsciiWhitespace(cell));
      }
      rows_.push_back(std::move(row));
    }
  }

  // The first cell of the row under a heading that begins so, whose third cell is `field`.
  uint64_t Offset(absl::string_view heading, absl::string_view field) const {
    return First(heading, 3, field);
  }
  // The kind of a region.
  uint64_t Kind(absl::string_view region) const { return First("Region table", 2, region); }

 private:
  uint64_t First(absl::string_view heading, size_t cell, absl::string_view text) const {
    uint64_t number = 0;
    for (const std::vector<std::string>& row : rows_) {
      if (row[0].rfind(std::string(heading), 0) == 0 && row.size() > cell && row[cell] == text) {
        EXPECT_TRUE(absl::SimpleAtoi(row[1], &number)) << heading << ": " << text;
        return number;
      }
    }
    ADD_FAILURE() << "docs/layout.md has no '" << text << "' under '" << heading << "'";
    return 0;
  }

  std::vector<std::vector<std::string>> rows_;
};

class BySpec {
 public:
  explicit BySpec(const char* memory) : m_(memory) {
    bucket_count_ = Header<uint64_t>("bucket count");
    ways_ = Header<uint32_t>("ways");
    slot_bytes_ = Header<uint32_t>("slot bytes");
    extent_bytes_ = Header<uint32_t>("extent bytes");
    seed_ = Header<uint64_t>("hash seed");
    hints_ = Region("hints");
    heads_ = Region("heads");
    slots_ = Region("slots");
    extents_ = Region("extents");
  }

  // Where a region begins.
  uint64_t Region(absl::string_view name) const {
    const auto count = At<uint32_t>(m_, page_.Offset("Region table", "region count"));
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t region = page_.Offset("Region table", "regions") + uint64_t{i} * 24;
      if (At<uint32_t>(m_, region) == page_.Kind(name)) return At<uint64_t>(m_, region + 8);
    }
    ADD_FAILURE() << "no region of " << name;
    return 0;
  }

  std::optional<std::string> Get(const std::string& key) const {
    const uint64_t bucket_bytes = (uint64_t{ways_} * slot_bytes_ + 63) / 64 * 64;
    const uint64_t h = XXH3_64bits_withSeed(key.data(), key.size(), seed_);
    auto bucket = static_cast<uint64_t>(static_cast<unsigned __int128>(h) * bucket_count_ >> 64);
    for (uint64_t probe = 0; probe < bucket_count_; ++probe) {
      const uint64_t head = heads_ + bucket * 32;
      for (uint32_t way = 0; way < ways_; ++way) {
        if ((At<uint64_t>(m_, head) >> way & 1) == 0) continue;
        if (At<uint8_t>(m_, head + 8 + way) != (h & 0xff)) continue;
        const uint64_t slot = slots_ + bucket * bucket_bytes + uint64_t{way} * slot_bytes_;
        const auto lengths = At<uint64_t>(m_, slot + page_.Offset("A slot", "lengths"));
        const uint64_t key_bytes = lengths >> 32 & 0xffff;
        const uint64_t value_bytes = lengths & 0xffffffff;
        const uint64_t key_at = slot + page_.Offset("A slot", "key, or hash");
        const uint64_t key_room = (key_bytes + 7) / 8 * 8;
        const bool long_key = (lengths >> 48 & 8) != 0;
        if (long_key ? At<uint64_t>(m_, key_at) != h : std::string(m_ + key_at, key_bytes) != key) {
          continue;
        }
        if (At<uint8_t>(m_, hints_ + bucket * 16 + way) != (h & 0xff)) return std::nullopt;
        const uint64_t value = key_at + (long_key ? 8 : key_room);
        if ((lengths >> 48 & 1) == 0) return std::string(m_ + value, value_bytes);
        std::string whole;
        uint64_t left = value_bytes + (long_key ? key_room : 0);
        for (auto index = At<uint32_t>(m_, value); left != 0;) {
          const uint64_t extent = extents_ + uint64_t{index} * extent_bytes_;
          if (At<uint64_t>(m_, extent + page_.Offset("An extent", "sequence")) !=
              At<uint64_t>(m_, slot + page_.Offset("A slot", "sequence"))) {
            return std::nullopt;
          }
          const uint64_t bytes = std::min<uint64_t>(left, extent_bytes_ - 16);
          whole.append(m_ + extent + 16, bytes);
          left -= bytes;
          index = At<uint32_t>(m_, extent + page_.Offset("An extent", "next"));
        }
        if (!long_key) return whole;
        return whole.substr(0, key_bytes) == key
                   ? std::optional<std::string>(whole.substr(key_room))
                   : std::nullopt;
      }
      if ((At<uint64_t>(m_, head + 24) >> 4 * (h >> 32 & 15) & 15) == 0) break;
      bucket = bucket + 1 == bucket_count_ ? 0 : bucket + 1;
    }
    return std::nullopt;
  }

 private:
  template <typename T>
  T Header(absl::string_view field) const {
    return At<T>(m_, page_.Offset("Header", field));
  }

  const char* m_;
  const Page page_;
  uint64_t bucket_count_, seed_, hints_, heads_, slots_, extents_;
  uint32_t ways_, slot_bytes_, extent_bytes_;
};

TEST(LayoutSpecTest, EveryEntryIsFoundByTheNumbersOfTheSpecification) {
  for (uint32_t ways : {2, 3, 16}) {
    GeometryOptions options = TinyOptions();
    options.capacity = 50;
    options.ways = ways;
    options.extent_pool_bytes = 64 * 400;
    TableBuffer buffer(options);
    // Half of the keys are longer than their slot has room.
    const auto key = [](size_t i) {
      return absl::StrCat("key", std::string(i % 2 == 0 ? 0 : 27 + i, '-'), i);
    };
    for (size_t i = 0; i < 50; ++i) {
      ASSERT_TRUE(buffer.Put(key(i), std::string(i * 3, 'v')).ok()) << i;
    }
    const BySpec reader(buffer.memory());
    for (size_t i = 0; i < 50; ++i) {
      EXPECT_EQ(reader.Get(key(i)), std::string(i * 3, 'v')) << i;
    }
    EXPECT_EQ(reader.Get("absent"), std::nullopt);
    EXPECT_EQ(reader.Get(std::string(60, '-')), std::nullopt);
  }
}

TEST(LayoutSpecTest, FieldsAreWhereThePageSays) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "v").ok());
  const char* m = buffer.memory();
  const Geometry& geometry = buffer.geometry();
  const Page page;
  const auto header = [&](absl::string_view field) { return page.Offset("Header", field); };
  const auto regions = [&](absl::string_view field) { return page.Offset("Region table", field); };
  const auto magic = At<uint64_t>(m, header("magic"));
  EXPECT_EQ(std::string(m, 8), std::string("\xff"
                                           "cubby\x01\x00",
                                           8));
  EXPECT_EQ(At<uint16_t>(m, header("layout major")), 5);
  EXPECT_EQ(At<uint16_t>(m, header("layout minor")), 4);
  EXPECT_EQ(At<uint32_t>(m, header("header bytes")), 8192u);
  EXPECT_EQ(At<uint64_t>(m, header("total bytes")), geometry.total_bytes);
  EXPECT_EQ(At<uint32_t>(m, header("extent count")), geometry.extent_count);
  EXPECT_EQ(At<uint64_t>(m, header("capacity")), geometry.capacity);
  EXPECT_EQ(At<uint64_t>(m, header("max value bytes")), geometry.max_value_bytes);
  EXPECT_EQ(At<uint64_t>(m, header("instance")), geometry.instance[0]);
  EXPECT_EQ(At<uint64_t>(m, header("generation")), 0u);
  EXPECT_EQ(At<uint64_t>(m, header("created")), geometry.created_unix_ns);
  EXPECT_EQ(At<uint32_t>(m, header("full policy")), 0u);
  EXPECT_EQ(At<uint32_t>(m, header("byte order")), 0x0a0b0c0du);
  EXPECT_EQ(At<uint64_t>(m, header("checksum")), XXH3_64bits_withSeed(m + 8, 112, magic));
  EXPECT_EQ(At<uint64_t>(m, header("region checksum")), XXH3_64bits_withSeed(m + 256, 384, magic));
  EXPECT_EQ(At<uint64_t>(m, regions("required")), 1u << 1 | 1u << 4 | 1u << 6);
  EXPECT_EQ(At<uint64_t>(m, regions("required to write")), 1u << 2 | 1u << 5 | 1u << 7);
  EXPECT_EQ(At<int64_t>(m, regions("clock offset")), geometry.clock_offset_ns);
  EXPECT_EQ(At<uint64_t>(m, page.Offset("State line", "state")), 1u);
  // Newest revision, entries.
  EXPECT_EQ(At<uint64_t>(m, 704), 1u);
  EXPECT_EQ(At<uint64_t>(m, 712), 1u);
  EXPECT_EQ(At<uint64_t>(m, 832), 0u) << "no intent";
  EXPECT_EQ(At<uint64_t>(m, 1024), ~uint64_t{0}) << "nothing expires";
}

TEST(LayoutSpecTest, TheChangeRingIsReadByTheNumbersOfTheSpecification) {
  TableBuffer buffer(TinyOptions());
  const lock::HeldWriterRole role;
  SetRecording(buffer.table(), ChangeRecording::kOn);
  // So many that the records go around, in as many places as there are words.
  std::vector<std::string> keys;
  for (size_t i = 0; keys.size() < 1000; ++i) {
    keys.emplace_back(1 + i % 30, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(buffer.Put(keys.back(), "v").ok());
    ASSERT_TRUE(buffer.Delete(keys.back()).ok());
  }
  const char* m = buffer.memory();
  const Page page;
  const auto line = [&](absl::string_view field) {
    return At<uint64_t>(m, page.Offset("The change ring", field));
  };
  const uint64_t size = buffer.geometry().changes_bytes;
  const uint64_t ring = BySpec(m).Region("changes");
  const auto word = [&](uint64_t position) { return At<uint64_t>(m, ring + position % size); };
  EXPECT_EQ(line("recording"), 1u);
  const uint64_t head = line("head");
  uint64_t revision = line("lost");
  uint64_t told = 0;
  for (uint64_t at = line("tail"); at != head; ++told) {
    EXPECT_EQ(word(at + page.Offset("The change ring", "revision")), ++revision);
    const std::string& key = keys[(revision - 1) / 2];
    const uint64_t what = word(at + page.Offset("The change ring", "what"));
    EXPECT_EQ(what >> 16, 2 - revision % 2) << "a put or a delete";
    ASSERT_EQ(what & 0xffff, key.size());
    at += page.Offset("The change ring", "key");
    for (size_t i = 0; i < key.size(); i += 8, at += 8) {
      uint64_t padded = 0;
      std::memcpy(&padded, key.data() + i, std::min<size_t>(8, key.size() - i));
      EXPECT_EQ(word(at), padded);
    }
  }
  EXPECT_EQ(revision, 2000u);
  EXPECT_GT(told, 10u);
}

// Stores outlive programs: these values may never change.
TEST(LayoutSpecTest, HashHasItsGoldenValues) {
  constexpr uint64_t kSeed = 0x0123456789abcdef;
  EXPECT_EQ(HashKey("a", kSeed), 0xfcf369f9e7541d1bu);
  EXPECT_EQ(HashKey("k", kSeed), 0x9b2feee230b3a3a2u);
  EXPECT_EQ(HashKey("0123456789abcdef", kSeed), 0x7b2c06caefc6fc58u);
  EXPECT_EQ(HashKey("the quick brown fox jumps over the lazy dog", kSeed), 0xbc384a8eeaaca2e8u);
  EXPECT_EQ(HashKey(std::string(300, 'x'), kSeed), 0xda0cb6a389eea0ffu);
}

}  // namespace
}  // namespace cubby::table
