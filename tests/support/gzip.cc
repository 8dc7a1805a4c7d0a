#include "tests/support/gzip.h"

#include <zlib.h>

#include "gtest/gtest.h"

namespace cubby::test {

std::string Gzip(absl::string_view bytes) {
  z_stream stream = {};
  constexpr int kGzipFormat = 15 + 16;
  EXPECT_EQ(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat, /*memLevel=*/8,
                         Z_DEFAULT_STRATEGY),
            Z_OK);
  std::string file(deflateBound(&stream, bytes.size()), '\0');
  std::string input(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(file.data());
  stream.avail_out = static_cast<uInt>(file.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  file.resize(stream.total_out);
  deflateEnd(&stream);
  return file;
}

}  // namespace cubby::test
