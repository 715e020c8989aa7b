// The accounts of a snapshot, in an immutable table that shares its rows with the one before:
// adding an account copies some hundred rows and an index of numbers, not all there is, so that
// moving ten thousand accounts here takes ten thousand times as long as one. Any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "service/directory/account_row.h"

namespace mail {

class AccountTable {
 public:
  AccountTable() = default;
  explicit AccountTable(std::vector<AccountRow> rows);  // oldest first: in the order of ids

  AccountTable with(AccountRow row) const;  // younger than all others, at an address of its own

  std::size_t size() const { return ids_ == nullptr ? 0 : ids_->size(); }
  bool empty() const { return size() == 0; }
  // Rows die with the last table that has them.
  const AccountRow& operator[](std::size_t at) const {
    return (*blocks_[at / kBlock])[at % kBlock];
  }
  const AccountRow* find(std::string_view address) const;  // in lower case
  const AccountRow* find(AccountId id) const;

  class Iterator {
   public:
    using value_type = AccountRow;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const AccountTable* table, std::size_t at) : table_(table), at_(at) {}
    const AccountRow& operator*() const { return (*table_)[at_]; }
    const AccountRow* operator->() const { return &(*table_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++at_;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const AccountTable* table_ = nullptr;
    std::size_t at_ = 0;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  static constexpr std::size_t kBlock = 256;
  struct Entry {
    std::size_t hash = 0;
    std::size_t at = 0;
    auto operator<=>(const Entry&) const = default;
  };
  using Block = std::vector<AccountRow>;

  std::vector<std::shared_ptr<const Block>> blocks_;   // all full but the last
  std::shared_ptr<const std::vector<Entry>> index_;    // of addresses, by hash
  std::shared_ptr<const std::vector<AccountId>> ids_;  // rising
};

}  // namespace mail
