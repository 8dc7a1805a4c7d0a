// The version of the control protocol (proto/control.proto), sent with every request and answer.
#ifndef CUBBY_PROTO_PROTOCOL_H_
#define CUBBY_PROTO_PROTOCOL_H_

#include <cstdint>

namespace cubby::proto {

// Goes up only when one side could misread the other; see the rules for change in control.proto.
inline constexpr uint32_t kProtocol = 1;

}  // namespace cubby::proto

#endif  // CUBBY_PROTO_PROTOCOL_H_
