// The shape of a store: what its options ask for, and what an existing one has.
#ifndef CUBBY_SERVER_SHAPE_H_
#define CUBBY_SERVER_SHAPE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "os/mapping.h"
#include "server/options.h"
#include "table/geometry.h"

namespace cubby::server {

// Returns the mode that the option names, or the default.
uint32_t ModeAskedFor(const Options& options);
// True if the mapping has that mode, as far as the system keeps it.
bool HasModeAskedFor(const os::Mapping& mapping, const Options& options);

// Returns InvalidArgument if an option that was given is not what the existing store has.
absl::Status CheckShape(const Options& options, const os::Mapping& mapping,
                        const table::Geometry& geometry);

// True if a store of one geometry can continue to use the memory of the other.
bool SameShape(const table::Geometry& a, const table::Geometry& b);

// Returns the shape of a new store.
table::GeometryOptions ShapeAskedFor(const Options& options);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_SHAPE_H_
