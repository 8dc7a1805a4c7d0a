// The version of the control protocol (proto/control.proto), sent with every request and answer.
#ifndef CUBBY_PROTO_PROTOCOL_H_
#define CUBBY_PROTO_PROTOCOL_H_

#include <cstdint>

namespace cubby::proto {

// Goes up only when one side could misread the other; see the rules for change in control.proto.
// Protocol 1 carried the reply address in the request; os/fifo_posix.h has the name of its FIFO.
inline constexpr uint32_t kProtocol = 2;

}  // namespace cubby::proto

#endif  // CUBBY_PROTO_PROTOCOL_H_
