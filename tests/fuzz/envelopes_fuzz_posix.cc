// Whether every envelope is opened, in order, whatever lies between them.
//
//   input:   steps that make the bytes of a request FIFO
//   step:    what it is, modulo 4 : 1 | operands ...
#include <string>
#include <vector>

#include "os/envelope_posix.h"
#include "os/pipe.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {
namespace {

// More would only be more of the same.
constexpr size_t kMaxFifoBytes = 64 << 10;

os::PipeServer::Request RequestFrom(Input* input) {
  os::PipeServer::Request request;
  request.reply_to = input->Number64();
  const uint16_t length = input->Number16();
  request.bytes = std::string(input->Take(length % 64));
  // A few are long, some too long.
  if (length >= 0xc000) request.bytes.append(length % 5000, static_cast<char>(length));
  return request;
}

bool MayBeSent(const os::PipeServer::Request& request) {
  return !request.bytes.empty() && request.bytes.size() <= os::kMaxRequestBytes;
}

}  // namespace

void Envelopes(absl::string_view bytes) {
  Input input(bytes);
  std::string fifo;
  std::vector<os::PipeServer::Request> sent;  // while `fifo` is nothing but envelopes
  bool clean = true;
  while (!input.empty() && fifo.size() < kMaxFifoBytes) {
    const uint8_t what = input.Byte() % 4;
    if (what == 3) {
      fifo += std::string(input.Take(input.Byte()));
      clean = false;
      continue;
    }
    const os::PipeServer::Request request = RequestFrom(&input);
    std::string envelope = os::MakeEnvelope(request.reply_to, request.bytes);
    if (what == 1) envelope.resize(input.Number16() % envelope.size());
    if (what == 2) {
      char& byte = envelope[input.Number16() % envelope.size()];
      byte = static_cast<char>(byte ^ input.Byte());
    }
    fifo += envelope;
    if (what == 0 && MayBeSent(request)) {
      sent.push_back(request);
    } else {
      clean = false;
    }
  }

  const os::OpenedEnvelopes opened = os::OpenEnvelopes(fifo);
  if (clean) Require(opened.rejected == 0, "an envelope is no garbage");
  if (clean) Require(opened.requests.size() == sent.size(), "as many come out as went in");
  for (size_t i = 0; clean && i < sent.size(); ++i) {
    Require(opened.requests[i].reply_to == sent[i].reply_to, "the address comes out");
    Require(opened.requests[i].bytes == sent[i].bytes, "the request comes out");
  }
  // What is opened could have been sent.
  size_t envelope_bytes = 0;
  for (const os::PipeServer::Request& request : opened.requests) {
    Require(MayBeSent(request), "no request is empty or too long");
    const std::string envelope = os::MakeEnvelope(request.reply_to, request.bytes);
    Require(fifo.find(envelope) != std::string::npos, "a request lies in an envelope");
    envelope_bytes += envelope.size();
  }
  Require((envelope_bytes == fifo.size()) == (opened.rejected == 0), "all else is garbage");

  // Zeros complete an envelope that was cut off: its missing bytes may be those of the next one.
  const os::PipeServer::Request last = {1, "last"};
  const os::OpenedEnvelopes with_last = os::OpenEnvelopes(
      fifo + std::string(os::kMaxRequestBytes, '\0') + os::MakeEnvelope(last.reply_to, last.bytes));
  Require(!with_last.requests.empty() && with_last.requests.back().bytes == last.bytes,
          "an envelope is opened whatever lies before it");
}

}  // namespace cubby::fuzz
