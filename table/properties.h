// A store's geometry as named properties: one line each in properties.cc, from which
// Store::Properties(), `cubby info` and docs/reference.md follow.
#ifndef CUBBY_TABLE_PROPERTIES_H_
#define CUBBY_TABLE_PROPERTIES_H_

#include <vector>

#include "base/property.h"
#include "table/geometry.h"

namespace cubby::table {

std::vector<Property> Properties(const Geometry& geometry);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_PROPERTIES_H_
