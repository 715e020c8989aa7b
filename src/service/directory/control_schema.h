// The tables of the control store and their history. user_version counts the steps taken.
#pragma once

#include "base/result.h"
#include "platform/sql/database.h"

namespace mail {

// Brings the file up to this program's version, in one transaction. store_newer where it is ahead
// of us: it is left as it is. invalid_argument where it is the database of something else.
Result<void> migrate_control_store(sql::Database& database);

}  // namespace mail
