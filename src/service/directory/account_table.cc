#include "service/directory/account_table.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/result.h"

namespace mail {
namespace {

std::size_t hash_of(std::string_view address) { return std::hash<std::string_view>{}(address); }

}  // namespace

AccountTable::AccountTable(std::vector<AccountRow> rows) {
  std::vector<Entry> index;
  std::vector<AccountId> ids;
  index.reserve(rows.size());
  ids.reserve(rows.size());
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, rows.size());
    for (std::size_t at = begin; at < end; ++at) {
      index.push_back({hash_of(rows[at].address), at});
      ids.push_back(rows[at].id);
    }
    const auto from = rows.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto to = rows.begin() + static_cast<std::ptrdiff_t>(end);
    blocks_.push_back(
        std::make_shared<const Block>(std::make_move_iterator(from), std::make_move_iterator(to)));
  }
  std::ranges::sort(index);
  index_ = std::make_shared<const std::vector<Entry>>(std::move(index));
  ids_ = std::make_shared<const std::vector<AccountId>>(std::move(ids));
}

AccountTable AccountTable::with(AccountRow row) const {
  if (empty()) {
    std::vector<AccountRow> rows;
    rows.push_back(std::move(row));
    return AccountTable(std::move(rows));
  }
  MAIL_ASSERT(row.id > ids_->back());
  const auto ids = std::make_shared<std::vector<AccountId>>();
  ids->reserve(size() + 1);
  *ids = *ids_;
  ids->push_back(row.id);
  const Entry entry{hash_of(row.address), size()};
  const auto index = std::make_shared<std::vector<Entry>>();
  index->reserve(size() + 1);
  const auto place = std::ranges::lower_bound(*index_, entry);
  index->assign(index_->begin(), place);
  index->push_back(entry);
  index->insert(index->end(), place, index_->end());

  AccountTable next;
  next.blocks_ = blocks_;
  if (size() % kBlock == 0) next.blocks_.push_back(std::make_shared<const Block>());
  auto last = std::make_shared<Block>(*next.blocks_.back());
  last->push_back(std::move(row));
  next.blocks_.back() = std::move(last);
  next.index_ = index;
  next.ids_ = ids;
  return next;
}

const AccountRow* AccountTable::find(std::string_view address) const {
  if (empty()) return nullptr;
  const std::size_t hash = hash_of(address);
  for (auto entry = std::ranges::lower_bound(*index_, Entry{hash, 0});
       entry != index_->end() && entry->hash == hash; ++entry) {
    const AccountRow& row = (*this)[entry->at];
    if (row.address == address) return &row;
  }
  return nullptr;
}

const AccountRow* AccountTable::find(AccountId id) const {
  if (empty()) return nullptr;
  const auto found = std::ranges::lower_bound(*ids_, id);
  if (found == ids_->end() || *found != id) return nullptr;
  return &(*this)[static_cast<std::size_t>(found - ids_->begin())];
}

}  // namespace mail
