// Reads the tables of the control store into rows. Its file is migrated; the caller excludes
// writers.
#pragma once

#include <string_view>

#include "base/result.h"
#include "platform/sql/database.h"
#include "service/directory/directory.h"

namespace mail {

Result<Directory> read_directory(sql::Database& database);

std::unexpected<Error> no_account(std::string_view address);  // what the operator is told

}  // namespace mail
